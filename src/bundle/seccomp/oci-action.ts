import { SECCOMP_ACTIONS } from '../../linux/tables/seccomp.ts'

const { values: RET } = SECCOMP_ACTIONS

/** Actions of the specification from the strictest on, which is also the order in which the kernel lets one filter overrule another. */
const ACTIONS: Readonly<Record<string, { readonly rank: number; readonly value: number; readonly errno?: true }>> = {
  SCMP_ACT_KILL_PROCESS: { rank: 0, value: RET.SECCOMP_RET_KILL_PROCESS },
  SCMP_ACT_KILL_THREAD: { rank: 1, value: RET.SECCOMP_RET_KILL_THREAD },
  SCMP_ACT_KILL: { rank: 1, value: RET.SECCOMP_RET_KILL_THREAD },
  SCMP_ACT_TRAP: { rank: 2, value: RET.SECCOMP_RET_TRAP },
  SCMP_ACT_ERRNO: { rank: 3, value: RET.SECCOMP_RET_ERRNO, errno: true },
  SCMP_ACT_NOTIFY: { rank: 4, value: RET.SECCOMP_RET_USER_NOTIF },
  SCMP_ACT_TRACE: { rank: 5, value: RET.SECCOMP_RET_TRACE, errno: true },
  SCMP_ACT_LOG: { rank: 6, value: RET.SECCOMP_RET_LOG },
  SCMP_ACT_ALLOW: { rank: 7, value: RET.SECCOMP_RET_ALLOW },
}

export const EPERM = 1
export const ENOSYS = 38

/** An action of a rule or of the whole filter. */
export interface OciAction {
  readonly type: string
  /** 0 is the strictest */
  readonly rank: number
  /** What the filter returns: the action with its errno in the low 16 bits */
  readonly value: number
}

/** The action by its name, with the errno that it answers, EPERM unless said. An unknown one kills: `parseConfig` lets none pass. */
export function ociAction(type: string, errno: number = EPERM): OciAction {
  const known = ACTIONS[type] ?? { rank: 0, value: RET.SECCOMP_RET_KILL_PROCESS }
  return { type, rank: known.rank, value: known.errno ? known.value + errno : known.value }
}
