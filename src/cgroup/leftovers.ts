import { parseGroupName } from '../features/cgroups/owner.ts'
import type { GroupOwner } from '../features/cgroups/owner.ts'
import type { GroupPlace } from '../features/cgroups/group-place.ts'
import type { CgroupFacts } from '../host/facts.ts'
import type { CallOptions } from '../linux/call-options.ts'
import type { Caller } from '../process/caller.ts'
import { factsOf } from './caller-facts.ts'
import { destroyGroup } from './destroy.ts'
import { checkDirectory, parentsOf } from './find-group.ts'
import { lifeOf } from './owner.ts'

/** A group whose name tells its owner. */
export interface OwnedGroup {
  readonly id: string
  readonly name: string
  readonly owner: GroupOwner
  readonly life: 'alive' | 'dead' | 'unknown'
  readonly places: readonly GroupPlace[]
}

/**
 * Groups with an owner in their name, wherever this process makes groups: those of dead owners are leftovers.
 * @throws SyscallError, UnsupportedError
 */
export async function findOwnedGroups(caller: Caller, facts?: CgroupFacts): Promise<OwnedGroup[]> {
  const found = new Map<string, GroupPlace[]>()
  for (const parent of parentsOf(facts ?? (await factsOf(caller)))) {
    for (const { name, type } of await caller.readdir(parent.directory)) {
      if (type !== 'DT_DIR' || !parseGroupName(name)) continue
      found.set(name, [...(found.get(name) ?? []), { ...parent, directory: `${parent.directory}/${name}` }])
    }
  }
  return [...found].flatMap(([name, places]): OwnedGroup[] => {
    const parsed = parseGroupName(name)
    return parsed ? [{ ...parsed, name, places, life: lifeOf(parsed.owner) }] : []
  })
}

/**
 * Ends what is in these groups and removes them, with the groups below them; what is gone already is no failure.
 * @param shared levels above, deepest first, that go when they are empty
 * @throws SyscallError, TimeoutError, InvalidInputError
 */
export async function removeGroups(
  caller: Caller,
  places: readonly GroupPlace[],
  options: CallOptions & { readonly shared?: readonly string[] } = {},
): Promise<void> {
  const { shared = [], ...limits } = options
  places.forEach(({ directory }, index) => checkDirectory(directory, `places[${index}].directory`))
  shared.forEach((directory, index) => checkDirectory(directory, `shared[${index}]`))
  if (places.length > 0) await destroyGroup(caller, { places, shared }, { ...limits, kill: true })
}
