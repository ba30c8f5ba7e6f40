import { CarrelError, UnsupportedError } from '../base/errors.ts'
import type { NotApplied } from '../features/cgroups/find-refusal.ts'
import { groupSteps, openGroup, removeSteps, vacateSteps } from '../features/cgroups/group-steps.ts'
import type { CgroupPlan } from '../features/cgroups/plan-cgroups.ts'
import { deviceRefusal, deviceSteps } from '../features/devices/device-steps.ts'
import type { Caller } from '../process/caller.ts'
import { type Program, program } from '../program/builder.ts'
import type { ProgramResult } from '../program/result.ts'
import { removeStep } from './destroy.ts'
import { GroupProgram } from './group-program.ts'

/**
 * Carries out the making of a group, in one message: makes all of it, or nothing. Gives what the kernel refused, which only device rules
 * can be, and only where that is no failure.
 * @throws SyscallError with file, value and reason, UnsupportedError for device rules that the kernel refuses; what fails in the undoing
 *   is attached to it
 */
export async function makeGroup(caller: Caller, plan: CgroupPlan, bestEffort = false): Promise<readonly NotApplied[]> {
  const making = new GroupProgram()
  const made = makeSteps(making, plan)
  const result = await making.attempt(caller)
  try {
    const refusal = result.failure && deviceRefusal(result.failure)
    if (refusal) throw refusal
    making.check(result)
    return []
  } catch (error) {
    await undo(caller, made, result, error)
    if (!bestEffort || !plan.devices || !(error instanceof UnsupportedError)) throw error
    await makeGroup(caller, { ...plan, devices: null })
    return [{ controller: 'devices', limit: 'devices', reason: error.message, remedy: error.remedy }]
  }
}

/** A directory, and the step that makes it. */
interface Made {
  readonly directory: string
  readonly step: number
}

function makeSteps(making: GroupProgram, plan: CgroupPlan): Made[] {
  vacateSteps(making.p, plan)
  const first = making.p.steps.length
  groupSteps(making.p, plan)
  const made = nameSteps(making, plan, first)
  const unified = plan.groups.findLast(({ version, shared }) => version === 2 && !shared)
  if (plan.devices && unified) {
    const group = openGroup(making.p, unified.directory)
    deviceSteps(making.p, group, plan.devices)
    making.p.close(group)
  }
  return made
}

/** The steps of `groupSteps` are those of its writes and directories, in this order. */
function nameSteps(making: GroupProgram, plan: CgroupPlan, first: number): Made[] {
  const writes = [...plan.enable, ...plan.groups.flatMap(({ files }) => files)].values()
  const groups = plan.groups.values()
  const made: Made[] = []
  let write = writes.next().value
  for (const [offset, { name }] of making.p.steps.slice(first).entries()) {
    const step = first + offset
    if (name === 'mkdirat') {
      const directory = groups.next().value?.directory ?? ''
      made.push({ directory, step })
      making.name(step, { path: directory })
    } else if (write) making.name(step, { path: write.path, value: write.value })
    if (name === 'close') write = writes.next().value
  }
  return made
}

/** Only what was made by this program goes: what was there before is somebody else's. */
async function undo(caller: Caller, made: readonly Made[], result: ProgramResult, because: unknown): Promise<void> {
  const removing = new GroupProgram()
  const own = made.filter(({ step }) => step < result.count && result.result(step) === 0)
  for (const { directory } of own.reverse()) removeStep(removing, directory, ['ENOENT', 'EBUSY', 'ENOTEMPTY'])
  try {
    await removing.run(caller)
  } catch (error) {
    if (because instanceof CarrelError) because.cleanup.push(error)
  }
}

/** What removes the group when its maker is gone, however it went. */
export function cleanUpProgram(plan: CgroupPlan): Program {
  const p = program()
  if (plan.kill !== null) {
    p.because('cgroups', 'Whatever is left in the group ends with its owner')
    const file = p.tolerate('ENOENT').openat('AT_FDCWD', plan.kill, ['O_WRONLY', 'O_CLOEXEC'])
    p.tolerate('ENODEV').write(file, '1')
    p.close(file)
  }
  p.because('cgroups', 'The group goes with its owner')
  removeSteps(p, plan)
  return p
}

/** @throws UnsupportedError naming the first limit that this host cannot enforce */
export function assertApplied({ notApplied: [first] }: Pick<CgroupPlan, 'notApplied'>): void {
  if (!first) return
  throw new UnsupportedError(`Cannot enforce ${first.limit}, because ${first.reason}`, {
    fact: `cgroups.${first.controller}`,
    remedy: first.remedy,
  })
}
