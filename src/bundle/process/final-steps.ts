import { SyscallError } from '../../base/errors.ts'
import type { Fd, Ref } from '../../linux/ref.ts'
import type { Program } from '../../program/builder.ts'
import { type DescriptorMove, descriptorsStep } from '../../program/special.ts'
import { LIMITS } from '../../protocol/wire.ts'
import type { OciFilter } from '../seccomp/oci-seccomp.ts'
import { type Listener, ociSeccompSteps } from '../seccomp/seccomp-steps.ts'
import type { Process, Rlimit } from '../spec.ts'
import { finalAffinitySteps } from './affinity.ts'
import { errnoWords } from './errno-words.ts'
import { notExecutable } from './executable.ts'
import { openFilesLimit, openFilesSteps } from './resources.ts'

/** What the steps after the gate are planned from. */
export interface FinalInput {
  readonly process: Process
  /** Of `ReadyResult` */
  readonly executable: string
  readonly env: readonly string[]
  /** What the program finds at 0, 1, 2 and further numbers; every other descriptor is closed by the exec */
  readonly descriptors: readonly DescriptorMove[]
  /** A further process of a container: execCPUAffinity counts */
  readonly exec?: boolean
  /** It is killed when whoever orders this ends, which is its parent by now */
  readonly endsWithCaller?: boolean
  /** RLIMIT_NOFILE when `rlimits` has none: what the caller of the runtime had */
  readonly openFiles?: Omit<Rlimit, 'type'>
  readonly filter?: OciFilter
  /** When the filter tells an agent */
  readonly listener?: Listener
}

/** The last steps of a process that becomes the program; none of them should fail but the execution itself. */
export function finalSteps(p: Program, input: FinalInput): void {
  const { process: asked, executable, env, descriptors, exec = false, filter, listener } = input
  if (input.endsWithCaller) endWithCallerSteps(p)
  p.because('exec', 'Only the named descriptors reach the program, every other one is close-on-exec (CVE-2024-21626)')
  const socket = listener && keepApart(p, listener.socket, descriptors)
  descriptorsStep(p, descriptors)
  if (exec) finalAffinitySteps(p, asked)
  openFilesSteps(p, openFilesLimit(asked) ?? input.openFiles)
  p.because('exec', 'The agent blocks signals for its signalfd; a program starts with none blocked')
  p.rt_sigprocmask('SIG_SETMASK', [])
  if (filter) ociSeccompSteps(p, filter, listener && socket && { socket, message: listener.message })
  p.because('exec', 'The program: from here on the code is not ours')
  p.execve(executable, asked.args ?? [], env)
}

/**
 * The parent-death signal is set after the last change of user, which clears it (prctl(2)); whoever ended before that is missed by the
 * signal and is found out by its connection.
 */
function endWithCallerSteps(p: Program): void {
  p.because(
    'exec',
    'Whatever ends the caller ends this: the kernel kills it, no clean-up of the caller is needed for that',
  )
  p.prctl('PR_SET_PDEATHSIG', SIGKILL, 0, 0, 0)
  p.because(
    'exec',
    'EPIPE when the caller has ended before: nothing is sent, the kernel looks for the other end all the same',
  )
  p.sendmsg(LIMITS.CONTROL, { data: '' }, ['MSG_NOSIGNAL'])
}

const SIGKILL = 9

/** Moves a descriptor above all that the program gets: its own number may be one of these. */
function keepApart(p: Program, fd: Ref<Fd> | number, descriptors: readonly DescriptorMove[]): Ref<Fd> {
  const above = Math.max(2, ...descriptors.map(([, target]) => target)) + 1
  const copy = p.fcntl(fd, 'F_DUPFD_CLOEXEC', above)
  p.close(fd)
  return copy as unknown as Ref<Fd>
}

/** A failed execution in the words that engines look for; other errors are returned as they are. */
export function finalError(error: unknown, executable: string): unknown {
  if (!(error instanceof SyscallError) || error.call !== 'execve') return error
  return notExecutable(`exec ${executable}: ${errnoWords(error.errno)}`)
}

/** Sockets from descriptor 3 on (sd_listen_fds(3)): for the first process, which is number 1 of its pid namespace. */
export const listenEnv = (count: number): string[] => [`LISTEN_FDS=${count}`, 'LISTEN_PID=1']
