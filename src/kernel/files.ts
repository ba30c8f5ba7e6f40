import { UnsupportedError } from '../base/errors.ts'
import { attempt, call, callError, cString, E } from './call.ts'
import {
  close,
  directoryOf,
  O,
  open,
  openIfThere,
  pathOf,
  type Place,
  readAll,
  readAtMost,
  shown,
  tryOpen,
  writeAll,
} from './descriptors.ts'
import type { Kernel } from './kernel.ts'
import { stat } from './stat.ts'

const utf8 = new TextEncoder()
let decoder: { decode(bytes: Uint8Array): string } | undefined

/** Bytes as text; what is no UTF-8 becomes U+FFFD. */
export function textOf(bytes: Uint8Array): string {
  decoder ??= new TextDecoder()
  return decoder.decode(bytes)
}

/** All bytes of a file; undefined when there is none. @throws SyscallError */
export function readBytes(kernel: Kernel, place: Place): Uint8Array | undefined {
  const fd = openIfThere(kernel, place, O.RDONLY | O.NOCTTY)
  if (fd === undefined) return undefined
  try {
    return readAll(kernel, fd, JSON.stringify(pathOf(place)))
  } finally {
    close(kernel, fd)
  }
}

/** A file as text; undefined when there is none. @throws SyscallError */
export function readText(kernel: Kernel, place: Place): string | undefined {
  const bytes = readBytes(kernel, place)
  return bytes === undefined ? undefined : textOf(bytes)
}

/** Writes a file, new or not. `mode` counts for a new one, under the umask. @throws SyscallError */
export function writeText(kernel: Kernel, place: Place, content: string | Uint8Array, mode = 0o644): void {
  write(kernel, place, { content, flags: O.WRONLY | O.CREAT | O.TRUNC, mode })
}

/** Writes into a file that must exist, in one write(2): the kernel's own files take a whole value at once. @throws SyscallError */
export function writeExisting(kernel: Kernel, place: Place, content: string | Uint8Array): void {
  write(kernel, place, { content, flags: O.WRONLY, mode: 0 })
}

/** Adds to the end of a file. @throws SyscallError */
export function appendText(kernel: Kernel, place: Place, content: string | Uint8Array, mode = 0o644): void {
  write(kernel, place, { content, flags: O.WRONLY | O.CREAT | O.APPEND, mode })
}

/**
 * Replaces a file by rename(2): a reader sees all of the old one or all of the new one. `sync` also has it survive a loss of power,
 * which costs milliseconds on a disk. `again` is for a file that is known to be there, as the one that is written.
 * @throws SyscallError; what it had begun is removed
 */
export function writeAtomic(
  kernel: Kernel,
  place: Place,
  content: string | Uint8Array,
  { mode = 0o600, sync = false, again = false }: AtomicOptions = {},
): void {
  const fresh = beside(place, `${pathOf(place)}.${attempt(kernel, 'getpid')}.tmp`)
  const fd = create(kernel, fresh, mode)
  try {
    try {
      writeAll(kernel, fd, bytesOf(content), JSON.stringify(pathOf(fresh)))
      if (sync) call(kernel, 'fsync', { args: JSON.stringify(pathOf(fresh)) }, fd)
    } finally {
      close(kernel, fd)
    }
    if (!again || !exchange(kernel, fresh, place)) rename(kernel, fresh, place)
  } catch (error) {
    removeFile(kernel, fresh)
    throw error
  }
}

interface AtomicOptions {
  readonly mode?: number
  readonly sync?: boolean
  readonly again?: boolean
}

const RENAME_EXCHANGE = 2

/**
 * The two change names, and the old one is removed; false where the file system knows no such thing. ext4 writes what is renamed over a
 * file to the disk at once (ext4(5), auto_da_alloc), and who removes it soon after waits for that.
 */
function exchange(kernel: Kernel, fresh: Place, place: Place): boolean {
  const [source, target] = [cString(pathOf(fresh)), cString(pathOf(place))]
  if (attempt(kernel, 'renameat2', directoryOf(fresh), source, directoryOf(place), target, RENAME_EXCHANGE) < 0)
    return false
  removeFile(kernel, fresh)
  return true
}

/** Renames over whatever is there. @throws SyscallError */
export function rename(kernel: Kernel, from: Place, to: Place): void {
  const detail = { args: `${shown(from)}, ${shown(to)}, 0` }
  const [source, target] = [cString(pathOf(from)), cString(pathOf(to))]
  call(kernel, 'renameat2', detail, directoryOf(from), source, directoryOf(to), target, 0)
}

/** Removes a file; false when there is none. @throws SyscallError */
export function removeFile(kernel: Kernel, place: Place): boolean {
  return unlink(kernel, place, 0)
}

/** What a symbolic link holds; undefined when there is none. @throws SyscallError EINVAL for what is no link */
export function readLink(kernel: Kernel, place: Place): string | undefined {
  const link = tryReadLink(kernel, place)
  if (link === -E.ENOENT) return undefined
  if (typeof link === 'number') throw callError('readlinkat', { args: shown(place) }, -link)
  return link
}

/** The same, or -errno. */
export function tryReadLink(kernel: Kernel, place: Place): string | number {
  const bytes = new Uint8Array(4096)
  const size = attempt(kernel, 'readlinkat', directoryOf(place), cString(pathOf(place)), bytes, bytes.length)
  return size < 0 ? size : textOf(bytes.subarray(0, size))
}

/** flock(2): LOCK_SH, LOCK_EX, LOCK_NB. */
const LOCKS = { shared: 1, exclusive: 2 } as const
const WITHOUT_WAITING = 4

/**
 * Locks a file, which is made when there is none, and waits for it; closing the descriptor is unlocking.
 * @returns undefined when somebody has it and `wait` is false
 * @throws SyscallError
 */
export function lockFile(
  kernel: Kernel,
  place: Place,
  kind: keyof typeof LOCKS,
  { wait = true, mode = 0o600 }: { readonly wait?: boolean; readonly mode?: number } = {},
): number | undefined {
  const fd = open(kernel, place, O.RDWR | O.CREAT | O.NOFOLLOW, mode)
  const result = attempt(kernel, 'flock', fd, LOCKS[kind] | (wait ? 0 : WITHOUT_WAITING))
  if (result === 0) return fd
  close(kernel, fd)
  if (result === -E.EAGAIN) return undefined
  throw callError('flock', { args: JSON.stringify(pathOf(place)) }, -result)
}

/** As unlinkat(2); false when there is nothing. */
export function unlink(kernel: Kernel, place: Place, flags: number): boolean {
  const result = attempt(kernel, 'unlinkat', directoryOf(place), cString(pathOf(place)), flags)
  if (result === -E.ENOENT) return false
  if (result < 0) throw callError('unlinkat', { args: `${shown(place)}, ${flags}` }, -result)
  return true
}

interface Writing {
  readonly content: string | Uint8Array
  readonly flags: number
  readonly mode: number
}

function write(kernel: Kernel, place: Place, { content, flags, mode }: Writing): void {
  const fd = open(kernel, place, flags | O.NOCTTY, mode)
  try {
    writeAll(kernel, fd, bytesOf(content), JSON.stringify(pathOf(place)))
  } finally {
    close(kernel, fd)
  }
}

/** Whoever had this pid and was killed while it wrote has left one. */
function create(kernel: Kernel, place: Place, mode: number): number {
  const flags = O.WRONLY | O.CREAT | O.EXCL | O.NOFOLLOW
  const fd = tryOpen(kernel, place, flags, mode)
  if (fd >= 0) return fd
  if (fd !== -E.EEXIST) throw callError('openat', { args: `${shown(place)}, O_WRONLY|O_CREAT|O_EXCL` }, -fd)
  removeFile(kernel, place)
  return open(kernel, place, flags, mode)
}

const beside = (place: Place, path: string): Place => (typeof place === 'string' ? path : [place[0], path])

const bytesOf = (content: string | Uint8Array): Uint8Array =>
  typeof content === 'string' ? utf8.encode(content) : content

/**
 * The text of a file that nobody else is to have put something else in the place of: no link is followed, and what is no plain file is
 * refused instead of being waited for. Undefined when there is none.
 * @param most bytes that it may have
 * @throws SyscallError; UnsupportedError for a link, FIFO, device, socket or directory, and for more bytes
 */
export function readOwnFile(kernel: Kernel, place: Place, most = Infinity): string | undefined {
  const fd = tryOpen(kernel, place, O.RDONLY | O.NOCTTY | O.NONBLOCK | O.NOFOLLOW)
  if (fd === -E.ENOENT) return undefined
  if (fd < 0) throw callError('openat', { args: `${shown(place)}, O_RDONLY|O_NONBLOCK|O_NOFOLLOW` }, -fd)
  try {
    const isPlain = stat(kernel, [fd, ''])?.kind === 'file'
    const bytes = isPlain ? readAtMost(kernel, fd, { bytes: most, what: JSON.stringify(pathOf(place)) }) : undefined
    if (bytes !== undefined) return textOf(bytes)
    const problem = isPlain ? `has more than ${most} bytes` : 'is no plain file'
    throw new UnsupportedError(`${pathOf(place)} ${problem}: somebody has put something else in its place`, {
      fact: 'plain file',
      remedy: 'remove it',
    })
  } finally {
    close(kernel, fd)
  }
}
