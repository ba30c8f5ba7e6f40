import { parseMemberships } from './cgroup-context.ts'
import { readCgroups } from './cgroups.ts'
import type { CgroupFacts, SystemdFacts } from './facts.ts'
import { readKernel } from './kernel.ts'
import { decodeMountinfo, type MountEntry } from '../linux/mountinfo.ts'
import { remembering } from './source.ts'
import type { HostSource } from './source.ts'
import { readStatus } from './status.ts'
import { readSystemd } from './systemd.ts'

/** What the cgroup facts are read from, besides files: other probes want some of it too. */
export interface CgroupBasis {
  readonly mounts: readonly MountEntry[]
  readonly kernel: ReturnType<typeof readKernel>
  readonly status: ReturnType<typeof readStatus>
}

/** The cgroup hierarchies alone. @throws UnsupportedError without procfs */
export function readCgroupFactsFrom(from: HostSource): CgroupFacts {
  const source = remembering(from)
  const mounts = decodeMountinfo(source.text('/proc/self/mountinfo') ?? '')
  return readGroups(source, { mounts, kernel: readKernel(source), status: readStatus(source) }).cgroups
}

/** The cgroup hierarchies, and systemd, which decides who may change them. */
export function readGroups(
  source: HostSource,
  { mounts, kernel, status }: CgroupBasis,
): { readonly cgroups: CgroupFacts; readonly systemd: SystemdFacts | null } {
  const { uid, capabilities } = status
  const memberships = parseMemberships(source.text('/proc/self/cgroup') ?? '')
  const systemd = readSystemd(source, { uid, memberships })
  return { cgroups: readCgroups({ source, mounts, memberships, uid, systemd }, { kernel, capabilities }), systemd }
}
