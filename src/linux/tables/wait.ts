import { type NameOf, choiceSet, flagSet } from '../constant-set.ts'

/** Flags of wait4(2) and waitid(2). */
export const WAIT = flagSet('WaitFlag', 'linux/wait.h', () => ({
  WNOHANG: 1,
  WUNTRACED: 2,
  WCONTINUED: 8,
  WEXITED: 4,
  WNOWAIT: 0x1000000,
  __WNOTHREAD: 0x20000000,
  __WALL: 0x40000000,
  __WCLONE: 0x80000000,
  WSTOPPED: 2,
}))
export type WaitFlag = NameOf<typeof WAIT>

/** What waitid(2) waits for. */
export const IDTYPE = choiceSet('IdType', 'linux/wait.h', () => ({
  P_ALL: 0,
  P_PID: 1,
  P_PGID: 2,
  P_PIDFD: 3,
}))
export type IdType = NameOf<typeof IDTYPE>
