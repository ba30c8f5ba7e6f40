import type { Process, Seccomp } from '../../bundle/spec.ts'
import { directoryStream } from '../../features/root/directory-stream.ts'
import { attempt } from '../../kernel/call.ts'
import { readLink } from '../../kernel/files.ts'
import type { Kernel } from '../../kernel/kernel.ts'
import { kindOf } from '../../kernel/stat.ts'
import { connectUnix, listenUnix } from '../../kernel/socket.ts'
import { LIMITS } from '../../protocol/wire.ts'
import { InvalidInputError } from '../../base/errors.ts'

/** Descriptors of this process that the container's first process has from its birth on, by numbers that are known beforehand. */
export interface KeptDescriptors {
  /** In this process; attached to the maker's program in this order */
  readonly all: readonly number[]
  /** The following are numbers in the first process. Standard ones of the caller, unless there is a terminal */
  readonly stdio: readonly number[]
  /** What becomes 3, 4, … */
  readonly preserved: readonly number[]
  /** How many of these, the first ones, are sockets that the caller was handed by LISTEN_FDS (sd_listen_fds(3)) */
  readonly listening?: number
  /** Listens for `start` */
  readonly gate?: number
  /** Connected to the agent of seccomp notifications */
  readonly listener?: number
}

export interface KeepInput {
  readonly process: Process
  readonly seccomp: Seccomp | undefined
  readonly handed: Handed
  /** Path of the gate's socket, if there is to be a gate */
  readonly gate: string | undefined
}

/** Collects them. @throws SyscallError, InvalidInputError */
export function keepDescriptors(kernel: Kernel, { process, seccomp, handed, gate }: KeepInput): KeptDescriptors {
  const all: number[] = []
  const keep = (fd: number): number => LIMITS.KEPT + all.push(fd) - 1
  const stdio = process.terminal ? [] : [0, 1, 2].map((fd) => keep(checkedStream(kernel, fd)))
  const { count, listening } = handed
  const preserved = Array.from({ length: count }, (_, index) => keep(3 + index))
  return {
    stdio,
    preserved,
    ...(listening > 0 ? { listening } : {}),
    ...(gate === undefined ? {} : { gate: keep(listenUnix(kernel, gate)) }),
    ...(seccomp?.listenerPath && notifies(seccomp)
      ? { listener: keep(connectUnix(kernel, seccomp.listenerPath)) }
      : {}),
    all,
  }
}

/** @throws InvalidInputError for a directory; one that is closed is the maker's error */
function checkedStream(kernel: Kernel, fd: number): number {
  if (attempt(kernel, 'fcntl', fd, F_GETFD) >= 0 && kindOf(kernel, [fd, '']) === 'directory') throw directoryStream(fd)
  return fd
}

/** Without a rule that notifies there is nobody to connect to (config-linux.md, "Seccomp"). */
const notifies = ({ defaultAction, syscalls = [] }: Seccomp): boolean =>
  [defaultAction, ...syscalls.map(({ action }) => action)].includes('SCMP_ACT_NOTIFY')

/** Of what is kept, what becomes 3, 4, … of the program. */
export const passedOn = ({
  preserved,
  listening,
}: KeptDescriptors): Pick<KeptDescriptors, 'preserved' | 'listening'> => ({
  preserved,
  ...(listening === undefined ? {} : { listening }),
})

/** Some engines set LISTEN_PID to the caller of theirs, others not at all; a number that is another process's counts for nobody here. */
function handedSockets(kernel: Kernel): number {
  const { LISTEN_FDS: count = '', LISTEN_PID: pid } = kernel.env
  const isOurs = pid === undefined || pid === '' || Number(pid) === attempt(kernel, 'getpid')
  return isOurs && /^[1-9]\d{0,2}$/.test(count) ? Number(count) : 0
}

/** What the caller hands on: descriptors from 3 on. */
export interface Handed {
  readonly count: number
  /** How many of them, the first ones, are sockets by LISTEN_FDS */
  readonly listening: number
}

const F_GETFD = 1
/** What engines of JavaScript open for themselves before any line of this program, wherever there is room */
const OF_THE_ENGINE = /^anon_inode:\[?(?:eventpoll|eventfd|timerfd|io_uring|inotify)\]?$/

/**
 * Proves that there is what the caller wants to be handed on. Before this process opens anything itself: agents' sockets and locks of
 * state directories would take the place of what is missing. Close-on-exec tells nothing: engines set it for all they were started with.
 * @throws InvalidInputError
 */
export function handedDescriptors(kernel: Kernel, preserve = 0): Handed {
  const listening = handedSockets(kernel)
  const count = listening + preserve
  for (let fd = 3; fd < 3 + count; fd++) {
    const isOpen = attempt(kernel, 'fcntl', fd, F_GETFD) >= 0
    if (isOpen && !OF_THE_ENGINE.test(readLink(kernel, `/proc/self/fd/${fd}`) ?? '')) continue
    throw new InvalidInputError(
      `--preserve-fds or LISTEN_FDS wants descriptors 3 to ${2 + count}, and ${fd} is not open`,
      { field: '--preserve-fds' },
    )
  }
  return { count, listening }
}
