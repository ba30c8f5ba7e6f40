import { isBind, plannedMounts } from '../../bundle/mounts/mount-facts.ts'
import { containerNodes } from '../../bundle/root/device-list.ts'
import type { Config } from '../../bundle/spec.ts'
import type { GroupPlace } from '../../features/cgroups/group-place.ts'
import { close, O, open } from '../../kernel/descriptors.ts'
import { readText } from '../../kernel/files.ts'
import type { Kernel } from '../../kernel/kernel.ts'
import { decodeMountinfo, type MountEntry } from '../../linux/mountinfo.ts'
import { openInRoot } from './open-in-root.ts'

// criu(8) cannot make mounts again that come from the host. It is told a key of each instead: with a checkpoint, which mount has it;
// with a restore, what of the host is to be there. Keys are places as the configuration has them, and names of hierarchies.

/** Words of a dump for what is mounted from the host in the mount namespace of a process. @throws SyscallError */
export function outsideMountWords(kernel: Kernel, { config, pid }: { config: Config; pid: number }): string[] {
  const entries = decodeMountinfo(readText(kernel, `/proc/${pid}/mountinfo`) ?? '')
  const root = open(kernel, `/proc/${pid}/root`, O.PATH | O.DIRECTORY)
  try {
    const found = [...outsidePlaces(config).keys()].flatMap((place) => {
      const entry = mountAt(kernel, { root, place, entries })
      return entry && (!isNode(config, place) || entry.mountPoint === place) ? [{ key: place, entry }] : []
    })
    const groups = entries.filter(isGroups).map((entry) => ({ key: groupKey(entry), entry }))
    return [...found, ...groups].flatMap(({ key, entry }) => ['--external', `mnt[${entry.mountPoint}]:${key}`])
  } finally {
    close(kernel, root)
  }
}

/** Words of a restore: what of the host is to be at each key. A key that the images do not have is nothing to criu. */
export function outsideSourceWords(
  config: Config,
  { bundle, groups }: { readonly bundle: string; readonly groups: readonly GroupPlace[] },
): string[] {
  const places = [...outsidePlaces(config)].map(([key, source]) => [
    key,
    source.startsWith('/') ? source : `${bundle}/${source}`,
  ])
  const own = groups.map((place) => [hierarchyKey(place), shownGroup(config, place)])
  return [...places, ...own].flatMap(([key, source]) => ['--external', `mnt[${key}]:${source}`])
}

/** Sources by place: binds, and nodes that are the host's where none can be made. */
function outsidePlaces(config: Config): ReadonlyMap<string, string> {
  const nodes = containerNodes(config).map(({ path }) => [path, path] as const)
  const binds = plannedMounts(config)
    .filter(isBind)
    .map(({ destination, mount }) => [destination, mount.source ?? ''] as const)
  return new Map([...nodes, ...binds])
}

const isNode = (config: Config, place: string): boolean => containerNodes(config).some(({ path }) => path === place)

/** The mount that a place of a container leads to: its links are followed as the container follows them. */
function mountAt(
  kernel: Kernel,
  { root, place, entries }: { readonly root: number; readonly place: string; readonly entries: readonly MountEntry[] },
): MountEntry | undefined {
  const fd = openInRoot(kernel, root, place)
  if (fd === undefined) return undefined
  try {
    const id = mountId(kernel, `/proc/self/fdinfo/${fd}`)
    return entries.find((entry) => entry.id === id)
  } finally {
    close(kernel, fd)
  }
}

/** Mount of an open file (proc_pid_fdinfo(5)). */
export function mountId(kernel: Kernel, fdinfo: string): number | undefined {
  const found = /^mnt_id:\s*(\d+)$/m.exec(readText(kernel, fdinfo) ?? '')
  return found ? Number(found[1]) : undefined
}

const isGroups = ({ type }: MountEntry): boolean => type === 'cgroup' || type === 'cgroup2'

const groupKey = ({ type, mountPoint }: MountEntry): string =>
  type === 'cgroup2' ? 'cgroup:' : `cgroup:${mountPoint.slice(mountPoint.lastIndexOf('/') + 1)}`

/** Directories of v1 are named for their hierarchies: `/sys/fs/cgroup/NAME/…` */
const hierarchyKey = ({ version, directory }: GroupPlace): string =>
  version === 2 ? 'cgroup:' : `cgroup:${directory.split('/')[4] ?? ''}`

const UNIFIED = /^\/sys\/fs\/cgroup(?:\/unified(?=\/))?/

/** Its own group; without a namespace of groups the whole tree of v2, as it was mounted. */
function shownGroup(config: Config, { version, directory }: GroupPlace): string {
  const isOwn = version === 1 || (config.linux?.namespaces?.some(({ type }) => type === 'cgroup') ?? false)
  return isOwn ? directory : (UNIFIED.exec(directory)?.[0] ?? directory)
}
