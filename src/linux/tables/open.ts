import { type NameOf, choiceSet, flagSet } from '../constant-set.ts'

/** Flags of open(2); the two lowest bits are the access mode. A name for several bits stands before its parts. */
export const OPEN = flagSet(
  'OpenFlag',
  'fcntl.h',
  () => ({
    O_RDONLY: 0,
    O_WRONLY: 1,
    O_RDWR: 2,
    O_CREAT: 0o100,
    O_EXCL: 0o200,
    O_NOCTTY: 0o400,
    O_TRUNC: 0o1000,
    O_APPEND: 0o2000,
    O_NONBLOCK: 0o4000,
    O_SYNC: 0o4010000,
    O_DSYNC: 0o10000,
    O_ASYNC: 0o20000,
    O_DIRECT: { x64: 0o40000, arm64: 0o200000 },
    O_LARGEFILE: { x64: 0o100000, arm64: 0o400000 },
    O_NOFOLLOW: { x64: 0o400000, arm64: 0o100000 },
    O_TMPFILE: { x64: 0o20200000, arm64: 0o20040000 },
    O_DIRECTORY: { x64: 0o200000, arm64: 0o40000 },
    O_NOATIME: 0o1000000,
    O_CLOEXEC: 0o2000000,
    O_PATH: 0o10000000,
    O_NDELAY: 0o4000,
    FASYNC: 0o20000,
    O_FSYNC: 0o4010000,
    O_RSYNC: 0o4010000,
  }),
  { field: 3 },
)
export type OpenFlag = NameOf<typeof OPEN>

/** Path resolution of openat2(2). */
export const RESOLVE = flagSet('ResolveFlag', 'linux/openat2.h', () => ({
  RESOLVE_NO_XDEV: 1,
  RESOLVE_NO_MAGICLINKS: 2,
  RESOLVE_NO_SYMLINKS: 4,
  RESOLVE_BENEATH: 8,
  RESOLVE_IN_ROOT: 0x10,
  RESOLVE_CACHED: 0x20,
}))
export type ResolveFlag = NameOf<typeof RESOLVE>

/** Flags of the calls that end in `at` (openat(2) and others). */
export const AT = flagSet('AtFlag', 'linux/fcntl.h', () => ({
  AT_SYMLINK_NOFOLLOW: 0x100,
  AT_REMOVEDIR: 0x200,
  AT_SYMLINK_FOLLOW: 0x400,
  AT_NO_AUTOMOUNT: 0x800,
  AT_EMPTY_PATH: 0x1000,
  AT_RECURSIVE: 0x8000,
}))
export type AtFlag = NameOf<typeof AT>

/** Flags of renameat2(2). */
export const RENAME = flagSet('RenameFlag', 'linux/fs.h', () => ({
  RENAME_NOREPLACE: 1,
  RENAME_EXCHANGE: 2,
  RENAME_WHITEOUT: 4,
}))
export type RenameFlag = NameOf<typeof RENAME>

/** Flags of close_range(2). */
export const CLOSE_RANGE = flagSet('CloseRangeFlag', 'linux/close_range.h', () => ({
  CLOSE_RANGE_UNSHARE: 2,
  CLOSE_RANGE_CLOEXEC: 4,
}))
export type CloseRangeFlag = NameOf<typeof CLOSE_RANGE>

/** Flags of memfd_create(2). */
export const MFD = flagSet('MemfdFlag', 'linux/memfd.h', () => ({
  MFD_CLOEXEC: 1,
  MFD_ALLOW_SEALING: 2,
  MFD_HUGETLB: 4,
  MFD_NOEXEC_SEAL: 8, // Linux 6.3
  MFD_EXEC: 0x10, // Linux 6.3
}))
export type MemfdFlag = NameOf<typeof MFD>

/** Origins of lseek(2). */
export const SEEK = choiceSet('Whence', 'unistd.h', () => ({
  SEEK_SET: 0,
  SEEK_CUR: 1,
  SEEK_END: 2,
  SEEK_DATA: 3,
  SEEK_HOLE: 4,
}))
export type Whence = NameOf<typeof SEEK>

/** Questions of faccessat2(2). */
export const ACCESS = flagSet(
  'AccessMode',
  'unistd.h',
  () => ({
    F_OK: 0,
    X_OK: 1,
    W_OK: 2,
    R_OK: 4,
  }),
  { namesZero: true },
)
export type AccessMode = NameOf<typeof ACCESS>

/** Modes of fallocate(2). */
export const FALLOC = flagSet('FallocFlag', 'linux/falloc.h', () => ({
  FALLOC_FL_KEEP_SIZE: 1,
  FALLOC_FL_PUNCH_HOLE: 2,
  FALLOC_FL_COLLAPSE_RANGE: 8,
  FALLOC_FL_ZERO_RANGE: 0x10,
  FALLOC_FL_INSERT_RANGE: 0x20,
  FALLOC_FL_UNSHARE_RANGE: 0x40,
}))
export type FallocFlag = NameOf<typeof FALLOC>

/** Operations of flock(2). */
export const LOCK = flagSet('LockOperation', 'sys/file.h', () => ({
  LOCK_SH: 1,
  LOCK_EX: 2,
  LOCK_NB: 4,
  LOCK_UN: 8,
}))
export type LockOperation = NameOf<typeof LOCK>

/** Flags of pipe2(2). */
export const PIPE = flagSet('PipeFlag', 'fcntl.h', () => ({
  O_NONBLOCK: 0o4000,
  O_DIRECT: { x64: 0o40000, arm64: 0o200000 },
  O_CLOEXEC: 0o2000000,
}))
export type PipeFlag = NameOf<typeof PIPE>

/** Flags of dup3(2), and of other calls that only make a descriptor. */
export const DUP = flagSet('DupFlag', 'fcntl.h', () => ({
  O_CLOEXEC: 0o2000000,
}))
export type DupFlag = NameOf<typeof DUP>

/** Types of locks of fcntl(2). */
export const LOCK_TYPE = choiceSet('LockType', 'linux/fcntl.h', () => ({
  F_RDLCK: 0,
  F_WRLCK: 1,
  F_UNLCK: 2,
}))
export type LockType = NameOf<typeof LOCK_TYPE>

/** Kinds of ids that kcmp(2) compares. */
export const KCMP = choiceSet(
  'KcmpType',
  'linux/kcmp.h',
  () => ({
    KCMP_FILE: 0,
    KCMP_VM: 1,
    KCMP_FILES: 2,
    KCMP_FS: 3,
    KCMP_SIGHAND: 4,
    KCMP_IO: 5,
    KCMP_SYSVSEM: 6,
    KCMP_EPOLL_TFD: 7,
  }),
  { isEnum: true },
)
export type KcmpType = NameOf<typeof KCMP>

/** What setxattr(2) does with an attribute that is there, or is not. */
export const XATTR = flagSet('XattrFlag', 'linux/xattr.h', () => ({
  XATTR_CREATE: 1,
  XATTR_REPLACE: 2,
}))
export type XattrFlag = NameOf<typeof XATTR>

/** Values of `tv_nsec` for utimensat(2): now, or leave as it is. */
export const UTIME = choiceSet('UtimeNsec', 'sys/stat.h', () => ({
  UTIME_NOW: 0x3fffffff,
  UTIME_OMIT: 0x3ffffffe,
}))
export type UtimeNsec = NameOf<typeof UTIME>

/** Flags of faccessat2(2): one of them has the number of another call's. */
export const ACCESS_AT = flagSet('AccessAtFlag', 'linux/fcntl.h', () => ({
  AT_SYMLINK_NOFOLLOW: 0x100,
  AT_EACCESS: 0x200,
  AT_EMPTY_PATH: 0x1000,
}))
export type AccessAtFlag = NameOf<typeof ACCESS_AT>

/** Flags of statx(2); the synchronisation is a choice of its own. */
export const STATX_AT = flagSet(
  'StatxAtFlag',
  'linux/fcntl.h',
  () => ({
    AT_STATX_SYNC_AS_STAT: 0,
    AT_STATX_FORCE_SYNC: 0x2000,
    AT_STATX_DONT_SYNC: 0x4000,
    AT_SYMLINK_NOFOLLOW: 0x100,
    AT_NO_AUTOMOUNT: 0x800,
    AT_EMPTY_PATH: 0x1000,
  }),
  { field: 0x6000 },
)
export type StatxAtFlag = NameOf<typeof STATX_AT>
