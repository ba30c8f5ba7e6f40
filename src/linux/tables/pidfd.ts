import { type NameOf, choiceSet, flagSet } from '../constant-set.ts'

/** Flags of pidfd_open(2). */
export const PIDFD = flagSet('PidfdFlag', 'linux/pidfd.h', () => ({
  PIDFD_NONBLOCK: 0o4000,
  PIDFD_THREAD: 0o200, // Linux 6.9
}))
export type PidfdFlag = NameOf<typeof PIDFD>

/** Flags of pidfd_send_signal(2). */
export const PIDFD_SIGNAL = flagSet('PidfdSignalFlag', 'linux/pidfd.h', () => ({
  PIDFD_SIGNAL_THREAD: 1, // Linux 6.9
  PIDFD_SIGNAL_THREAD_GROUP: 2, // Linux 6.9
  PIDFD_SIGNAL_PROCESS_GROUP: 4, // Linux 6.9
}))
export type PidfdSignalFlag = NameOf<typeof PIDFD_SIGNAL>

/** What rt_sigprocmask(2) does with the mask. */
export const SIGPROCMASK = choiceSet('SigprocmaskHow', 'signal.h', () => ({
  SIG_BLOCK: 0,
  SIG_UNBLOCK: 1,
  SIG_SETMASK: 2,
}))
export type SigprocmaskHow = NameOf<typeof SIGPROCMASK>
