/** One entry of an initramfs: a folder, or a file with its content. */
export interface ArchiveEntry {
  /** Path without a leading slash; its folders come before it */
  readonly path: string
  /** Type and permission bits, as `st_mode` has them */
  readonly mode: number
  readonly content?: Uint8Array
}

const TRAILER = 'TRAILER!!!'
const ALIGNMENT = 4

/** Packs entries as the kernel unpacks them: cpio, "new ASCII" format (Documentation/driver-api/early-userspace/buffer-format.rst). */
export function packNewc(entries: readonly ArchiveEntry[]): Uint8Array {
  const all = [...entries, { path: TRAILER, mode: 0 }]
  return Buffer.concat(all.flatMap((entry, index) => packEntry(entry, index + 1)))
}

function packEntry({ path, mode, content = new Uint8Array() }: ArchiveEntry, inode: number): readonly Uint8Array[] {
  const name = Buffer.from(`${path}\0`)
  const links = 1
  // ino, mode, uid, gid, nlink, mtime, filesize, devmajor, devminor, rdevmajor, rdevminor, namesize, check
  const fields = [inode, mode, 0, 0, links, 0, content.length, 0, 0, 0, 0, name.length, 0]
  const header = Buffer.from(`070701${fields.map((field) => field.toString(16).padStart(8, '0')).join('')}`)
  return [header, name, padding(header.length + name.length), content, padding(content.length)]
}

const padding = (length: number): Uint8Array => new Uint8Array((ALIGNMENT - (length % ALIGNMENT)) % ALIGNMENT)
