import { closeSync } from 'node:fs'
import { SyscallError, type SyscallFailure } from '../base/errors.ts'
import type { GroupPlace } from '../features/cgroups/group-place.ts'
import { openGroup } from '../features/cgroups/group-steps.ts'
import { DecimalPath } from '../linux/decimal-path.ts'
import type { Flags } from '../linux/flags.ts'
import type { Fd, Pid, Ref } from '../linux/ref.ts'
import type { CloneFlag } from '../linux/tables/clone.ts'
import type { Agent } from '../process/agent.ts'
import type { Caller } from '../process/caller.ts'
import { type Program, program } from '../program/builder.ts'
import type { ProgramResult } from '../program/result.ts'
import { cloneStep } from '../program/special.ts'
import { LIMITS } from '../protocol/wire.ts'
import { GroupProgram } from './group-program.ts'

/** Where a group is, and who can name its directories. */
export interface Cradle {
  readonly caller: Caller
  readonly places: readonly GroupPlace[]
}

/**
 * Makes a child that is in a group before it does anything: born there on v2 (CLONE_INTO_CGROUP, 5.7), put there by its parent in the same
 * program on v1, where it waits for its first order until then.
 * @param parent may see no cgroup file system: the directories are opened by the group's own process
 * @throws SyscallError with the child ended again; StateError
 */
export async function forkInto(group: Cradle, parent: Agent, flags: Flags<CloneFlag>): Promise<Agent> {
  const given = parent === group.caller ? undefined : await openPlaces(group)
  try {
    return await bear(parent, flags, (p) => (given ? attachedTo(p, group.places) : openedBy(p, group.places)), given)
  } finally {
    given?.forEach((fd) => closeSync(fd))
  }
}

/** Descriptors of a group in the program that makes the child. */
interface Doors {
  /** Directory of the v2 group */
  readonly born: Ref<Fd> | undefined
  /** cgroup.procs of the others */
  readonly joined: readonly Ref<Fd>[]
  /** Whether the program has opened them, and has to close them */
  readonly isOwn: boolean
}

async function bear(
  parent: Agent,
  flags: Flags<CloneFlag>,
  open: (p: Program) => Doors,
  given: readonly number[] = [],
): Promise<Agent> {
  const p = program()
  const birth = parent.conceive()
  const attempt = async (): Promise<{ readonly result: ProgramResult; readonly pid: Ref<Pid> }> => {
    const pid = childSteps(p, flags, open(p))
    return { pid, result: await parent.attempt(p, { descriptors: [birth.socket, ...given], timeoutMs: Infinity }) }
  }
  const { result, pid } = await attempt().catch((error: unknown) => {
    birth.fail(error)
    throw error
  })
  if (!result.failure) return birth.born(result, pid)
  const error = new SyscallError({ ...result.failure, ...inWords(result.failure) })
  birth.fail(error)
  // Without its socket a child that was made all the same ends by itself.
  await birth.stillborn(result, pid)
  throw error
}

/** What clone3(2) says of a group, besides what it says of every child. */
const REASONS: Readonly<Record<string, string>> = {
  EBUSY: 'the v2 group gives controllers to groups below it, and such a group holds no processes itself',
  EOPNOTSUPP: 'the v2 group is threaded, or its kind is invalid (cgroup.type)',
  EAGAIN: 'pids.max of the group, or of one above it, allows no more',
  ENODEV: 'the group was removed in the meantime',
}

function inWords({ call, errno }: SyscallFailure): { because?: string } {
  const because = call === 'clone3' ? REASONS[errno] : undefined
  return because === undefined ? {} : { because }
}

function childSteps(p: Program, flags: Flags<CloneFlag>, { born, joined, isOwn }: Doors): Ref<Pid> {
  p.because('cgroups', 'The child is in its group from its first moment on')
  const { pid, pidfd } = cloneStep(p, { flags, control: p.attached(0), ...(born ? { cgroup: born } : {}) })
  p.send(pidfd)
  p.because('cgroups', 'In its groups before its first order: nothing escapes a limit')
  for (const procs of joined) p.syscall('write', procs, new DecimalPath('', pid), LIMITS.TEXT)
  if (isOwn) for (const fd of [...(born ? [born] : []), ...joined]) p.close(fd)
  return pid
}

const procsOf = (places: readonly GroupPlace[]): string[] =>
  places.filter(({ version }) => version === 1).map(({ directory }) => `${directory}/cgroup.procs`)

const unifiedOf = (places: readonly GroupPlace[]): string | undefined =>
  places.find(({ version }) => version === 2)?.directory

function openedBy(p: Program, places: readonly GroupPlace[]): Doors {
  const unified = unifiedOf(places)
  return {
    born: unified === undefined ? undefined : openGroup(p, unified),
    joined: procsOf(places).map((path) => p.openat('AT_FDCWD', path, ['O_WRONLY', 'O_CLOEXEC'])),
    isOwn: true,
  }
}

/** After the child's socket: the v2 directory where there is one, then the files of v1. */
function attachedTo(p: Program, places: readonly GroupPlace[]): Doors {
  const first = unifiedOf(places) === undefined ? 1 : 2
  return {
    born: first === 2 ? p.attached(1) : undefined,
    joined: procsOf(places).map((_, index) => p.attached(first + index)),
    isOwn: false,
  }
}

async function openPlaces({ caller, places }: Cradle): Promise<readonly number[]> {
  const opening = new GroupProgram()
  const { born, joined } = openedBy(opening.p, places)
  for (const fd of [...(born ? [born] : []), ...joined]) opening.p.send(fd)
  return (await opening.run(caller)).descriptors
}
