import { attempt, callError, cString, E } from './call.ts'
import { directoryOf, pathOf, type Place, shown } from './descriptors.ts'
import type { Kernel } from './kernel.ts'

/** What a path names. */
export type FileKind = 'file' | 'directory' | 'link' | 'socket' | 'fifo' | 'character' | 'block'

export interface FileStat {
  readonly kind: FileKind
  /** Permission bits with set-user-ID, set-group-ID and sticky */
  readonly mode: number
  readonly uid: number
  readonly gid: number
  readonly links: number
  readonly size: number
  readonly inode: bigint
  /** Of the file system that it lies in */
  readonly device: { readonly major: number; readonly minor: number }
  /** Of the device that it is, 0 and 0 for others */
  readonly rdev: { readonly major: number; readonly minor: number }
  /** Modification, in seconds since 1970 */
  readonly modified: number
}

/** Type bits of a mode, inode(7). */
const KINDS: Readonly<Record<number, FileKind>> = {
  0o010000: 'fifo',
  0o020000: 'character',
  0o040000: 'directory',
  0o060000: 'block',
  0o100000: 'file',
  0o120000: 'link',
  0o140000: 'socket',
}

const STATX_BASIC = 0x7ff
const AT_SYMLINK_NOFOLLOW = 0x100
const AT_EMPTY_PATH = 0x1000

/** Offsets in struct statx (statx(2)), which is 256 bytes long. */
const AT = { nlink: 16, uid: 20, gid: 24, mode: 28, ino: 32, size: 40, mtime: 112, rdev: 128, dev: 136 } as const

/** What a path names, links followed unless told otherwise; undefined when there is nothing. @throws SyscallError */
export function stat(
  kernel: Kernel,
  place: Place,
  { follow = true }: { readonly follow?: boolean } = {},
): FileStat | undefined {
  const flags = (follow ? 0 : AT_SYMLINK_NOFOLLOW) | (pathOf(place) === '' ? AT_EMPTY_PATH : 0)
  const view = new DataView(new ArrayBuffer(256))
  const bytes = new Uint8Array(view.buffer)
  const path = cString(pathOf(place))
  const result = attempt(kernel, 'statx', directoryOf(place), path, flags, STATX_BASIC, bytes)
  if (result === -E.ENOENT) return undefined
  if (result < 0) throw callError('statx', { args: shown(place) }, -result)
  return statOf(view)
}

/** What kind of thing a path names, links followed; undefined when there is nothing. @throws SyscallError */
export const kindOf = (kernel: Kernel, place: Place): FileKind | undefined => stat(kernel, place)?.kind

function statOf(view: DataView): FileStat {
  const word = (at: number): number => view.getUint32(at, true)
  const mode = view.getUint16(AT.mode, true)
  return {
    kind: KINDS[mode & 0o170000] ?? 'file',
    mode: mode & 0o7777,
    uid: word(AT.uid),
    gid: word(AT.gid),
    links: word(AT.nlink),
    size: Number(view.getBigUint64(AT.size, true)),
    inode: view.getBigUint64(AT.ino, true),
    device: { major: word(AT.dev), minor: word(AT.dev + 4) },
    rdev: { major: word(AT.rdev), minor: word(AT.rdev + 4) },
    modified: Number(view.getBigInt64(AT.mtime, true)) + word(AT.mtime + 8) / 1e9,
  }
}
