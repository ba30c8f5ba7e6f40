import { SECCOMP_ACTIONS } from '../../linux/tables/seccomp.ts'
import type { SeccompAction } from './profile.ts'

const { values: RET } = SECCOMP_ACTIONS

/** `SECCOMP_RET_*` of <linux/seccomp.h>, by the action that stands for it. */
const RETURN_VALUES = {
  SCMP_ACT_KILL_PROCESS: RET.SECCOMP_RET_KILL_PROCESS,
  SCMP_ACT_KILL_THREAD: RET.SECCOMP_RET_KILL_THREAD,
  SCMP_ACT_TRAP: RET.SECCOMP_RET_TRAP,
  SCMP_ACT_ERRNO: RET.SECCOMP_RET_ERRNO,
  SCMP_ACT_NOTIFY: RET.SECCOMP_RET_USER_NOTIF,
  SCMP_ACT_TRACE: RET.SECCOMP_RET_TRACE,
  SCMP_ACT_LOG: RET.SECCOMP_RET_LOG,
  SCMP_ACT_ALLOW: RET.SECCOMP_RET_ALLOW,
} as const satisfies Record<SeccompAction['type'], number>

/** The 32-bit value that a filter returns for an action: `SECCOMP_RET_*` with the errno or the tracer's data in the low 16 bits. */
export function actionValue(action: SeccompAction): number {
  const base = RETURN_VALUES[action.type]
  if (action.type === 'SCMP_ACT_ERRNO') return base + action.errno
  if (action.type === 'SCMP_ACT_TRACE') return base + action.data
  return base
}

/** Prints a filter's return value: `ALLOW`, `ERRNO(1)`, `KILL_PROCESS`; an unknown one in hexadecimal. */
export function printActionValue(value: number): string {
  const base = (value & 0xffff_0000) >>> 0
  const type = Object.entries(RETURN_VALUES).find(([, known]) => known === base)?.[0]
  if (type === undefined) return `0x${value.toString(16)}`
  const name = type.slice('SCMP_ACT_'.length)
  const hasData = type === 'SCMP_ACT_ERRNO' || type === 'SCMP_ACT_TRACE'
  return hasData ? `${name}(${value & 0xffff})` : name
}
