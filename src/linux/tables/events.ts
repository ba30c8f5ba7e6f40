import { type NameOf, choiceSet, flagSet } from '../constant-set.ts'

/** Flags of epoll_create1(2). */
export const EPOLL = flagSet('EpollFlag', 'linux/eventpoll.h', () => ({
  EPOLL_CLOEXEC: 0o2000000,
}))
export type EpollFlag = NameOf<typeof EPOLL>

/** Operations of epoll_ctl(2). */
export const EPOLL_CTL = choiceSet('EpollOperation', 'linux/eventpoll.h', () => ({
  EPOLL_CTL_ADD: 1,
  EPOLL_CTL_DEL: 2,
  EPOLL_CTL_MOD: 3,
}))
export type EpollOperation = NameOf<typeof EPOLL_CTL>

/** Events of epoll_ctl(2). */
export const EPOLL_EVENTS = flagSet('EpollEvents', 'linux/eventpoll.h', () => ({
  EPOLLIN: 1,
  EPOLLPRI: 2,
  EPOLLOUT: 4,
  EPOLLERR: 8,
  EPOLLHUP: 0x10,
  EPOLLNVAL: 0x20,
  EPOLLRDNORM: 0x40,
  EPOLLRDBAND: 0x80,
  EPOLLWRNORM: 0x100,
  EPOLLWRBAND: 0x200,
  EPOLLMSG: 0x400,
  EPOLLRDHUP: 0x2000,
  EPOLLEXCLUSIVE: 0x10000000,
  EPOLLWAKEUP: 0x20000000,
  EPOLLONESHOT: 0x40000000,
  EPOLLET: 0x80000000,
}))
export type EpollEvents = NameOf<typeof EPOLL_EVENTS>

/** Events of poll(2). */
export const POLL = flagSet('PollEvents', 'poll.h', () => ({
  POLLIN: 1,
  POLLPRI: 2,
  POLLOUT: 4,
  POLLERR: 8,
  POLLHUP: 0x10,
  POLLNVAL: 0x20,
  POLLRDNORM: 0x40,
  POLLRDBAND: 0x80,
  POLLWRNORM: 0x100,
  POLLWRBAND: 0x200,
  POLLRDHUP: 0x2000,
}))
export type PollEvents = NameOf<typeof POLL>

/** Flags of inotify_init1(2). */
export const INOTIFY = flagSet('InotifyFlag', 'sys/inotify.h', () => ({
  IN_CLOEXEC: 0o2000000,
  IN_NONBLOCK: 0o4000,
}))
export type InotifyFlag = NameOf<typeof INOTIFY>

/** Events of inotify(7). */
export const INOTIFY_EVENTS = flagSet('InotifyEvents', 'linux/inotify.h', () => ({
  IN_ACCESS: 1,
  IN_MODIFY: 2,
  IN_ATTRIB: 4,
  IN_CLOSE_WRITE: 8,
  IN_CLOSE_NOWRITE: 0x10,
  IN_OPEN: 0x20,
  IN_MOVED_FROM: 0x40,
  IN_MOVED_TO: 0x80,
  IN_CREATE: 0x100,
  IN_DELETE: 0x200,
  IN_DELETE_SELF: 0x400,
  IN_MOVE_SELF: 0x800,
  IN_UNMOUNT: 0x2000,
  IN_Q_OVERFLOW: 0x4000,
  IN_IGNORED: 0x8000,
  IN_ONLYDIR: 0x1000000,
  IN_DONT_FOLLOW: 0x2000000,
  IN_EXCL_UNLINK: 0x4000000,
  IN_MASK_CREATE: 0x10000000,
  IN_MASK_ADD: 0x20000000,
  IN_ISDIR: 0x40000000,
  IN_ONESHOT: 0x80000000,
}))
export type InotifyEvents = NameOf<typeof INOTIFY_EVENTS>

/** Flags of eventfd2(2). */
export const EVENTFD = flagSet('EventfdFlag', 'sys/eventfd.h', () => ({
  EFD_SEMAPHORE: 1,
  EFD_NONBLOCK: 0o4000,
  EFD_CLOEXEC: 0o2000000,
}))
export type EventfdFlag = NameOf<typeof EVENTFD>

/** Flags of timerfd_create(2). */
export const TIMERFD = flagSet('TimerfdFlag', 'sys/timerfd.h', () => ({
  TFD_NONBLOCK: 0o4000,
  TFD_CLOEXEC: 0o2000000,
}))
export type TimerfdFlag = NameOf<typeof TIMERFD>

/** Flags of timerfd_settime(2). */
export const TIMERFD_TIME = flagSet('TimerfdTimeFlag', 'linux/timerfd.h', () => ({
  TFD_TIMER_ABSTIME: 1,
  TFD_TIMER_CANCEL_ON_SET: 2,
}))
export type TimerfdTimeFlag = NameOf<typeof TIMERFD_TIME>

/** Flags of signalfd4(2). */
export const SIGNALFD = flagSet('SignalfdFlag', 'sys/signalfd.h', () => ({
  SFD_NONBLOCK: 0o4000,
  SFD_CLOEXEC: 0o2000000,
}))
export type SignalfdFlag = NameOf<typeof SIGNALFD>
