import type { SeccompAction } from './profile.ts'

/** `SECCOMP_RET_*` of <linux/seccomp.h>, by the action that stands for it. */
const RETURN_VALUES = {
  SCMP_ACT_KILL_PROCESS: 0x8000_0000,
  SCMP_ACT_KILL_THREAD: 0x0000_0000,
  SCMP_ACT_TRAP: 0x0003_0000,
  SCMP_ACT_ERRNO: 0x0005_0000,
  SCMP_ACT_NOTIFY: 0x7fc0_0000,
  SCMP_ACT_TRACE: 0x7ff0_0000,
  SCMP_ACT_LOG: 0x7ffc_0000,
  SCMP_ACT_ALLOW: 0x7fff_0000,
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
