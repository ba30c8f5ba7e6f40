import { SyscallError } from '../base/errors.ts'
import { attempt, call, callError, E } from './call.ts'
import { readText } from './files.ts'
import type { Kernel } from './kernel.ts'

/** What tells a process from a later one with its number. */
export interface ProcessStat {
  /** Clock ticks since boot (proc_pid_stat(5), field 22) */
  readonly startTime: number
  /** `R` `S` `D` `T` `t` `Z` `X` `I` */
  readonly state: string
  /** Pid of its parent, as the proc file system numbers it */
  readonly parent: number
  /** It runs no program any more, though it may take a while to be gone */
  readonly exiting: boolean
}

/** include/linux/sched.h, in field 9 of proc_pid_stat(5) */
const PF_EXITING = 4

/** Of a process as this pid namespace numbers it; undefined when there is none. @throws SyscallError */
export function readProcess(kernel: Kernel, pid: number): ProcessStat | undefined {
  const text = readProcFile(kernel, `/proc/${pid}/stat`)
  if (text === undefined) return undefined
  // The name stands in parentheses and may hold any character, a parenthesis too.
  const fields = text.slice(text.lastIndexOf(')') + 2).split(' ')
  const [state = '', parent, , , , , flags] = fields
  return { startTime: Number(fields[19]), state, parent: Number(parent), exiting: (Number(flags) & PF_EXITING) !== 0 }
}

/**
 * Whether the process is the one that began then, and has not ended. The first one of a pid namespace sleeps in its end until all others
 * were reaped (pid_namespaces(7)), and those that joined are somebody else's to reap.
 */
export function isAlive(kernel: Kernel, pid: number, startTime: number): boolean {
  const found = readProcess(kernel, pid)
  if (found === undefined || found.startTime !== startTime) return false
  return found.state !== 'Z' && found.state !== 'X' && !found.exiting
}

/** A descriptor that stands for a process; undefined when there is none. @throws SyscallError */
export function openPidfd(kernel: Kernel, pid: number): number | undefined {
  const fd = attempt(kernel, 'pidfd_open', pid, 0)
  if (fd === -E.ESRCH) return undefined
  if (fd < 0) throw callError('pidfd_open', { args: `${pid}, 0` }, -fd)
  return fd
}

/** Sends a signal by number, 0 to ask; false when the process has ended. @throws SyscallError */
export function signalPidfd(kernel: Kernel, pidfd: number, signal: number): boolean {
  return delivered(
    'pidfd_send_signal',
    `${pidfd}, ${signal}`,
    attempt(kernel, 'pidfd_send_signal', pidfd, signal, null, 0),
  )
}

/** As `signalPidfd`, by a pid: the caller knows that it is still the process that is meant (its own child). */
export function signalProcess(kernel: Kernel, pid: number, signal: number): boolean {
  return delivered('kill', `${pid}, ${signal}`, attempt(kernel, 'kill', pid, signal))
}

function delivered(name: string, args: string, result: number): boolean {
  if (result === -E.ESRCH) return false
  if (result < 0) throw callError(name, { args }, -result)
  return true
}

/** Waits for a child of this process; its status as wait4(2) gives it, undefined when there is no such child. @throws SyscallError */
export function waitChild(kernel: Kernel, pid: number): number | undefined {
  const status = new Int32Array(1)
  const bytes = new Uint8Array(status.buffer)
  const result = attempt(kernel, 'wait4', pid, bytes, 0, null)
  if (result === -E.ECHILD) return undefined
  if (result < 0) throw callError('wait4', { args: String(pid) }, -result)
  return status[0]
}

const RLIMIT_NOFILE = 7

/** A soft and a hard limit; undefined is none (RLIM_INFINITY). */
export interface Limit {
  readonly soft: bigint | undefined
  readonly hard: bigint | undefined
}

/**
 * The limit of open files that this process was started with. Node raises the soft one while it starts; the parent still has what it
 * handed on, unless it has other limits.
 * @throws SyscallError
 */
export function inheritedFileLimit(kernel: Kernel): Limit {
  const own = fileLimit(kernel)
  if (!kernel.raisesFileLimit) return own
  const line = /^Max open files +(\S+) +(\S+)/m.exec(parentLimits(kernel) ?? '')
  if (!line) return own
  const [soft, hard] = [limitOf(line[1]), limitOf(line[2])]
  return hard === own.hard && isBelow(soft, own.soft) ? { soft, hard } : own
}

/** None where the parent is somebody else's, or outside this pid namespace (pid 0). */
function parentLimits(kernel: Kernel): string | undefined {
  try {
    return readText(kernel, `/proc/${attempt(kernel, 'getppid')}/limits`)
  } catch {
    return undefined
  }
}

/** A file of a process or thread; undefined when that is not there, or ends between open(2) and read(2), which gives ESRCH. @throws SyscallError */
export function readProcFile(kernel: Kernel, path: string): string | undefined {
  try {
    return readText(kernel, path)
  } catch (error) {
    if (error instanceof SyscallError && error.errno === 'ESRCH') return undefined
    throw error
  }
}

function fileLimit(kernel: Kernel): Limit {
  const words = new BigUint64Array(2)
  const bytes = new Uint8Array(words.buffer)
  call(kernel, 'prlimit64', { args: '0, RLIMIT_NOFILE' }, 0, RLIMIT_NOFILE, null, bytes)
  const [soft, hard] = [words[0]!, words[1]!]
  return { soft: soft === INFINITY ? undefined : soft, hard: hard === INFINITY ? undefined : hard }
}

const INFINITY = 0xffff_ffff_ffff_ffffn

const limitOf = (text: string | undefined): bigint | undefined =>
  text === undefined || text === 'unlimited' ? undefined : BigInt(text)

const isBelow = (limit: bigint | undefined, other: bigint | undefined): boolean =>
  limit !== undefined && (other === undefined || limit <= other)
