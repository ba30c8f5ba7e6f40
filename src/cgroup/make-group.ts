import { CarrelError, type SyscallFailure, type UnsupportedError } from '../base/errors.ts'
import type { NotApplied } from '../features/cgroups/find-refusal.ts'
import { groupSteps, openGroup, removeSteps } from '../features/cgroups/group-steps.ts'
import type { CgroupPlan } from '../features/cgroups/plan-cgroups.ts'
import { unsupported } from '../features/cgroups/require-applied.ts'
import { deviceRefusal, deviceSteps } from '../features/devices/device-steps.ts'
import type { Caller } from '../process/caller.ts'
import { type Program, program } from '../program/builder.ts'
import type { ProgramResult } from '../program/result.ts'
import { removeStep } from './destroy.ts'
import { GroupProgram } from './group-program.ts'

/**
 * Carries out the making of a group, in one message: makes all of it, or nothing. Gives what the kernel refused, which only limits whose
 * file is not there and device rules can be, and only where that is no failure. The own group was emptied before (`emptyOwnGroup`).
 * @throws SyscallError with file, value and reason, UnsupportedError for what the kernel does not have; what fails in the undoing is
 *   attached to it
 */
export async function makeGroup(caller: Caller, plan: CgroupPlan, bestEffort = false): Promise<readonly NotApplied[]> {
  const making = new GroupProgram()
  const made = makeSteps(making, plan)
  const result = await making.attempt(caller)
  const refusal =
    result.failure && (deviceRefusalOf(plan, result.failure) ?? fileRefusalOf(making, plan, result.failure))
  try {
    if (refusal) throw refusal.error
    making.check(result)
    return []
  } catch (error) {
    await undo(caller, made, result, error)
    if (!bestEffort || !refusal) throw error
    return [refusal.not, ...(await makeGroup(caller, refusal.rest, true))]
  }
}

/** A limit that this kernel does not have, which only shows when it is written, and the plan without it. */
interface Refusal {
  readonly error: UnsupportedError
  readonly not: NotApplied
  readonly rest: CgroupPlan
}

function deviceRefusalOf(plan: CgroupPlan, failure: SyscallFailure): Refusal | undefined {
  const error = deviceRefusal(failure)
  if (!error) return undefined
  const not = { controller: 'devices', limit: 'devices', reason: error.message, remedy: error.remedy }
  return { error, not, rest: { ...plan, devices: null } }
}

/** Which files groups have is not known beforehand where there is no group but the root to look at. */
function fileRefusalOf(
  making: GroupProgram,
  plan: CgroupPlan,
  { call, errno, step }: SyscallFailure,
): Refusal | undefined {
  const path = call === 'openat' && errno === 'ENOENT' ? making.aboutOf(step)?.path : undefined
  const group = plan.groups.find(({ files }) => files.some((write) => write.path === path))
  const [limit] = group?.files.find((write) => write.path === path)?.asks ?? []
  if (path === undefined || !group || limit === undefined) return undefined
  const file = path.slice(group.directory.length + 1)
  const not: NotApplied = {
    controller: group.controllers.find((name) => file.startsWith(`${name}.`)) ?? group.controllers[0] ?? 'cgroup',
    limit,
    reason: `groups here have no ${file}`,
    remedy: 'leave it out, or use a kernel that has it',
  }
  const groups = plan.groups.map((each) => ({ ...each, files: each.files.filter((write) => write.path !== path) }))
  return { error: unsupported(not), not, rest: { ...plan, groups } }
}

/** A directory, and the step that makes it. */
interface Made {
  readonly directory: string
  readonly step: number
}

function makeSteps(making: GroupProgram, plan: CgroupPlan): Made[] {
  groupSteps(making.p, plan)
  const made = nameSteps(making, plan)
  const unified = plan.groups.findLast(({ version, shared }) => version === 2 && !shared)
  if (plan.devices && unified) {
    const group = openGroup(making.p, unified.directory)
    deviceSteps(making.p, group, plan.devices)
    making.p.close(group)
  }
  return made
}

/** The steps of `groupSteps` are those of its writes and directories, in this order. */
function nameSteps(making: GroupProgram, plan: CgroupPlan): Made[] {
  const writes = [...plan.enable, ...plan.groups.flatMap(({ files }) => files)].values()
  const groups = plan.groups.values()
  const made: Made[] = []
  let write = writes.next().value
  for (const [step, { name }] of [...making.p.steps].entries()) {
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
