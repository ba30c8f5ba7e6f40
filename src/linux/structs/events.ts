import { nested } from '../memory-fields.ts'
import {
  choice,
  count64,
  derived,
  fd32,
  flags,
  i32,
  pid32,
  reserved,
  signedCount64,
  u16,
  u32,
  u64,
} from '../scalar-fields.ts'
import { struct } from '../struct.ts'
import { EPOLL_EVENTS, INOTIFY_EVENTS } from '../tables/events.ts'
import { LANDLOCK_ACCESS_FS, LANDLOCK_ACCESS_NET, LANDLOCK_SCOPE } from '../tables/landlock.ts'
import { SCHED, SCHED_FLAGS } from '../tables/sched.ts'
import { SECCOMP_ADDFD, SECCOMP_NOTIF } from '../tables/seccomp.ts'
import { SECCOMP_DATA } from './process.ts'

/** What epoll(7) watches and tells; packed on x86-64 only. */
export const EPOLL_EVENT = struct(
  'epoll_event',
  'linux/eventpoll.h',
  () => [
    ['events', flags(4, EPOLL_EVENTS)],
    ['data', u64],
  ],
  { packed: ['x64'] },
)

/** The fixed part of an event of inotify(7); `len` bytes of name follow. */
export const INOTIFY_EVENT = struct('inotify_event', 'linux/inotify.h', () => [
  ['wd', i32],
  ['mask', flags(4, INOTIFY_EVENTS)],
  ['cookie', u32],
  ['len', u32],
])

/** A caught signal as signalfd(2) tells it. */
export const SIGNALFD_SIGINFO = struct('signalfd_siginfo', 'linux/signalfd.h', () => [
  ['ssi_signo', u32],
  ['ssi_errno', i32],
  ['ssi_code', i32],
  ['ssi_pid', u32],
  ['ssi_uid', u32],
  ['ssi_fd', i32],
  ['ssi_tid', u32],
  ['ssi_band', u32],
  ['ssi_overrun', u32],
  ['ssi_trapno', u32],
  ['ssi_status', i32],
  ['ssi_int', i32],
  ['ssi_ptr', u64],
  ['ssi_utime', u64],
  ['ssi_stime', u64],
  ['ssi_addr', u64],
  ['ssi_addr_lsb', u16],
  ['__pad2', reserved(2, 2)],
  ['ssi_syscall', i32],
  ['ssi_call_addr', u64],
  ['ssi_arch', u32],
  ['__pad', reserved(28)],
])

/** What a Landlock ruleset governs. */
export const LANDLOCK_RULESET_ATTR = struct(
  'landlock_ruleset_attr',
  'linux/landlock.h',
  () => [
    ['handled_access_fs', flags(8, LANDLOCK_ACCESS_FS)],
    ['handled_access_net', flags(8, LANDLOCK_ACCESS_NET)],
    ['scoped', flags(8, LANDLOCK_SCOPE)],
  ],
  { since: 'LANDLOCK_SCOPE_SIGNAL' },
)

/** What is allowed below a directory. */
export const LANDLOCK_PATH_BENEATH_ATTR = struct(
  'landlock_path_beneath_attr',
  'linux/landlock.h',
  () => [
    ['allowed_access', flags(8, LANDLOCK_ACCESS_FS)],
    ['parent_fd', fd32],
  ],
  { packed: ['x64', 'arm64'] },
)

/** What is allowed with a TCP port. */
export const LANDLOCK_NET_PORT_ATTR = struct(
  'landlock_net_port_attr',
  'linux/landlock.h',
  () => [
    ['allowed_access', flags(8, LANDLOCK_ACCESS_NET)],
    ['port', u64],
  ],
  { since: 'LANDLOCK_ACCESS_NET_BIND_TCP' },
)

/** A system call that a seccomp listener is asked about. */
export const SECCOMP_NOTIF_STRUCT = struct('seccomp_notif', 'linux/seccomp.h', () => [
  ['id', u64],
  ['pid', u32],
  ['flags', u32],
  ['data', nested(SECCOMP_DATA)],
])

/** The answer of a seccomp listener. */
export const SECCOMP_NOTIF_RESP = struct('seccomp_notif_resp', 'linux/seccomp.h', () => [
  ['id', u64],
  ['val', signedCount64],
  ['error', i32],
  ['flags', flags(4, SECCOMP_NOTIF)],
])

/** A descriptor that a seccomp listener puts into the process. */
export const SECCOMP_NOTIF_ADDFD = struct('seccomp_notif_addfd', 'linux/seccomp.h', () => [
  ['id', u64],
  ['flags', flags(4, SECCOMP_ADDFD)],
  ['srcfd', fd32],
  ['newfd', u32],
  ['newfd_flags', u32],
])

/** Scheduling of a thread (sched_setattr(2)); times in ns. */
export const SCHED_ATTR = struct('sched_attr', 'linux/sched/types.h', () => [
  ['size', derived(u32, () => 56)],
  ['sched_policy', choice(4, SCHED)],
  ['sched_flags', flags(8, SCHED_FLAGS)],
  ['sched_nice', i32],
  ['sched_priority', u32],
  ['sched_runtime', count64],
  ['sched_deadline', count64],
  ['sched_period', count64],
  ['sched_util_min', u32],
  ['sched_util_max', u32],
])

/** Real-time priority (sched_setscheduler(2)). */
export const SCHED_PARAM = struct('sched_param', 'sched.h', () => [['sched_priority', i32]])

/** Owner of asynchronous signals (F_SETOWN_EX). */
export const F_OWNER_EX = struct('f_owner_ex', 'linux/fcntl.h', () => [
  ['type', i32],
  ['pid', pid32],
])
