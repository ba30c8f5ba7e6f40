import { bytesBetween } from './bytes-between.ts'
import { textIn } from './memory-fields.ts'
import { nameOf } from './constant-set.ts'
import { DIRENT_TYPE, type DirentType } from './tables/statx.ts'

/** One entry of a directory. */
export interface DirectoryEntry {
  readonly ino: bigint
  readonly name: string
  /** File type as the file system tells it without a stat; `DT_UNKNOWN` when it does not */
  readonly type: DirentType
  /** Position after this entry, for lseek(2) */
  readonly off: bigint
}

/** The same with the name as it is on disk. */
export interface ListedEntry extends DirectoryEntry {
  /** A name is any bytes but "/" and NUL; in `name` those that are no UTF-8 are replaced by U+FFFD */
  readonly bytes: Uint8Array
}

/** Offset of the name in struct linux_dirent64. */
const NAME = 19

/** The entries in what getdents64(2) wrote; `.` and `..` are among them. */
export const decodeDirectory = (bytes: Uint8Array): DirectoryEntry[] =>
  decodeListing(bytes).map(({ ino, off, type, name }) => ({ ino, off, type, name }))

/** The same with the bytes of the names. */
export function decodeListing(bytes: Uint8Array): ListedEntry[] {
  const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength)
  const entries: ListedEntry[] = []
  for (let at = 0; at + NAME < bytes.length;) {
    const length = view.getUint16(at + 16, true)
    if (length <= NAME || at + length > bytes.length) break
    const field = bytes.subarray(at + NAME, at + length)
    const end = field.indexOf(0)
    const name = bytesBetween(field, 0, end < 0 ? field.length : end)
    entries.push({
      ino: view.getBigUint64(at, true),
      off: view.getBigUint64(at + 8, true),
      type: (nameOf(DIRENT_TYPE, bytes[at + 18]!) ?? 'DT_UNKNOWN') as DirentType,
      name: textIn(name),
      bytes: name,
    })
    at += length
  }
  return entries
}
