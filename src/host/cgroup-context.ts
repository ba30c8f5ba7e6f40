import { no } from './answer.ts'
import type { Answer, SystemdFacts } from './facts.ts'
import type { MountEntry } from '../linux/mountinfo.ts'
import type { HostSource } from './source.ts'

/** What every cgroup probe reads from. */
export interface CgroupContext {
  readonly source: HostSource
  readonly mounts: readonly MountEntry[]
  readonly memberships: readonly Membership[]
  /** Effective user id; whether it is root in its user namespace decides between places and between remedies */
  readonly uid: number
  readonly systemd: SystemdFacts | null
}

/** One line of /proc/self/cgroup, cgroups(7): hierarchy, its controllers (none on v2), path from the cgroup namespace's root. */
export interface Membership {
  readonly controllers: readonly string[]
  readonly path: string
  readonly version: 1 | 2
}

/** Whether a v2 directory is other than the root of its whole hierarchy: only the root has no cgroup.events. */
export const isInnerGroup = (source: HostSource, directory: string): boolean =>
  source.entry(`${directory}/cgroup.events`) !== undefined

export function parseMemberships(text: string): Membership[] {
  return text.split('\n').flatMap((line): Membership[] => {
    const [, hierarchy, controllers, path] = /^(\d+):([^:]*):(.*)$/.exec(line) ?? []
    if (controllers === undefined || path === undefined) return []
    const v2 = hierarchy === '0' && controllers === ''
    return [{ controllers: controllers.split(',').filter(Boolean), path, version: v2 ? 2 : 1 }]
  })
}

/**
 * Where a group can be seen below a mount: its path from the mount's root, or undefined when that part of the tree is not
 * mounted here (bind-mounted elsewhere, or outside this cgroup namespace: `/..`).
 */
export function findPath(mount: MountEntry, path: string): string[] | undefined {
  const root = mount.root === '/' ? '' : mount.root
  if (path !== root && !path.startsWith(`${root}/`)) return undefined
  const names = path.slice(root.length).split('/').filter(Boolean)
  return names.includes('..') ? undefined : names
}

/** What access(2) said about making groups in a directory, as an answer. */
export function writeAnswer(directory: string, errno: string, remedy: string): Answer {
  if (errno === 'EROFS') {
    return no(
      `${directory} is mounted read-only`,
      `mount -o remount,rw the cgroup file system, or run outside this container`,
    )
  }
  if (errno === 'ENOENT') return no(`${directory} does not exist`, 'mount the whole cgroup hierarchy')
  return no(`this process may not write to ${directory}`, remedy)
}
