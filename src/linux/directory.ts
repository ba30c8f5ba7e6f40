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

/** Offset of the name in struct linux_dirent64. */
const NAME = 19

/** The entries in what getdents64(2) wrote; `.` and `..` are among them. */
export function decodeDirectory(bytes: Uint8Array): DirectoryEntry[] {
  const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength)
  const entries: DirectoryEntry[] = []
  for (let at = 0; at + NAME < bytes.length;) {
    const length = view.getUint16(at + 16, true)
    if (length <= NAME || at + length > bytes.length) break
    entries.push({
      ino: view.getBigUint64(at, true),
      off: view.getBigUint64(at + 8, true),
      type: (nameOf(DIRENT_TYPE, bytes[at + 18]!) ?? 'DT_UNKNOWN') as DirentType,
      name: textIn(bytes.subarray(at + NAME, at + length)),
    })
    at += length
  }
  return entries
}
