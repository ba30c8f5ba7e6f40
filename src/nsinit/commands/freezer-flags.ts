import type { GroupPlace } from '../../features/cgroups/group-place.ts'
import type { Kernel } from '../../kernel/kernel.ts'
import { readGroupFile } from '../../oci/cgroups/processes.ts'

/** Whether a group was told to stand still itself, and whether one above it was: `1` or `0`; absent
 * where nothing can freeze. */
export interface FreezerFlags {
  readonly self_state?: string
  readonly parent_state?: string
}

/**
 * Of whichever freezer holds it: a host with a v2 tree beside v1's hierarchies has both. cgroup-v1/freezer-subsystem.rst:
 * `freezer.self_freezing`, `freezer.parent_freezing`; cgroup-v2.rst: `cgroup.freeze`, `cgroup.events`.
 */
export function freezerFlags(kernel: Kernel, groups: readonly GroupPlace[]): FreezerFlags {
  const all = groups.flatMap((place) => (place.version === 2 ? flags2(kernel, place) : flags1(kernel, place)))
  if (all.length === 0) return {}
  const any = (which: 0 | 1): string => (all.some((each) => each[which]) ? '1' : '0')
  return { self_state: any(0), parent_state: any(1) }
}

type Flags = readonly [self: boolean, above: boolean]

function flags1(kernel: Kernel, { directory, controllers }: GroupPlace): readonly Flags[] {
  if (!controllers.includes('freezer')) return []
  const isOne = (name: string): boolean => readGroupFile(kernel, `${directory}/${name}`)?.trim() === '1'
  return [[isOne('freezer.self_freezing'), isOne('freezer.parent_freezing')]]
}

function flags2(kernel: Kernel, { directory }: GroupPlace): readonly Flags[] {
  const freeze = readGroupFile(kernel, `${directory}/cgroup.freeze`)?.trim()
  if (freeze === undefined) return []
  const isFrozen = /^frozen 1$/m.test(readGroupFile(kernel, `${directory}/cgroup.events`) ?? '')
  return [[freeze === '1', isFrozen && freeze === '0']]
}
