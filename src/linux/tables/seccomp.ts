import { type NameOf, choiceSet, flagSet } from '../constant-set.ts'

/** Operations of seccomp(2). */
export const SECCOMP = choiceSet('SeccompOperation', 'linux/seccomp.h', () => ({
  SECCOMP_SET_MODE_STRICT: 0,
  SECCOMP_SET_MODE_FILTER: 1,
  SECCOMP_GET_ACTION_AVAIL: 2,
  SECCOMP_GET_NOTIF_SIZES: 3,
}))
export type SeccompOperation = NameOf<typeof SECCOMP>

/** Flags of SECCOMP_SET_MODE_FILTER. */
export const SECCOMP_FLAGS = flagSet('SeccompFlag', 'linux/seccomp.h', () => ({
  SECCOMP_FILTER_FLAG_TSYNC: 1,
  SECCOMP_FILTER_FLAG_LOG: 2,
  SECCOMP_FILTER_FLAG_SPEC_ALLOW: 4,
  SECCOMP_FILTER_FLAG_NEW_LISTENER: 8,
  SECCOMP_FILTER_FLAG_TSYNC_ESRCH: 0x10,
  SECCOMP_FILTER_FLAG_WAIT_KILLABLE_RECV: 0x20,
}))
export type SeccompFlag = NameOf<typeof SECCOMP_FLAGS>

/** What a filter answers; the low 16 bits are data (the errno). */
export const SECCOMP_ACTIONS = choiceSet('SeccompAction', 'linux/seccomp.h', () => ({
  SECCOMP_RET_KILL_PROCESS: 0x80000000,
  SECCOMP_RET_KILL_THREAD: 0,
  SECCOMP_RET_TRAP: 0x30000,
  SECCOMP_RET_ERRNO: 0x50000,
  SECCOMP_RET_USER_NOTIF: 0x7fc00000,
  SECCOMP_RET_TRACE: 0x7ff00000,
  SECCOMP_RET_LOG: 0x7ffc0000,
  SECCOMP_RET_ALLOW: 0x7fff0000,
  SECCOMP_RET_KILL: 0,
}))
export type SeccompAction = NameOf<typeof SECCOMP_ACTIONS>

/** Modes of PR_SET_SECCOMP. */
export const SECCOMP_MODES = choiceSet('SeccompMode', 'linux/seccomp.h', () => ({
  SECCOMP_MODE_DISABLED: 0,
  SECCOMP_MODE_STRICT: 1,
  SECCOMP_MODE_FILTER: 2,
}))
export type SeccompMode = NameOf<typeof SECCOMP_MODES>

/** Flags of a notification response. */
export const SECCOMP_NOTIF = flagSet('SeccompNotifFlag', 'linux/seccomp.h', () => ({
  SECCOMP_USER_NOTIF_FLAG_CONTINUE: 1,
}))
export type SeccompNotifFlag = NameOf<typeof SECCOMP_NOTIF>

/** Flags of SECCOMP_IOCTL_NOTIF_ADDFD. */
export const SECCOMP_ADDFD = flagSet('SeccompAddfdFlag', 'linux/seccomp.h', () => ({
  SECCOMP_ADDFD_FLAG_SETFD: 1,
  SECCOMP_ADDFD_FLAG_SEND: 2,
}))
export type SeccompAddfdFlag = NameOf<typeof SECCOMP_ADDFD>

/** Architectures as `seccomp_data.arch` tells them. */
export const AUDIT_ARCH = choiceSet('AuditArch', 'linux/audit.h', () => ({
  AUDIT_ARCH_AARCH64: 0xc00000b7,
  AUDIT_ARCH_ARM: 0x40000028,
  AUDIT_ARCH_I386: 0x40000003,
  AUDIT_ARCH_PPC64LE: 0xc0000015,
  AUDIT_ARCH_RISCV64: 0xc00000f3,
  AUDIT_ARCH_S390X: 0x80000016,
  AUDIT_ARCH_X86_64: 0xc000003e,
}))
export type AuditArch = NameOf<typeof AUDIT_ARCH>
