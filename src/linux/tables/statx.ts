import { type NameOf, choiceSet, flagSet } from '../constant-set.ts'

/** Fields that statx(2) is asked for. */
export const STATX = flagSet('StatxMask', 'linux/stat.h', () => ({
  STATX_BASIC_STATS: 0x7ff,
  STATX_TYPE: 1,
  STATX_MODE: 2,
  STATX_NLINK: 4,
  STATX_UID: 8,
  STATX_GID: 0x10,
  STATX_ATIME: 0x20,
  STATX_MTIME: 0x40,
  STATX_CTIME: 0x80,
  STATX_INO: 0x100,
  STATX_SIZE: 0x200,
  STATX_BLOCKS: 0x400,
  STATX_BTIME: 0x800,
  STATX_MNT_ID: 0x1000,
  STATX_DIOALIGN: 0x2000,
  STATX_MNT_ID_UNIQUE: 0x4000, // Linux 6.8
  STATX_SUBVOL: 0x8000, // Linux 6.10
  STATX_WRITE_ATOMIC: 0x10000, // Linux 6.11
  STATX_DIO_READ_ALIGN: 0x20000, // Linux 6.14
}))
export type StatxMask = NameOf<typeof STATX>

/** Attributes of a file in `struct statx`. */
export const STATX_ATTR = flagSet('StatxAttr', 'linux/stat.h', () => ({
  STATX_ATTR_COMPRESSED: 4,
  STATX_ATTR_IMMUTABLE: 0x10,
  STATX_ATTR_APPEND: 0x20,
  STATX_ATTR_NODUMP: 0x40,
  STATX_ATTR_ENCRYPTED: 0x800,
  STATX_ATTR_AUTOMOUNT: 0x1000,
  STATX_ATTR_MOUNT_ROOT: 0x2000,
  STATX_ATTR_VERITY: 0x100000,
  STATX_ATTR_DAX: 0x200000,
  STATX_ATTR_WRITE_ATOMIC: 0x400000, // Linux 6.11
}))
export type StatxAttr = NameOf<typeof STATX_ATTR>

/** File types in the mode of a file (inode(7)). */
export const FILE_TYPE = choiceSet('FileType', 'linux/stat.h', () => ({
  S_IFSOCK: 0o140000,
  S_IFLNK: 0o120000,
  S_IFREG: 0o100000,
  S_IFBLK: 0o60000,
  S_IFDIR: 0o40000,
  S_IFCHR: 0o20000,
  S_IFIFO: 0o10000,
}))
export type FileType = NameOf<typeof FILE_TYPE>

/** File types in a directory entry. */
export const DIRENT_TYPE = choiceSet('DirentType', 'dirent.h', () => ({
  DT_UNKNOWN: 0,
  DT_FIFO: 1,
  DT_CHR: 2,
  DT_DIR: 4,
  DT_BLK: 6,
  DT_REG: 8,
  DT_LNK: 10,
  DT_SOCK: 12,
  DT_WHT: 14,
}))
export type DirentType = NameOf<typeof DIRENT_TYPE>
