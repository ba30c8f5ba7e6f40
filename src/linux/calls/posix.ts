import type { Call, Param } from '../call.ts'
import { SELECTED, descriptorSet, FD_SETSIZE } from '../descriptor-sets.ts'
import { outInt, outPair, outText, stringList, structIn, structOut } from '../memory-params.ts'
import { outAddress } from '../message-params.ts'
import {
  choice,
  constant,
  device,
  fd,
  flags,
  id,
  int,
  mode,
  nullable,
  optional,
  path,
  pid,
  pushPath,
  signal,
  text,
} from '../params.ts'
import { LIMIT_PAIR, WAITED, limitPair, milliseconds, modeOfKind, queuedInfo, signalMaskPair } from '../posix-params.ts'
import { FD, NONE, PID, combined, fds, out } from '../results.ts'
import { sharedStructs } from '../in-out-params.ts'
import { STATX_STRUCT } from '../structs/files.ts'
import { RLIMIT, RUSAGE, TIMESPEC, UTSNAME } from '../structs/process.ts'
import { POLLFD } from '../structs/sockets.ts'
import { AT_FDCWD } from '../at-fdcwd.ts'
import { ACCESS, OPEN } from '../tables/open.ts'
import { RLIMITS } from '../tables/rlimits.ts'
import { SOCK } from '../tables/sockets.ts'
import { WAIT } from '../tables/wait.ts'

const WORKING_DIRECTORY = constant(AT_FDCWD, 'AT_FDCWD')
const NO_FLAGS = constant(0)
const NULL = constant(0, 'NULL')
const EMPTY_PATH = constant(0x1000, 'AT_EMPTY_PATH')
const REMOVE_DIRECTORY = constant(0x200, 'AT_REMOVEDIR')
const NO_FOLLOW = constant(0x100, 'AT_SYMLINK_NOFOLLOW')
/** The path of a call that works on the descriptor itself */
const EMPTY_TEXT: Param = {
  ...constant(0, '""', 'pathname'),
  encode: (_value, to, call) => pushPath('', to, call),
}
const OF_SELF = constant(0, '0', 'pid')
/** Kind of file in the mode of mknod(2) */
const S_IFIFO = 0o010000

const STATX_WANTED = constant(0x1fff, 'STATX_BASIC_STATS|STATX_BTIME|STATX_MNT_ID', 'mask')
const STAT = structOut(STATX_STRUCT, 'statxbuf')
const TIMEOUT = nullable(structIn(TIMESPEC, 'timeout'))

/**
 * Calls by the names that POSIX and the C library give them, where the kernel has another one for the same on both architectures.
 * Listings and errors show the kernel's.
 */
export const POSIX_CALLS = {
  open: () => ({
    name: 'openat',
    page: 'open',
    about:
      'Opens a file by path; without O_CLOEXEC it survives an exec. ENOENT, EACCES, ELOOP (O_NOFOLLOW), ENOTDIR, EMFILE',
    params: [WORKING_DIRECTORY, path(), flags(OPEN), optional(mode())],
    result: FD,
    waits: true,
  }),
  mkdir: () => ({
    name: 'mkdirat',
    page: 'mkdir',
    about: 'Makes a directory; the umask applies. EEXIST, ENOENT, EROFS',
    params: [WORKING_DIRECTORY, path(), mode()],
    result: NONE,
  }),
  rmdir: () => ({
    name: 'unlinkat',
    page: 'rmdir',
    about: 'Removes an empty directory. ENOTEMPTY, EBUSY (a mount point), ENOTDIR',
    params: [WORKING_DIRECTORY, path(), REMOVE_DIRECTORY],
    result: NONE,
  }),
  unlink: () => ({
    name: 'unlinkat',
    page: 'unlink',
    about: 'Removes a name of a file. EISDIR, ENOENT, EPERM',
    params: [WORKING_DIRECTORY, path(), NO_FLAGS],
    result: NONE,
  }),
  link: () => ({
    name: 'linkat',
    page: 'link',
    about: 'Makes a hard link. EXDEV, EPERM, EEXIST',
    params: [WORKING_DIRECTORY, path('oldpath'), WORKING_DIRECTORY, path('newpath'), NO_FLAGS],
    result: NONE,
  }),
  symlink: () => ({
    name: 'symlinkat',
    page: 'symlink',
    about: 'Makes a symbolic link that holds `target`. EEXIST',
    params: [text('target'), WORKING_DIRECTORY, path('linkpath')],
    result: NONE,
  }),
  rename: () => ({
    name: 'renameat2',
    page: 'rename',
    about: 'Renames a file and replaces what is there. EXDEV, ENOTEMPTY, EISDIR',
    params: [WORKING_DIRECTORY, path('oldpath'), WORKING_DIRECTORY, path('newpath'), NO_FLAGS],
    result: NONE,
  }),
  readlink: () => ({
    name: 'readlinkat',
    page: 'readlink',
    about: 'What a symbolic link holds. EINVAL when it is none',
    params: [WORKING_DIRECTORY, path(), outText(4096)],
    result: out('string'),
  }),
  access: () => ({
    name: 'faccessat',
    page: 'access',
    about: 'Asks whether the real user may access a file. EACCES, ENOENT, EROFS',
    params: [WORKING_DIRECTORY, path(), flags(ACCESS, 'mode')],
    result: NONE,
  }),
  stat: () => ({
    name: 'statx',
    page: 'stat',
    about: 'Tells type, owner, size, times, mount of a file; follows links. ENOENT, EACCES',
    params: [WORKING_DIRECTORY, path(), NO_FLAGS, STATX_WANTED, STAT],
    result: out('StatxDecoded'),
  }),
  lstat: () => ({
    name: 'statx',
    page: 'stat',
    about: 'As stat, of a symbolic link itself. ENOENT, EACCES',
    params: [WORKING_DIRECTORY, path(), NO_FOLLOW, STATX_WANTED, STAT],
    result: out('StatxDecoded'),
  }),
  fstat: () => ({
    name: 'statx',
    page: 'stat',
    about: 'As stat, of an open file. EBADF',
    params: [fd(), EMPTY_TEXT, EMPTY_PATH, STATX_WANTED, STAT],
    result: out('StatxDecoded'),
  }),
  chmod: () => ({
    name: 'fchmodat',
    page: 'chmod',
    about: 'Sets the permissions of a file; follows links. EPERM, ENOENT, EROFS',
    params: [WORKING_DIRECTORY, path(), mode()],
    result: NONE,
  }),
  chown: () => ({
    name: 'fchownat',
    page: 'chown',
    about: 'Sets owner and group of a file; -1 leaves one as it is. EPERM, EINVAL (id not mapped)',
    params: [WORKING_DIRECTORY, path(), id('owner'), id('group'), NO_FLAGS],
    result: NONE,
  }),
  lchown: () => ({
    name: 'fchownat',
    page: 'chown',
    about: 'As chown, of a symbolic link itself. EPERM',
    params: [WORKING_DIRECTORY, path(), id('owner'), id('group'), NO_FOLLOW],
    result: NONE,
  }),
  mkfifo: () => ({
    name: 'mknodat',
    page: 'mknod',
    about: 'Makes a fifo; the umask applies. EEXIST, ENOENT, EROFS',
    params: [WORKING_DIRECTORY, path(), modeOfKind(S_IFIFO, 'S_IFIFO'), NO_FLAGS],
    result: NONE,
  }),
  mknod: () => ({
    name: 'mknodat',
    page: 'mknod',
    about: 'Makes a file, fifo, socket or device node (`makedev`). EPERM in a user namespace for devices, EEXIST',
    params: [WORKING_DIRECTORY, path(), mode(), optional(device())],
    result: NONE,
  }),
  umount: () => ({
    name: 'umount2',
    page: 'umount',
    about: 'Takes a mount away. EBUSY, EINVAL when it is no mount or locked',
    params: [path('target'), NO_FLAGS],
    result: NONE,
  }),
  dup2: () => ({
    name: 'dup3',
    page: 'dup',
    about:
      'Copies a descriptor to a number of choice; the copy is not close-on-exec. EBADF, EINVAL when both are the same',
    params: [fd('oldfd'), fd('newfd'), NO_FLAGS],
    result: FD,
  }),
  pipe: () => ({
    name: 'pipe2',
    page: 'pipe',
    about: 'Makes a pipe whose ends survive an exec. EMFILE, ENFILE',
    params: [outPair(['read', 'write'], '{ readonly read: Fd; readonly write: Fd }'), NO_FLAGS],
    result: fds('read', 'write'),
  }),
  poll: () => ({
    name: 'ppoll',
    page: 'poll',
    about:
      'Waits until descriptors are ready, `timeout` in ms, null for ever; gives all of them with what happened. EINTR',
    params: [sharedStructs(POLLFD, 'fds'), milliseconds(), constant(0, 'NULL', 'sigmask'), constant(8)],
    result: out('readonly PollfdDecoded[]'),
    waits: true,
  }),
  select: () => ({
    name: 'pselect6',
    page: 'select',
    about: 'Waits until descriptors below 1024 are ready, null for ever; gives which are. EBADF, EINVAL, EINTR',
    params: [
      constant(FD_SETSIZE, String(FD_SETSIZE), 'nfds'),
      descriptorSet('readfds'),
      descriptorSet('writefds'),
      descriptorSet('exceptfds'),
      TIMEOUT,
      NULL,
    ],
    result: SELECTED,
    waits: true,
  }),
  pselect6: () => ({
    name: 'pselect6',
    page: 'select',
    about: 'As select, with another mask of blocked signals meanwhile; null leaves it. EBADF, EINVAL, EINTR',
    params: [
      constant(FD_SETSIZE, String(FD_SETSIZE), 'nfds'),
      descriptorSet('readfds'),
      descriptorSet('writefds'),
      descriptorSet('exceptfds'),
      TIMEOUT,
      signalMaskPair(),
    ],
    result: SELECTED,
    waits: true,
  }),
  accept: () => ({
    name: 'accept4',
    page: 'accept',
    about: 'Accepts a connection; its descriptor survives an exec. EAGAIN, EMFILE',
    params: [fd('sockfd'), NULL, NULL, NO_FLAGS],
    result: FD,
    waits: true,
  }),
  acceptFrom: () => ({
    name: 'accept4',
    page: 'accept',
    about: 'Accepts a connection and tells whose it is. EAGAIN, EMFILE',
    params: [fd('sockfd'), outAddress(), flags(SOCK)],
    result: {
      ...combined('{ readonly fd: Fd; readonly address: SocketAddress }', ([address], result) => ({
        fd: Number(result),
        address,
      })),
      opens: true,
    },
    waits: true,
  }),
  getrlimit: () => ({
    name: 'prlimit64',
    page: 'getrlimit',
    about: 'A resource limit of the process. EINVAL',
    params: [OF_SELF, choice(RLIMITS, 'resource'), constant(0, 'NULL', 'new_limit'), structOut(RLIMIT, 'old_limit')],
    result: LIMIT_PAIR,
  }),
  setrlimit: () => ({
    name: 'prlimit64',
    page: 'setrlimit',
    about: 'Sets a resource limit of the process; -1 is none. EPERM above the hard limit, EINVAL',
    params: [OF_SELF, choice(RLIMITS, 'resource'), limitPair(), constant(0, 'NULL', 'old_limit')],
    result: NONE,
  }),
  getpgrp: () => ({ name: 'getpgid', page: 'getpgrp', about: 'Group of the process', params: [OF_SELF], result: PID }),
  gethostname: () => ({
    name: 'uname',
    page: 'gethostname',
    about: 'Name of the host in the UTS namespace',
    params: [structOut(UTSNAME, 'buf')],
    result: combined('string', ([names]) => (names as { readonly nodename: string }).nodename),
  }),
  waitpid: () => ({
    name: 'wait4',
    page: 'waitpid',
    about: 'Waits for a child and tells how it changed; pid 0 with WNOHANG when none has. ECHILD',
    params: [pid(), outInt('wstatus'), flags(WAIT, 'options'), structOut(RUSAGE, 'rusage')],
    result: WAITED,
    waits: true,
  }),
  sigqueue: () => ({
    name: 'rt_sigqueueinfo',
    page: 'rt_sigqueueinfo',
    about: 'Sends a signal with a value; the sender is what `info` says. ESRCH, EPERM, EAGAIN',
    params: [pid(), signal(), queuedInfo()],
    result: NONE,
  }),
  fexecve: () => ({
    name: 'execveat',
    page: 'execveat',
    about:
      'Becomes the program of a descriptor: the agent ends. ENOENT (script by a close-on-exec descriptor), EACCES, ENOEXEC',
    params: [fd(), EMPTY_TEXT, stringList('argv'), stringList('envp', 'count'), EMPTY_PATH],
    result: NONE,
    ends: true,
  }),
  exit: () => ({
    name: 'exit_group',
    page: '_exit',
    about: 'Ends the process with a status',
    params: [int('status')],
    result: NONE,
    waits: true,
    ends: true,
  }),
} satisfies Record<string, () => Call>
