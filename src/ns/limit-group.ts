import { UnsupportedError } from '../base/errors.ts'
import { Cgroup, ownOwner } from '../cgroup/index.ts'
import { delegatedScope } from '../cgroup/systemd/index.ts'
import type { NotApplied } from '../features/cgroups/find-refusal.ts'
import { formatGroupName } from '../features/cgroups/owner.ts'
import type { Resources } from '../features/cgroups/resources.ts'
import type { CgroupFacts, HostFacts } from '../host/facts.ts'
import { readCgroupFacts } from '../host/process-source.ts'
import type { Agent } from '../process/agent.ts'
import type { NsSettings } from './settings.ts'

/** The container's group, and what of the limits this host does not enforce. */
export interface Limits {
  readonly group: Cgroup | null
  readonly notApplied: readonly NotApplied[]
}

/** How ids of groups of `carrel ns` begin. */
export const NS = 'ns-'

/**
 * Puts the child into a group of its own with the limits that were asked for, before it has done anything. The group is named after
 * the child's pid and this process: it goes with the root agent, and when that was killed `carrel gc` finds it by its dead owner.
 * @throws UnsupportedError naming the limit that this host cannot enforce, unless best effort was asked for
 */
export async function limitChild(root: Agent, child: Agent, settings: NsSettings, facts: HostFacts): Promise<Limits> {
  const { memoryBytes, pids, bestEffort } = settings
  if (memoryBytes === null && pids === null) return { group: null, notApplied: [] }
  const cgroups = await groupFacts(root, facts.cgroups)
  const resources = {
    ...(memoryBytes === null ? {} : { memory: withoutSwap(memoryBytes, cgroups) }),
    ...(pids === null ? {} : { pids: { limit: pids } }),
  }
  const group = await makeGroup(root, formatGroupName(`${NS}${child.pid}`, ownOwner()), resources, {
    facts: cgroups,
    bestEffort,
  })
  if ('reason' in group) return { group: null, notApplied: [group] }
  try {
    await group.add(child.pid)
    return { group, notApplied: group.notApplied }
  } catch (error) {
    await group.destroy()
    throw error
  }
}

/** Where no group at all can be made, best effort means none. */
async function makeGroup(
  root: Agent,
  name: string,
  resources: Resources,
  options: { readonly facts: CgroupFacts; readonly bestEffort: boolean },
): Promise<Cgroup | NotApplied> {
  try {
    return await Cgroup.create(root, name, resources, options)
  } catch (error) {
    if (!options.bestEffort || !(error instanceof UnsupportedError)) throw error
    const limit = Object.keys(resources).join(', ')
    return { controller: limit, limit, reason: error.message, remedy: error.remedy }
  }
}

/** No swap: where swap is counted the limit is that of both together; a v1 kernel that does not count it is asked to avoid it. */
function withoutSwap(limit: number, { swap, controllers }: CgroupFacts): NonNullable<Resources['memory']> {
  if (swap) return { limit, swap: limit }
  return controllers.memory?.version === 1 ? { limit, swappiness: 0 } : { limit }
}

/** Where systemd hands groups out, it is asked first; what it does not let us have may still be had by files. */
async function groupFacts(root: Agent, facts: CgroupFacts): Promise<CgroupFacts> {
  if (facts.manager === 'files') return facts
  try {
    await delegatedScope(root)
    return await readCgroupFacts(root)
  } catch (error) {
    if (error instanceof UnsupportedError) return facts
    throw error
  }
}
