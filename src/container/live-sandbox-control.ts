import { StateError, UnsupportedError } from '../base/errors.ts'
import { freezeGroup, thawGroup } from '../cgroup/freeze.ts'
import { readStatistics } from '../cgroup/read-statistics.ts'
import { updateGroup } from '../cgroup/update-group.ts'
import type { Resources } from '../features/cgroups/resources.ts'
import type { CgroupFacts } from '../host/facts.ts'
import type { SandboxRecord } from '../plan/sandbox-record.ts'
import type { Caller } from '../process/caller.ts'
import type { LiveSandbox } from './live-sandbox.ts'

/** Stops everything in a sandbox; resolves when all of it stands still. Idempotent. @throws StateError, UnsupportedError, TimeoutError, SyscallError */
export async function pauseSandbox(caller: Caller, sandbox: LiveSandbox): Promise<void> {
  assertControllable(sandbox)
  if (sandbox.status !== 'paused') await freezeGroup(caller, sandbox.record.places, {})
}

/** Lets it go on. Idempotent. @throws StateError, UnsupportedError, SyscallError */
export async function resumeSandbox(caller: Caller, sandbox: LiveSandbox): Promise<void> {
  assertControllable(sandbox)
  await thawGroup(caller, sandbox.record.places)
}

/**
 * Changes what a sandbox may use: only what is named. A sandbox that may not swap may not swap afterwards either, unless that is named.
 * @throws InvalidInputError, StateError; UnsupportedError for what its groups cannot enforce; SyscallError with the kernel's reason
 */
export async function updateSandbox(
  caller: Caller,
  sandbox: LiveSandbox,
  resources: Resources,
  facts: CgroupFacts,
): Promise<void> {
  assertControllable(sandbox)
  const { places } = sandbox.record
  await updateGroup(caller, places, facts, { resources: await withSwap(caller, sandbox.record, resources) })
}

/**
 * A change of memory, with swap staying none where it is: what `memory.swap` bounds is memory and swap together, so it goes with the limit.
 * @throws SyscallError
 */
export async function withSwap(
  caller: Caller,
  group: Pick<SandboxRecord, 'places'>,
  resources: Resources,
): Promise<Resources> {
  const { memory } = resources
  if (memory?.limit === undefined || memory.swap !== undefined) return resources
  const [now] = await readStatistics(caller, [group], ['memory', 'swap'])
  return now?.memory?.swapLimitBytes === 0 ? { ...resources, memory: { ...memory, swap: memory.limit } } : resources
}

/** @throws StateError for one that has ended or is not made yet, UnsupportedError for one without groups */
export function assertControllable({ record, status }: LiveSandbox): void {
  if (status === 'dead' || status === 'starting') {
    const why = status === 'dead' ? 'has ended: carrel gc removes what is left of it' : 'is being made: try again'
    throw new StateError(`Sandbox ${record.id} ${why}`, { state: status, wanted: 'running' })
  }
  if (record.places.length > 0) return
  throw new UnsupportedError(`Sandbox ${record.id} has no groups on this host`, {
    fact: 'cgroups',
    remedy: 'carrel doctor says what is missing for groups here',
  })
}
