import type { Call } from '../call.ts'
import {
  bytes,
  outBytes,
  outDirectory,
  outPair,
  outText,
  structIn,
  structInSized,
  structOut,
} from '../memory-params.ts'
import {
  choice,
  constant,
  device,
  dirfd,
  fd,
  flags,
  id,
  mode,
  nullable,
  optional,
  path,
  raw,
  text,
  u64,
  uint,
} from '../params.ts'
import { FD, NONE, VALUE, fds, out } from '../results.ts'
import { FILE_TIMES, OPEN_HOW, STATX_STRUCT } from '../structs/files.ts'
import { FCNTL } from '../tables/fcntl.ts'
import { ACCESS, AT, CLOSE_RANGE, DUP, FALLOC, LOCK, MFD, OPEN, PIPE, RENAME, SEEK, STATX_AT } from '../tables/open.ts'
import { STATX } from '../tables/statx.ts'

/** Descriptors, paths and their contents. */
export const FILE_CALLS = {
  openat: {
    name: 'openat',
    about: 'Opens a file by path. ENOENT, EACCES, ELOOP (O_NOFOLLOW), ENOTDIR, EMFILE',
    params: [dirfd(), path(), flags(OPEN), optional(mode())],
    result: FD,
  },
  openat2: {
    name: 'openat2',
    about:
      'Opens a file with rules for the resolution of its path (5.6). EXDEV or ELOOP when a RESOLVE_ rule forbids it, EAGAIN',
    params: [dirfd(), path(), structInSized(OPEN_HOW, 'how')],
    result: FD,
  },
  close: { name: 'close', about: 'Closes a descriptor. EBADF', params: [fd()], result: NONE, closes: 0 },
  close_range: {
    name: 'close_range',
    about: 'Closes all descriptors from `first` to `last`, or marks them close-on-exec (5.9, CLOEXEC 5.11)',
    params: [uint('first'), uint('last'), flags(CLOSE_RANGE)],
    result: NONE,
  },
  read: {
    name: 'read',
    about: 'Reads at most `count` bytes. EAGAIN, EISDIR, EIO',
    params: [fd(), outBytes()],
    result: out('Uint8Array'),
  },
  write: {
    name: 'write',
    about: 'Writes bytes; gives how many were written. EAGAIN, EPIPE, ENOSPC',
    params: [fd(), bytes()],
    result: VALUE,
  },
  pread64: {
    name: 'pread64',
    page: 'pread',
    about: 'Reads at an offset without moving the file position. ESPIPE',
    params: [fd(), outBytes(), u64('offset')],
    result: out('Uint8Array'),
  },
  pwrite64: {
    name: 'pwrite64',
    page: 'pwrite',
    about: 'Writes at an offset without moving the file position. ESPIPE',
    params: [fd(), bytes(), u64('offset')],
    result: VALUE,
  },
  lseek: {
    name: 'lseek',
    about: 'Moves the file position; gives the new one. ESPIPE, ENXIO',
    params: [fd(), u64('offset'), choice(SEEK, 'whence')],
    result: VALUE,
  },
  ftruncate: {
    name: 'ftruncate',
    about: 'Sets the length of a file. EINVAL, EPERM (sealed)',
    params: [fd(), u64('length')],
    result: NONE,
  },
  truncate: {
    name: 'truncate',
    about: 'Sets the length of a file by path',
    params: [path(), u64('length')],
    result: NONE,
  },
  fallocate: {
    name: 'fallocate',
    about: 'Allocates or frees room in a file. ENOSPC, EOPNOTSUPP',
    params: [fd(), flags(FALLOC, 'mode'), u64('offset'), u64('len')],
    result: NONE,
  },
  fsync: { name: 'fsync', about: 'Has a file written to its device. EIO', params: [fd()], result: NONE },
  syncfs: { name: 'syncfs', about: 'Has a file system written to its device. EIO', params: [fd()], result: NONE },
  flock: { name: 'flock', about: 'Locks a file. EWOULDBLOCK', params: [fd(), flags(LOCK, 'operation')], result: NONE },
  mkdirat: {
    name: 'mkdirat',
    about: 'Makes a directory; the umask applies. EEXIST, ENOENT, EROFS',
    params: [dirfd(), path(), mode()],
    result: NONE,
  },
  mknodat: {
    name: 'mknodat',
    about: 'Makes a file, fifo, socket or device node (`makedev`). EPERM in a user namespace for devices, EEXIST',
    params: [dirfd(), path(), mode(), optional(device())],
    result: NONE,
  },
  unlinkat: {
    name: 'unlinkat',
    about: 'Removes a file, or a directory with AT_REMOVEDIR. EBUSY, ENOTEMPTY, EISDIR',
    params: [dirfd(), path(), flags(AT)],
    result: NONE,
  },
  symlinkat: {
    name: 'symlinkat',
    about: 'Makes a symbolic link that holds `target`. EEXIST',
    params: [text('target'), dirfd('newdirfd'), path('linkpath')],
    result: NONE,
  },
  linkat: {
    name: 'linkat',
    about: 'Makes a hard link. EXDEV, EPERM, EEXIST',
    params: [dirfd('olddirfd'), path('oldpath'), dirfd('newdirfd'), path('newpath'), flags(AT)],
    result: NONE,
  },
  renameat2: {
    name: 'renameat2',
    about: 'Renames a file, exchanges two, or refuses to replace. EXDEV, EEXIST (RENAME_NOREPLACE), ENOTEMPTY',
    params: [dirfd('olddirfd'), path('oldpath'), dirfd('newdirfd'), path('newpath'), flags(RENAME)],
    result: NONE,
  },
  readlinkat: {
    name: 'readlinkat',
    about: 'What a symbolic link holds. EINVAL when it is none',
    params: [dirfd(), path(), outText(4096)],
    result: out('string'),
  },
  faccessat2: {
    name: 'faccessat2',
    about: 'Asks whether a file may be accessed (5.8). EACCES, ENOENT',
    params: [dirfd(), path(), flags(ACCESS, 'mode'), flags(AT)],
    result: NONE,
  },
  fchmodat: {
    name: 'fchmodat',
    about: 'Sets the permissions of a file; follows links. EPERM, ENOENT',
    params: [dirfd(), path(), mode()],
    result: NONE,
  },
  fchmodat2: {
    name: 'fchmodat2',
    about: 'Sets the permissions of a file, with flags (6.6). EOPNOTSUPP on a link',
    params: [dirfd(), path(), mode(), flags(AT)],
    result: NONE,
  },
  fchmod: {
    name: 'fchmod',
    about: 'Sets the permissions of an open file. EPERM, EBADF (O_PATH)',
    params: [fd(), mode()],
    result: NONE,
  },
  fchownat: {
    name: 'fchownat',
    about: 'Sets owner and group of a file; -1 leaves one as it is. EPERM, EINVAL (id not mapped)',
    params: [dirfd(), path(), id('owner'), id('group'), flags(AT)],
    result: NONE,
  },
  fchown: {
    name: 'fchown',
    about: 'Sets owner and group of an open file. EPERM',
    params: [fd(), id('owner'), id('group')],
    result: NONE,
  },
  chdir: {
    name: 'chdir',
    about: 'Sets the working directory. ENOENT, ENOTDIR, EACCES',
    params: [path('path')],
    result: NONE,
  },
  fchdir: { name: 'fchdir', about: 'Sets the working directory by descriptor. ENOTDIR', params: [fd()], result: NONE },
  chroot: {
    name: 'chroot',
    about: 'Sets the root directory; the working directory stays where it is. EPERM',
    params: [path('path')],
    result: NONE,
  },
  getcwd: {
    name: 'getcwd',
    about: 'Path of the working directory; begins with "(unreachable)" outside the root. ENOENT, ERANGE',
    params: [outText(4096)],
    result: out('string'),
  },
  utimensat: {
    name: 'utimensat',
    about: 'Sets the times of a file; null means now, `UTIME_OMIT` leaves one as it is. EPERM, EACCES',
    params: [dirfd(), nullable(path()), nullable(structIn(FILE_TIMES, 'times')), flags(AT)],
    result: NONE,
  },
  umask: {
    name: 'umask',
    about: 'Sets the bits that new files do not get; gives the old ones',
    params: [mode('mask')],
    result: VALUE,
  },
  dup: {
    name: 'dup',
    about: 'Copies a descriptor; the copy is not close-on-exec. EMFILE',
    params: [fd('oldfd')],
    result: FD,
  },
  dup3: {
    name: 'dup3',
    about: 'Copies a descriptor to a number of choice. EBADF, EINVAL when both are the same',
    params: [fd('oldfd'), fd('newfd'), flags(DUP)],
    result: FD,
  },
  fcntl: {
    name: 'fcntl',
    about: 'Works on a descriptor: flags, seals, copies, pipe size. EBADF, EINVAL, EBUSY',
    params: [fd(), choice(FCNTL, 'cmd'), raw('arg')],
    result: VALUE,
  },
  pipe2: {
    name: 'pipe2',
    about: 'Makes a pipe. EMFILE, ENFILE',
    params: [outPair(['read', 'write'], '{ readonly read: Fd; readonly write: Fd }'), flags(PIPE)],
    result: fds('read', 'write'),
  },
  memfd_create: {
    name: 'memfd_create',
    about: 'Makes a file that lives in memory. EINVAL, EMFILE',
    params: [text('name'), flags(MFD)],
    result: FD,
  },
  statx: {
    name: 'statx',
    about: 'Tells type, owner, size, times, mount of a file. ENOENT, EACCES',
    params: [dirfd(), path(), flags(STATX_AT), flags(STATX, 'mask'), structOut(STATX_STRUCT, 'statxbuf')],
    result: out('StatxDecoded'),
  },
  getdents64: {
    name: 'getdents64',
    about:
      'Reads directory entries into a buffer of `count` bytes; an empty list is the end. ENOTDIR, EINVAL (buffer too small)',
    params: [fd(), outDirectory()],
    result: out('readonly DirectoryEntry[]'),
  },
  copy_file_range: {
    name: 'copy_file_range',
    about: 'Copies between files at their positions without user space. EXDEV, EINVAL',
    params: [fd('fd_in'), constant(0, 'NULL'), fd('fd_out'), constant(0, 'NULL'), u64('len'), constant(0)],
    result: VALUE,
  },
} as const satisfies Record<string, Call>
