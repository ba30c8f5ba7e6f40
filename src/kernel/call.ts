import { InvalidInputError, SyscallError } from '../base/errors.ts'
import { errnoName } from '../linux/errno.ts'
import type { Kernel, SyscallArgument } from './kernel.ts'
import { NR, type OwnCall } from './numbers.ts'

/** asm-generic/errno-base.h and errno.h, the same on every architecture here: those that are told apart in this process. */
export const E = {
  ENOENT: 2,
  ESRCH: 3,
  EINTR: 4,
  ECHILD: 10,
  EAGAIN: 11,
  EEXIST: 17,
  ENOTDIR: 20,
  EINVAL: 22,
  EPIPE: 32,
  ECONNRESET: 104,
} as const

const utf8 = new TextEncoder()

/** Text as the kernel takes it, with a NUL behind. @throws InvalidInputError for text that holds one */
export function cString(text: string): Uint8Array {
  if (text.includes('\0')) {
    throw new InvalidInputError(`Text for the kernel must not hold NUL: ${JSON.stringify(text)}`, { field: 'path' })
  }
  return utf8.encode(`${text}\0`)
}

/** What a call was for, for the message of its error. */
export interface CallDetail {
  /** Arguments as `strace` prints them */
  readonly args: string
  readonly because?: string
}

/**
 * A system call of this process, begun again when a signal interrupts it.
 * @throws SyscallError
 */
export function call(kernel: Kernel, name: OwnCall, detail: CallDetail, ...args: readonly SyscallArgument[]): number {
  const result = attempt(kernel, name, ...args)
  if (result < 0) throw callError(name, detail, -result)
  return result
}

/** The same, with -errno for an error. */
export function attempt(kernel: Kernel, name: OwnCall, ...args: readonly SyscallArgument[]): number {
  for (;;) {
    const result = kernel.syscall(NR[name], ...args)
    if (result !== -E.EINTR) return result
  }
}

export function callError(name: string, { args, because }: CallDetail, errno: number): SyscallError {
  return new SyscallError({
    call: name,
    args,
    errno: errnoName(errno),
    step: 0,
    steps: 1,
    ...(because === undefined ? {} : { because }),
  })
}
