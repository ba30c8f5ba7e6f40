import type { Process, Seccomp } from '../../bundle/spec.ts'
import { attempt } from '../../kernel/call.ts'
import type { Kernel } from '../../kernel/kernel.ts'
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
  /** Listens for `start` */
  readonly gate?: number
  /** Connected to the agent of seccomp notifications */
  readonly listener?: number
}

export interface KeepInput {
  readonly process: Process
  readonly seccomp: Seccomp | undefined
  readonly preserve: number
  /** Path of the gate's socket, if there is to be a gate */
  readonly gate: string | undefined
}

/** Collects them. @throws SyscallError, InvalidInputError */
export function keepDescriptors(kernel: Kernel, { process, seccomp, preserve, gate }: KeepInput): KeptDescriptors {
  const all: number[] = []
  const keep = (fd: number): number => LIMITS.KEPT + all.push(fd) - 1
  const stdio = process.terminal ? [] : [0, 1, 2].map(keep)
  const preserved = preservedDescriptors(kernel, preserve).map(keep)
  return {
    stdio,
    preserved,
    ...(gate === undefined ? {} : { gate: keep(listenUnix(kernel, gate)) }),
    ...(seccomp?.listenerPath && notifies(seccomp)
      ? { listener: keep(connectUnix(kernel, seccomp.listenerPath)) }
      : {}),
    all,
  }
}

/** Without a rule that notifies there is nobody to connect to (config-linux.md, "Seccomp"). */
const notifies = ({ defaultAction, syscalls = [] }: Seccomp): boolean =>
  [defaultAction, ...syscalls.map(({ action }) => action)].includes('SCMP_ACT_NOTIFY')

const F_GETFD = 1

function preservedDescriptors(kernel: Kernel, count: number): number[] {
  const wanted = Array.from({ length: count }, (_, index) => 3 + index)
  const closed = wanted.find((fd) => attempt(kernel, 'fcntl', fd, F_GETFD) < 0)
  if (closed === undefined) return wanted
  throw new InvalidInputError(
    `--preserve-fds ${count} wants descriptors 3 to ${2 + count}, and ${closed} is not open`,
    {
      field: '--preserve-fds',
    },
  )
}
