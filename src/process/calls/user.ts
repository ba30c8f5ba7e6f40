import { InvalidInputError, StateError } from '../../base/errors.ts'
import type { Call, Param } from '../../linux/call.ts'
import type { CallOptions } from '../../linux/call-options.ts'
import { choice } from '../../linux/params.ts'
import { Ref } from '../../linux/ref.ts'
import { NONE, out } from '../../linux/results.ts'
import { outIds } from '../../linux/set-params.ts'
import { PRCTL } from '../../linux/tables/prctl.ts'
import { type Program, program } from '../../program/builder.ts'
import { type ProgramResult, succeeded } from '../../program/result.ts'
import type { Caller } from '../caller.ts'

/** Who a process is: all of its ids, real, effective, saved and those of file accesses. */
export interface User {
  readonly uid: number
  readonly gid: number
  /** Supplementary groups, all of them; default: none */
  readonly groups?: readonly number[]
}

/** How `userSteps` treats groups that it may not set. */
export interface UserStepsOptions {
  /** setgroups(2) is denied in this user namespace (user_namespaces(7)): the groups stay, and are no reason to stop */
  readonly groupsStay?: boolean
}

/** What `userSteps` leaves to be read: give it the program's result. */
export interface UserCheck {
  /** @throws StateError when the kernel tells other ids than those that were set, or the parent ended meanwhile */
  verify(result: ProgramResult): void
}

/**
 * Adds the steps that make a process another user: groups first, user last, because each needs a right that the next one gives away. Then
 * they are read back, and the parent-death signal, which the kernel clears when credentials change (prctl(2)), is set again.
 * @throws InvalidInputError
 */
export function userSteps(p: Program, user: User, options: UserStepsOptions = {}): UserCheck {
  checkUser(user)
  const { groups = [] } = user
  p.because('user', 'Groups before the user: afterwards the right to set them is gone')
  const before = p.getppid()
  const deathSignal = deathSignalStep(p)
  if (options.groupsStay) p.tolerate('EPERM')
  p.setgroups(groups)
  p.setresgid(user.gid, user.gid, user.gid)
  p.setresuid(user.uid, user.uid, user.uid)
  p.because('user', 'The kernel clears the parent-death signal with the old credentials')
  p.prctl('PR_SET_PDEATHSIG', deathSignal)
  p.because('user', 'Read back: who it is now, and whether its parent ended while it had no parent-death signal')
  const after = p.getppid()
  const uids = p.getresuid()
  const gids = p.getresgid()
  // More groups than were set do not fit: EINVAL, getgroups(2).
  const list = p.tolerate('EINVAL').add(getgroups(groups.length + 1), []) as Ref<readonly number[]>
  return {
    verify(result) {
      checkIds('uid', result.get(uids), user.uid)
      checkIds('gid', result.get(gids), user.gid)
      if (!options.groupsStay) checkGroups(result.get(list), groups)
      checkParent(result.get(before), result.get(after))
    },
  }
}

/** Carries it out in one program. @throws InvalidInputError, SyscallError, StateError */
export async function becomeUser(caller: Caller, user: User, options: CallOptions): Promise<void> {
  const p = program()
  const check = userSteps(p, user)
  const result = await caller.attempt(p, options)
  if (!result.failure) return verified(caller, check, result)
  // setgroups comes first: nothing has changed yet.
  const refused = result.failure.call === 'setgroups' && result.failure.errno === 'EPERM'
  if (!refused || user.groups !== undefined || !(await groupsAreDenied(caller, options))) {
    succeeded(result)
  }
  const second = program()
  const again = userSteps(second, user, { groupsStay: true })
  return verified(caller, again, await caller.run(second, options))
}

async function verified(caller: Caller, check: UserCheck, result: ProgramResult): Promise<void> {
  try {
    check.verify(result)
  } catch (error) {
    // It may be anybody, or an orphan that nothing would end: it does not stay.
    const p = program()
    p.exit_group(1)
    await caller.attempt(p).catch(() => {})
    throw error
  }
}

async function groupsAreDenied(caller: Caller, options: CallOptions): Promise<boolean> {
  const p = program()
  const file = p.openat('AT_FDCWD', '/proc/self/setgroups', ['O_RDONLY', 'O_CLOEXEC'])
  const text = p.read(file, DENY.length)
  p.close(file)
  const result = await caller.attempt(p, options)
  return !result.failure && new TextDecoder().decode(result.get(text)) === DENY
}

/** user_namespaces(7), "The /proc/[pid]/setgroups file" */
const DENY = 'deny'

/** Adds the reading of the parent-death signal; its number can be used by a later step. */
function deathSignalStep(p: Program): Ref<number> {
  let at = 0
  const signal: Param = {
    name: 'signal',
    type: 'number',
    implied: true,
    encode(_value, to) {
      at = to.reserve(4)
      to.push({ kind: 'reply', value: at })
      return { at, decode: () => undefined }
    },
    print: () => '…',
  }
  p.add({ name: 'prctl', params: [choice(PRCTL, 'option'), signal], result: NONE }, ['PR_GET_PDEATHSIG'])
  return new Ref<number>(p, { kind: 'load', value: at }, 'pdeathsig')
}

const getgroups = (room: number): Call => ({
  name: 'getgroups',
  params: [outIds(room)],
  result: out('readonly number[]'),
})

/** The largest id; the one above it, -1, leaves an id as it is (setresuid(2)). */
const LARGEST_ID = 2 ** 32 - 2
/** NGROUPS_MAX of linux/limits.h */
const MOST_GROUPS = 65_536

/** @throws InvalidInputError */
function checkUser(user: User): void {
  if (typeof (user as unknown) !== 'object' || (user as unknown) === null) {
    throw new InvalidInputError('user must be an object with uid and gid', { field: 'user' })
  }
  const { uid, gid, groups = [] } = user
  checkId(uid, 'uid')
  checkId(gid, 'gid')
  if (!Array.isArray(groups) || groups.length > MOST_GROUPS) {
    throw new InvalidInputError(`groups must be a list of at most ${MOST_GROUPS} group ids`, { field: 'groups' })
  }
  groups.forEach((group, index) => checkId(group, `groups[${index}]`))
}

function checkId(value: unknown, field: string): void {
  if (typeof value === 'number' && Number.isInteger(value) && value >= 0 && value <= LARGEST_ID) return
  throw new InvalidInputError(`${field} must be an id from 0 to ${LARGEST_ID}, not ${String(value)}`, { field })
}

/** @throws StateError */
function checkIds(kind: string, found: Readonly<Record<string, number>>, wanted: number): void {
  if (Object.values(found).every((id) => id === wanted)) return
  const state = Object.entries(found)
    .map(([name, id]) => `${name} ${id}`)
    .join(', ')
  throw new StateError(`Process is not the user that it was made: ${state}`, { state, wanted: `${kind} ${wanted}` })
}

/** The kernel keeps the list sorted by its own numbers. @throws StateError */
function checkGroups(found: readonly number[] | number, wanted: readonly number[]): void {
  const inOrder = (list: readonly number[]) => [...list].sort((a, b) => a - b).join(', ')
  const state = Array.isArray(found) ? inOrder(found) : `more than ${wanted.length}`
  if (state === inOrder(wanted)) return
  throw new StateError(`Process has other groups than those that were set: ${state}`, {
    state,
    wanted: inOrder(wanted) || 'no groups',
  })
}

/** @throws StateError */
function checkParent(before: number, after: number): void {
  if (before === after) return
  throw new StateError(`Parent ended while the process became another user`, {
    state: `parent ${after}`,
    wanted: `parent ${before}`,
  })
}
