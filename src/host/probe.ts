import { readGroups } from './cgroup-facts.ts'
import type { HostFacts } from './facts.ts'
import { readArch, readKernel, readMemfdExec, readSeccomp, readSecurityModules } from './kernel.ts'
import { decodeMountinfo } from '../linux/mountinfo.ts'
import { readNamespaces, readUserNamespaces } from './namespaces.ts'
import { readProcMount, readProcPaths } from './proc.ts'
import { readEtcEntries, readRootEntries } from './root-entries.ts'
import { machineSource, remembering } from './source.ts'
import type { HostSource } from './source.ts'
import { readStatus } from './status.ts'
import { readSubordinate } from './subordinate.ts'
import { findTool } from './tools.ts'

/**
 * Reads what this machine can do: files only, nothing is changed, about a millisecond.
 *
 * @throws UnsupportedError without procfs, or on an architecture without tables
 */
export function readHostFacts(from: HostSource = machineSource): HostFacts {
  const source = remembering(from)
  const arch = readArch(source)
  const kernel = readKernel(source)
  const status = readStatus(source)
  const mounts = decodeMountinfo(source.text('/proc/self/mountinfo') ?? '')
  const namespaces = readNamespaces(source)
  const { uid, gid, groups, capabilities } = status
  return {
    ...{ arch, kernel, uid, gid, groups, capabilities, namespaces },
    userNamespaces: readUserNamespaces(source, namespaces, status),
    subordinate: readSubordinate(source, uid),
    ...readGroups(source, { mounts, kernel, status }),
    rootEntries: readRootEntries(source),
    etcEntries: readEtcEntries(source),
    procPaths: readProcPaths(source),
    procMount: readProcMount(mounts),
    seccomp: readSeccomp(source, status),
    securityModules: readSecurityModules(source),
    memfdExec: readMemfdExec(source),
    compiler: findTool(source, 'cc') ?? findTool(source, 'gcc') ?? findTool(source, 'clang'),
  }
}
