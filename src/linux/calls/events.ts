import type { Call } from '../call.ts'
import { outEpollEvents, signalAction, signalMaskSized } from '../event-params.ts'
import { structIn, structOut } from '../memory-params.ts'
import { outSignalSet, signalSet } from '../set-params.ts'
import { choice, constant, fd, flags, int, nullable, path, signal, uint } from '../params.ts'
import { FD, NONE, VALUE, out } from '../results.ts'
import { sharedStructs } from '../in-out-params.ts'
import { outSiginfo } from '../siginfo.ts'
import { EPOLL_EVENT } from '../structs/events.ts'
import { ITIMERSPEC, SIGACTION, TIMESPEC } from '../structs/process.ts'
import { POLLFD } from '../structs/sockets.ts'
import {
  EPOLL,
  EPOLL_CTL,
  EVENTFD,
  INOTIFY,
  INOTIFY_EVENTS,
  SIGNALFD,
  TIMERFD,
  TIMERFD_TIME,
} from '../tables/events.ts'
import { CLOCKS } from '../tables/sched.ts'

/** Waiting for things to happen, time, and signals that are waited for. */
export const EVENT_CALLS = {
  epoll_create1: () => ({
    name: 'epoll_create1',
    page: 'epoll_create',
    about: 'Makes an epoll instance. EMFILE',
    params: [flags(EPOLL)],
    result: FD,
  }),
  epoll_ctl: () => ({
    name: 'epoll_ctl',
    about: 'Adds, changes or removes a watched descriptor. EEXIST, ENOENT, EPERM (a regular file)',
    params: [fd('epfd'), choice(EPOLL_CTL, 'op'), fd(), nullable(structIn(EPOLL_EVENT, 'event'))],
    result: NONE,
  }),
  epoll_pwait: () => ({
    name: 'epoll_pwait',
    page: 'epoll_wait',
    about: 'Waits for at most `maxevents` events, `timeout` in ms, -1 for ever. EINTR',
    params: [fd('epfd'), outEpollEvents, int('timeout'), constant(0, 'NULL', 'sigmask'), constant(8)],
    result: out('readonly EpollEventDecoded[]'),
    waits: true,
  }),
  ppoll: () => ({
    name: 'ppoll',
    page: 'poll',
    about: 'Waits until descriptors are ready; gives all of them with what happened in `revents`. EINTR',
    params: [
      sharedStructs(POLLFD, 'fds'),
      nullable(structIn(TIMESPEC, 'tmo_p')),
      constant(0, 'NULL', 'sigmask'),
      constant(8),
    ],
    result: out('readonly PollfdDecoded[]'),
    waits: true,
  }),
  inotify_init1: () => ({
    name: 'inotify_init1',
    page: 'inotify_init',
    about: 'Makes an inotify instance; `decodeInotify` reads what it tells. EMFILE',
    params: [flags(INOTIFY)],
    result: FD,
  }),
  inotify_add_watch: () => ({
    name: 'inotify_add_watch',
    about: 'Watches a path; gives the watch descriptor. ENOENT, ENOSPC',
    params: [fd(), path(), flags(INOTIFY_EVENTS, 'mask')],
    result: VALUE,
  }),
  inotify_rm_watch: () => ({
    name: 'inotify_rm_watch',
    about: 'Ends a watch. EINVAL',
    params: [fd(), int('wd')],
    result: NONE,
  }),
  eventfd2: () => ({
    name: 'eventfd2',
    page: 'eventfd',
    about: 'Makes a counter to wait for. EMFILE',
    params: [uint('initval'), flags(EVENTFD)],
    result: FD,
  }),
  timerfd_create: () => ({
    name: 'timerfd_create',
    about: 'Makes a timer to wait for. EINVAL',
    params: [choice(CLOCKS, 'clockid'), flags(TIMERFD)],
    result: FD,
  }),
  timerfd_settime: () => ({
    name: 'timerfd_settime',
    about: 'Arms or disarms a timer; gives what it was set to. EINVAL',
    params: [fd(), flags(TIMERFD_TIME), structIn(ITIMERSPEC, 'new_value'), structOut(ITIMERSPEC, 'old_value')],
    result: out('ItimerspecDecoded'),
  }),
  timerfd_gettime: () => ({
    name: 'timerfd_gettime',
    about: 'When a timer fires next',
    params: [fd(), structOut(ITIMERSPEC, 'curr_value')],
    result: out('ItimerspecDecoded'),
  }),
  signalfd4: () => ({
    name: 'signalfd4',
    page: 'signalfd',
    about: 'A descriptor that signals are read from; they must be blocked. `fd` is -1 or one to change. EINVAL',
    params: [fd(), signalMaskSized, flags(SIGNALFD)],
    result: FD,
  }),
  rt_sigaction: () => ({
    name: 'rt_sigaction',
    page: 'sigaction',
    about: 'Lets a signal be ignored or have its default action; gives the old one. EINVAL',
    params: [signal('signum'), nullable(signalAction), structOut(SIGACTION, 'oldact'), constant(8)],
    result: out('SigactionDecoded'),
  }),
  rt_sigpending: () => ({
    name: 'rt_sigpending',
    page: 'sigpending',
    about: 'The mask of signals that wait',
    params: [outSignalSet('set'), constant(8)],
    result: out('bigint'),
  }),
  rt_sigtimedwait: () => ({
    name: 'rt_sigtimedwait',
    page: 'sigtimedwait',
    about: 'Takes one of a few blocked signals, waiting for a time. EAGAIN, EINTR',
    params: [signalSet(), outSiginfo('info'), nullable(structIn(TIMESPEC, 'timeout')), constant(8)],
    result: out('Siginfo'),
    waits: true,
  }),
  clock_nanosleep: () => ({
    name: 'clock_nanosleep',
    about: 'Sleeps by a clock, with TFD_TIMER_ABSTIME until a time. EINTR',
    params: [
      choice(CLOCKS, 'clockid'),
      flags(TIMERFD_TIME),
      structIn(TIMESPEC, 'request'),
      constant(0, 'NULL', 'remain'),
    ],
    result: NONE,
    waits: true,
  }),
  clock_gettime: () => ({
    name: 'clock_gettime',
    about: 'The time of a clock',
    params: [choice(CLOCKS, 'clockid'), structOut(TIMESPEC, 'tp')],
    result: out('TimespecDecoded'),
  }),
} satisfies Record<string, () => Call>
