import type { Fd, Pid, Ref } from '../../linux/ref.ts'
import { type IdMap, idMapSteps, writeSteps } from '../../features/users/id-map.ts'
import type { Program } from '../../program/builder.ts'
import type { IdMapping, Linux } from '../spec.ts'
import { type JoinedNamespace, NAMESPACE_FLAGS } from './namespace-plan.ts'

/** Opens what is to be joined, before the first join changes what can be opened. */
export function openNamespaceSteps(p: Program, joined: readonly JoinedNamespace[]): Ref<Fd>[] {
  return joined.map(({ type, path }, index) => {
    p.because('namespaces', `/linux/namespaces: the ${type} namespace at ${path}, opened before any other is joined`)
    void index
    return p.openat('AT_FDCWD', path, ['O_RDONLY', 'O_CLOEXEC'])
  })
}

/**
 * Joins namespaces by descriptor; the kernel proves the type. Before a user namespace is joined the process has its own rights over
 * the others, afterwards those of its owner: whichever suffices (nsenter(1) tries in the same order).
 */
export function joinNamespaceSteps(p: Program, joined: readonly JoinedNamespace[], opened: readonly Ref<Fd>[]): void {
  const user = joined.findIndex(({ type }) => type === 'user')
  const join = (index: number) => {
    const { type, path } = joined[index] as JoinedNamespace
    p.because('namespaces', `/linux/namespaces: joins the ${type} namespace at ${path}`)
    return p.setns(opened[index] as Ref<Fd>, [NAMESPACE_FLAGS[type]])
  }
  const others = joined.map((_, index) => index).filter((index) => index !== user)
  for (const index of others) {
    if (user >= 0) p.tolerate('EPERM')
    join(index)
  }
  if (user < 0) return
  join(user)
  others.forEach(join)
}

/** Makes a time namespace for children, and sets its clocks while nobody is in it (time_namespaces(7), Linux 5.6). */
export function timeNamespaceSteps(p: Program, offsets: Linux['timeOffsets']): void {
  p.because('namespaces', 'A time namespace for the process that is made next; its clocks are set while it is empty')
  p.unshare(['CLONE_NEWTIME'])
  for (const [clock, { secs = 0, nanosecs = 0 }] of Object.entries(offsets ?? {})) {
    writeSteps(p, 'AT_FDCWD', '/proc/self/timens_offsets', `${clock} ${secs} ${nanosecs}`)
  }
}

/** The ids of a new user namespace, as the configuration says. */
export function ociIdMap(linux: Linux, writer: IdMap['writer']): IdMap {
  return { uids: rows(linux.uidMappings), gids: rows(linux.gidMappings), writer }
}

const rows = (mappings: readonly IdMapping[] = []): IdMap['uids'] =>
  mappings.map(({ containerID, hostID, size }) => ({ inside: containerID, outside: hostID, count: size }))

/** Writes the maps of a first process from its maker. */
export function ociIdMapSteps(p: Program, pid: Ref<Pid>, map: IdMap): void {
  idMapSteps(p, pid, map)
}

/** Becomes the root of a user namespace that was made or joined: until then the process has no id there. */
export function namespaceRootSteps(p: Program): void {
  p.because('users', 'Root of the user namespace: files that it makes need an id that is mapped')
  p.tolerate('EPERM').setgroups([])
  p.setresgid(0, 0, 0)
  p.setresuid(0, 0, 0)
}

/** Names of the container, in its own UTS namespace; an empty one is none, as engines mean it. */
export function nameSteps(p: Program, hostname: string | undefined, domainname: string | undefined): void {
  p.because('namespaces', '/hostname, /domainname: of its own UTS namespace')
  if (hostname) p.sethostname(hostname)
  if (domainname) p.setdomainname(domainname)
}
