import { attempt, call, callError, cString, E } from './call.ts'
import { close, directoryOf, O, open, openIfThere, pathOf, type Place, shown } from './descriptors.ts'
import { textOf, unlink } from './files.ts'
import type { Kernel } from './kernel.ts'

const AT_REMOVEDIR = 0x200

/** Makes a directory; false when there is something of that name. @throws SyscallError */
export function makeDirectory(kernel: Kernel, place: Place, mode = 0o755): boolean {
  const result = attempt(kernel, 'mkdirat', directoryOf(place), cString(pathOf(place)), mode)
  if (result === -E.EEXIST) return false
  if (result < 0) throw callError('mkdirat', { args: `${shown(place)}, 0${mode.toString(8)}` }, -result)
  return true
}

/** Makes a directory and those above it that are missing; false when it was there. @throws SyscallError */
export function makeDirectories(kernel: Kernel, path: string, mode = 0o755): boolean {
  const result = attempt(kernel, 'mkdirat', directoryOf(path), cString(path), mode)
  const above = path.slice(0, path.replace(/\/+$/, '').lastIndexOf('/'))
  if (result === -E.ENOENT && above !== '') makeDirectories(kernel, above, mode)
  return result === 0 || makeDirectory(kernel, path, mode)
}

/** Removes an empty directory; false when there is none. @throws SyscallError */
export function removeDirectory(kernel: Kernel, place: Place): boolean {
  return unlink(kernel, place, AT_REMOVEDIR)
}

/** Names in a directory, without `.` and `..`; undefined when there is none. @throws SyscallError */
export function listDirectory(kernel: Kernel, place: Place): string[] | undefined {
  const fd = openIfThere(kernel, place, O.RDONLY | O.DIRECTORY)
  if (fd === undefined) return undefined
  try {
    return namesIn(kernel, fd, shown(place))
  } finally {
    close(kernel, fd)
  }
}

/** Removes a directory with all that is in it, following no link; false when there is none. @throws SyscallError */
export function removeTree(kernel: Kernel, place: Place): boolean {
  const fd = openIfThere(kernel, place, O.RDONLY | O.DIRECTORY | O.NOFOLLOW)
  if (fd === undefined) return false
  try {
    for (const name of namesIn(kernel, fd, shown(place))) removeEntry(kernel, [fd, name])
  } finally {
    close(kernel, fd)
  }
  return removeDirectory(kernel, place)
}

const EISDIR = 21

function removeEntry(kernel: Kernel, place: Place): void {
  const result = attempt(kernel, 'unlinkat', directoryOf(place), cString(pathOf(place)), 0)
  if (result === -EISDIR) removeTree(kernel, place)
  else if (result < 0 && result !== -E.ENOENT) throw callError('unlinkat', { args: `${shown(place)}, 0` }, -result)
}

/** struct linux_dirent64 of getdents64(2): d_ino, d_off, d_reclen, d_type, d_name. */
const RECORD_LENGTH = 16
const NAME = 19

function namesIn(kernel: Kernel, fd: number, what: string): string[] {
  const bytes = new Uint8Array(32 * 1024)
  const names: string[] = []
  for (;;) {
    const size = call(kernel, 'getdents64', { args: what }, fd, bytes, bytes.length)
    if (size === 0) return names
    for (let at = 0; at < size;) {
      const length = bytes[at + RECORD_LENGTH]! | (bytes[at + RECORD_LENGTH + 1]! << 8)
      const name = textOf(bytes.subarray(at + NAME, bytes.indexOf(0, at + NAME)))
      if (name !== '.' && name !== '..') names.push(name)
      at += length
    }
  }
}

/** The working directory. @throws SyscallError ENOENT when it was removed */
export function workingDirectory(kernel: Kernel): string {
  const bytes = new Uint8Array(4096)
  const size = call(kernel, 'getcwd', { args: '' }, bytes, bytes.length)
  return textOf(bytes.subarray(0, size - 1))
}

/** Opens a directory for places below it, and for nothing else. @throws SyscallError */
export function openDirectory(kernel: Kernel, place: Place): number {
  return open(kernel, place, O.PATH | O.DIRECTORY)
}
