import type { GroupPlace } from '../features/cgroups/group-place.ts'
import { openGroup, writeStep } from '../features/cgroups/group-steps.ts'
import type { NotApplied } from '../features/cgroups/find-refusal.ts'
import type { CgroupWrite } from '../features/cgroups/plan-cgroups.ts'
import { planUpdate, type UpdatePlan, updateReads } from '../features/cgroups/plan-update.ts'
import { requireApplied } from '../features/cgroups/require-applied.ts'
import type { Resources } from '../features/cgroups/resources.ts'
import type { DeviceRule } from '../features/devices/device-rule.ts'
import {
  DEVICE_FILTER_NAME,
  deviceRefusal,
  deviceSteps,
  filterNameSteps,
  queryDeviceSteps,
} from '../features/devices/device-steps.ts'
import type { CgroupFacts } from '../host/facts.ts'
import type { Caller } from '../process/caller.ts'
import { freezeGroup, isPaused, thawGroup } from './freeze.ts'
import { GroupProgram } from './group-program.ts'
import { PATIENCE_MS } from './patience.ts'
import { readFiles } from './read-files.ts'

export interface UpdateOptions {
  /** Leaves out what the live group cannot be given; it is in the result then */
  readonly bestEffort?: boolean
}

/**
 * Changes what a live group may use: only what is named. All is checked before the first write; a write that the kernel refuses leaves those
 * before it in place.
 * @throws InvalidInputError, UnsupportedError; SyscallError with file, value and reason
 */
export async function updateGroup(
  caller: Caller,
  places: readonly GroupPlace[],
  facts: CgroupFacts,
  { resources, bestEffort }: UpdateOptions & { readonly resources: Resources },
): Promise<readonly NotApplied[]> {
  const paths = updateReads(resources, places)
  const texts = paths.length > 0 ? await readFiles(caller, paths) : new Map<string, string | null>()
  const known = [...texts].filter((entry): entry is [string, string] => entry[1] !== null)
  const plan = planUpdate(resources, places, facts, new Map(known))
  if (!bestEffort) requireApplied(plan)
  if (plan.opens) await whileFrozen(caller, places, () => carryOut(caller, plan.writes))
  else await carryOut(caller, plan.writes)
  await replaceDevices(caller, places, plan)
  return plan.notApplied
}

/** Between two lines of devices.allow and devices.deny more may be allowed than before and after. */
async function whileFrozen(caller: Caller, places: readonly GroupPlace[], act: () => Promise<void>): Promise<void> {
  // One that somebody has paused stays so.
  if (await isPaused(caller, places)) return act()
  await freezeGroup(caller, places, { timeoutMs: PATIENCE_MS })
  try {
    await act()
  } finally {
    await thawGroup(caller, places)
  }
}

async function carryOut(caller: Caller, writes: readonly CgroupWrite[]): Promise<void> {
  if (writes.length === 0) return
  const program = new GroupProgram()
  for (const write of writes) program.about(write.path, write.value, (p) => writeStep(p, write))
  await program.run(caller)
}

async function replaceDevices(caller: Caller, places: readonly GroupPlace[], { devices }: UpdatePlan): Promise<void> {
  const unified = places.find(({ version }) => version === 2)
  if (!devices || !unified) return
  const id = await findFilter(caller, unified.directory)
  try {
    await attach(caller, unified.directory, devices, id === undefined ? undefined : { id, atOnce: true })
  } catch (error) {
    // BPF_F_REPLACE came with 5.6: before it, the flag is one that the kernel does not know.
    if (id === undefined || !isUnknownFlag(error)) throw error
    await attach(caller, unified.directory, devices, { id, atOnce: false })
  }
}

/** The filter of an earlier plan: those of systemd and of others stay, and are asked too. */
async function findFilter(caller: Caller, directory: string): Promise<number | undefined> {
  const asking = new GroupProgram()
  const group = openGroup(asking.p, directory)
  const attached = queryDeviceSteps(asking.p, group)
  asking.p.close(group)
  const { prog_ids: ids } = (await asking.run(caller)).get(attached)
  if (ids.length === 0) return undefined
  const naming = new GroupProgram()
  const named = ids.map((id) => [id, filterNameSteps(naming.p, id)] as const)
  const result = await naming.run(caller)
  const ours = named.findLast(([, ref]) => {
    const info: { readonly name: string } | number = result.get(ref)
    return typeof info !== 'number' && info.name === DEVICE_FILTER_NAME
  })
  return ours?.[0]
}

const isUnknownFlag = (error: unknown): boolean =>
  error instanceof Error && /BPF_PROG_ATTACH: EINVAL/.test(error.message)

async function attach(
  caller: Caller,
  directory: string,
  rules: readonly DeviceRule[],
  replace?: { readonly id: number; readonly atOnce: boolean },
): Promise<void> {
  const program = new GroupProgram()
  const group = openGroup(program.p, directory)
  deviceSteps(program.p, group, rules, replace)
  program.p.close(group)
  const result = await program.attempt(caller)
  const refusal = result.failure && deviceRefusal(result.failure)
  if (refusal) throw refusal
  program.check(result)
}
