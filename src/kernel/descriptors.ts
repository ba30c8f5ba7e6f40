import { machineArch } from '../linux/arch.ts'
import { attempt, call, callError, cString, E } from './call.ts'
import type { Kernel } from './kernel.ts'
import { NR } from './numbers.ts'
import { AT_FDCWD } from '../linux/at-fdcwd.ts'

/** A path, or one below an open directory; an absolute one ignores the directory, as openat(2). */
export type Place = string | readonly [directory: number, path: string]

const isArm = machineArch() === 'arm64'

/** asm-generic/fcntl.h, and where arm64 differs its own asm/fcntl.h. */
export const O = {
  RDONLY: 0,
  WRONLY: 1,
  RDWR: 2,
  CREAT: 0o100,
  EXCL: 0o200,
  NOCTTY: 0o400,
  TRUNC: 0o1000,
  APPEND: 0o2000,
  NONBLOCK: 0o4000,
  DIRECTORY: isArm ? 0o40000 : 0o200000,
  NOFOLLOW: isArm ? 0o100000 : 0o400000,
  CLOEXEC: 0o2000000,
  PATH: 0o10000000,
} as const

export const directoryOf = (place: Place): number => (typeof place === 'string' ? AT_FDCWD : place[0])
export const pathOf = (place: Place): string => (typeof place === 'string' ? place : place[1])

/** The first two arguments of a call that ends in "at", as `strace` prints them. */
export const shown = (place: Place): string =>
  `${typeof place === 'string' ? 'AT_FDCWD' : place[0]}, ${JSON.stringify(pathOf(place))}`

/** Opens a file, close-on-exec. @throws SyscallError */
export function open(kernel: Kernel, place: Place, flags: number, mode = 0): number {
  const fd = tryOpen(kernel, place, flags, mode)
  if (fd < 0) throw openError(place, flags, -fd)
  return fd
}

/** The same, with undefined for what does not exist. */
export function openIfThere(kernel: Kernel, place: Place, flags: number): number | undefined {
  const fd = tryOpen(kernel, place, flags)
  if (fd === -E.ENOENT) return undefined
  if (fd < 0) throw openError(place, flags, -fd)
  return fd
}

/** A descriptor or -errno. */
export function tryOpen(kernel: Kernel, place: Place, flags: number, mode = 0): number {
  return attempt(kernel, 'openat', directoryOf(place), cString(pathOf(place)), flags | O.CLOEXEC, mode)
}

/** Closes a descriptor; one that is none is nothing to do. */
export function close(kernel: Kernel, fd: number): void {
  // Not begun again after EINTR: Linux has let go of the number by then (close(2)).
  kernel.syscall(NR.close, fd)
}

/** All that a descriptor still gives. @throws SyscallError */
export function readAll(kernel: Kernel, fd: number, what = String(fd)): Uint8Array {
  return readAtMost(kernel, fd, { bytes: Infinity, what }) as Uint8Array
}

/** The same of what somebody else may have written; undefined when it is more than so many bytes. @throws SyscallError */
export function readAtMost(
  kernel: Kernel,
  fd: number,
  { bytes, what = String(fd) }: { readonly bytes: number; readonly what?: string },
): Uint8Array | undefined {
  const parts: Uint8Array[] = []
  for (let total = 0; total <= bytes;) {
    const size = call(kernel, 'read', { args: what }, fd, scratch, scratch.length)
    if (size === 0) return joined(parts, total)
    parts.push(scratch.slice(0, size))
    total += size
  }
  return undefined
}

/** Writes all of it. @throws SyscallError */
export function writeAll(kernel: Kernel, fd: number, bytes: Uint8Array, what = String(fd)): void {
  for (let at = 0; at < bytes.length;) {
    const rest = at === 0 ? bytes : bytes.subarray(at)
    at += call(kernel, 'write', { args: what }, fd, rest, rest.length)
  }
}

const scratch = new Uint8Array(16 * 1024)

function joined(parts: readonly Uint8Array[], total: number): Uint8Array {
  const [first] = parts
  if (first !== undefined && parts.length === 1) return first
  const all = new Uint8Array(total)
  let at = 0
  for (const part of parts) {
    all.set(part, at)
    at += part.length
  }
  return all
}

function openError(place: Place, flags: number, errno: number): Error {
  return callError('openat', { args: `${shown(place)}, ${flagNames(flags)}` }, errno)
}

function flagNames(flags: number): string {
  const access = ['O_RDONLY', 'O_WRONLY', 'O_RDWR'][flags & 3] ?? 'O_RDWR'
  const names = Object.entries(O).flatMap(([name, bit]) => (bit > O.RDWR && (flags & bit) === bit ? [`O_${name}`] : []))
  return [access, ...names].join('|')
}
