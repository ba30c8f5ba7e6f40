import { nested } from '../memory-fields.ts'
import {
  choice,
  count64,
  fd64,
  flags,
  i32,
  modeField,
  octal,
  reserved,
  signedCount64,
  u16,
  u32,
  u64,
  u8,
} from '../scalar-fields.ts'
import { struct } from '../struct.ts'
import { MOUNT_ATTR, MS } from '../tables/mount.ts'
import { LOCK_TYPE, OPEN, RESOLVE } from '../tables/open.ts'
import { STATX, STATX_ATTR } from '../tables/statx.ts'
import { TIMESPEC } from './process.ts'

/** openat2(2): flags, mode and how the path may be resolved. */
export const OPEN_HOW = struct('open_how', 'linux/openat2.h', () => [
  ['flags', flags(8, OPEN)],
  ['mode', { ...u64, input: 'number', print: octal }],
  ['resolve', flags(8, RESOLVE)],
])

/** mount_setattr(2); `propagation` is one of MS_PRIVATE, MS_SLAVE, MS_SHARED, MS_UNBINDABLE. */
export const MOUNT_ATTR_STRUCT = struct(
  'mount_attr',
  'linux/mount.h',
  () => [
    ['attr_set', flags(8, MOUNT_ATTR)],
    ['attr_clr', flags(8, MOUNT_ATTR)],
    ['propagation', flags(8, MS)],
    ['userns_fd', fd64],
  ],
  { typeName: 'MountAttributes', showsZeros: true },
)

/** A time of statx(2). */
export const STATX_TIMESTAMP = struct('statx_timestamp', 'linux/stat.h', () => [
  ['tv_sec', signedCount64],
  ['tv_nsec', u32],
  ['__reserved', reserved(4, 4)],
])

/** What statx(2) tells of a file. */
export const STATX_STRUCT = struct('statx', 'linux/stat.h', () => [
  ['stx_mask', flags(4, STATX)],
  ['stx_blksize', u32],
  ['stx_attributes', flags(8, STATX_ATTR)],
  ['stx_nlink', u32],
  ['stx_uid', u32],
  ['stx_gid', u32],
  ['stx_mode', modeField(2)],
  ['__spare0', reserved(2, 2)],
  ['stx_ino', u64],
  ['stx_size', count64],
  ['stx_blocks', count64],
  ['stx_attributes_mask', flags(8, STATX_ATTR)],
  ['stx_atime', nested(STATX_TIMESTAMP)],
  ['stx_btime', nested(STATX_TIMESTAMP)],
  ['stx_ctime', nested(STATX_TIMESTAMP)],
  ['stx_mtime', nested(STATX_TIMESTAMP)],
  ['stx_rdev_major', u32],
  ['stx_rdev_minor', u32],
  ['stx_dev_major', u32],
  ['stx_dev_minor', u32],
  ['stx_mnt_id', u64],
  ['stx_dio_mem_align', u32],
  ['stx_dio_offset_align', u32],
  ['__spare3', reserved(96, 8)],
])

/** The fixed part of a directory entry of getdents64(2); the name follows. */
export const LINUX_DIRENT64 = struct(
  'linux_dirent64',
  'linux/dirent.h',
  () => [
    ['d_ino', u64],
    ['d_off', u64],
    ['d_reclen', u16],
    ['d_type', u8],
  ],
  { c: '', typeName: 'DirentHeader' },
)

/** Both times that utimensat(2) sets. */
export const FILE_TIMES = struct(
  'file_times',
  '',
  () => [
    ['atime', nested(TIMESPEC)],
    ['mtime', nested(TIMESPEC)],
  ],
  { c: '' },
)

/** A lock of fcntl(2). */
export const FLOCK = struct('flock', 'linux/fcntl.h', () => [
  ['l_type', choice(2, LOCK_TYPE)],
  ['l_whence', u16],
  ['l_start', signedCount64],
  ['l_len', signedCount64],
  ['l_pid', i32],
])
