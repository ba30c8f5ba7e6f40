import type { GroupPlace } from '../../features/cgroups/group-place.ts'
import { attempt } from '../../kernel/call.ts'
import { cString } from '../../kernel/call.ts'
import type { Kernel } from '../../kernel/kernel.ts'
import type { CgroupsPath } from '../../bundle/cgroups/cgroups-path.ts'
import type { Hierarchy } from './hierarchies.ts'
import { AT_FDCWD } from '../../linux/at-fdcwd.ts'

/** The place of a container's group in one hierarchy, with what is above it. */
export interface GroupSpot extends GroupPlace {
  readonly hierarchy: Hierarchy
  /** From the top: directories between the mount and `directory`, which are there or are made, and are left */
  readonly above: readonly string[]
  /** How many of them are there for certain: those of the own group */
  readonly known: number
  /** Group of this process, where it can be seen here and something depends on it: the path, or a count of processes */
  readonly own: string | undefined
}

/** Where a group is in one hierarchy. */
export function spotIn(kernel: Kernel, hierarchy: Hierarchy, { absolute, segments }: CgroupsPath): GroupSpot {
  const { mount, version, controllers } = hierarchy
  const own = absolute && !controllers.includes('pids') ? undefined : ownGroup(kernel, hierarchy)
  const base = absolute ? mount : besideOrBelow(hierarchy, own)
  const inner = base
    .slice(mount.length)
    .split('/')
    .filter((name) => name !== '')
  const names = [...inner, ...segments.slice(0, -1)]
  const above = names.map((_, depth) => [mount, ...names.slice(0, depth + 1)].join('/'))
  const directory = `${above.at(-1) ?? mount}/${segments.at(-1) ?? ''}`
  return { hierarchy, version, controllers, above, known: inner.length, own, directory }
}

/** The lowest of the mount and the levels above a group that is there. */
export const nearestOf = (kernel: Kernel, { hierarchy, above }: GroupSpot): string =>
  above.findLast((directory) => exists(kernel, directory)) ?? hierarchy.mount

/** A path that leads out of the cgroup namespace, or to a part that is not mounted here, is none. */
function ownGroup(kernel: Kernel, { mount, own }: Hierarchy): string | undefined {
  if (own === '/') return mount
  if (own.split('/').includes('..')) return undefined
  return exists(kernel, mount + own) ? mount + own : undefined
}

/** A v2 group with processes, as the own one is, cannot give controllers to groups below it (cgroups(7)): the one above it does. */
function besideOrBelow({ version, mount }: Hierarchy, own: string | undefined): string {
  if (own === undefined || own === mount) return mount
  return version === 1 ? own : own.slice(0, own.lastIndexOf('/'))
}

const F_OK = 0
const W_OK = 2

export const exists = (kernel: Kernel, path: string): boolean => access(kernel, path, F_OK)
export const isWritable = (kernel: Kernel, path: string): boolean => access(kernel, path, W_OK)

const access = (kernel: Kernel, path: string, mode: number): boolean =>
  attempt(kernel, 'faccessat', AT_FDCWD, cString(path), mode) === 0
