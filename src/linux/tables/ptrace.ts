import { type NameOf, choiceSet, flagSet } from '../constant-set.ts'

/** Requests of ptrace(2) that both architectures have. */
export const PTRACE = choiceSet('PtraceRequest', 'linux/ptrace.h', () => ({
  PTRACE_TRACEME: 0,
  PTRACE_PEEKTEXT: 1,
  PTRACE_PEEKDATA: 2,
  PTRACE_PEEKUSR: 3,
  PTRACE_POKETEXT: 4,
  PTRACE_POKEDATA: 5,
  PTRACE_POKEUSR: 6,
  PTRACE_CONT: 7,
  PTRACE_KILL: 8,
  PTRACE_SINGLESTEP: 9,
  PTRACE_ATTACH: 16,
  PTRACE_DETACH: 17,
  PTRACE_SYSCALL: 24,
  PTRACE_SYSEMU: 31,
  PTRACE_SYSEMU_SINGLESTEP: 32,
  PTRACE_SETOPTIONS: 16896,
  PTRACE_GETEVENTMSG: 16897,
  PTRACE_GETSIGINFO: 16898,
  PTRACE_SETSIGINFO: 16899,
  PTRACE_GETREGSET: 16900,
  PTRACE_SETREGSET: 16901,
  PTRACE_SEIZE: 16902,
  PTRACE_INTERRUPT: 16903,
  PTRACE_LISTEN: 16904,
  PTRACE_PEEKSIGINFO: 16905,
  PTRACE_GETSIGMASK: 16906,
  PTRACE_SETSIGMASK: 16907,
  PTRACE_SECCOMP_GET_FILTER: 16908,
  PTRACE_SECCOMP_GET_METADATA: 16909,
  PTRACE_GET_SYSCALL_INFO: 16910,
  PTRACE_GET_RSEQ_CONFIGURATION: 16911,
  PTRACE_SET_SYSCALL_INFO: 0x4212, // Linux 6.16
}))
export type PtraceRequest = NameOf<typeof PTRACE>

/** Requests of ptrace(2) that only x86-64 has. */
export const PTRACE_X64 = choiceSet(
  'PtraceRequestX64',
  'linux/ptrace.h',
  () => ({
    PTRACE_GETREGS: 12,
    PTRACE_SETREGS: 13,
    PTRACE_GETFPREGS: 14,
    PTRACE_SETFPREGS: 15,
    PTRACE_GETFPXREGS: 18,
    PTRACE_SETFPXREGS: 19,
    PTRACE_OLDSETOPTIONS: 21,
    PTRACE_GET_THREAD_AREA: 25,
    PTRACE_SET_THREAD_AREA: 26,
    PTRACE_ARCH_PRCTL: 30,
    PTRACE_SINGLEBLOCK: 33,
  }),
  { arch: 'x64' },
)
export type PtraceRequestX64 = NameOf<typeof PTRACE_X64>

/** Requests of ptrace(2) that only arm64 has. */
export const PTRACE_ARM64 = choiceSet(
  'PtraceRequestArm64',
  'linux/ptrace.h',
  () => ({
    PTRACE_PEEKMTETAGS: 33,
    PTRACE_POKEMTETAGS: 34,
  }),
  { arch: 'arm64' },
)
export type PtraceRequestArm64 = NameOf<typeof PTRACE_ARM64>

/** Why a traced process stopped. */
export const PTRACE_EVENTS = choiceSet('PtraceEvent', 'linux/ptrace.h', () => ({
  PTRACE_EVENT_FORK: 1,
  PTRACE_EVENT_VFORK: 2,
  PTRACE_EVENT_CLONE: 3,
  PTRACE_EVENT_EXEC: 4,
  PTRACE_EVENT_VFORK_DONE: 5,
  PTRACE_EVENT_EXIT: 6,
  PTRACE_EVENT_SECCOMP: 7,
  PTRACE_EVENT_STOP: 128,
}))
export type PtraceEvent = NameOf<typeof PTRACE_EVENTS>

/** What PTRACE_GETEVENTMSG says at a system-call stop. */
export const PTRACE_EVENTMSG = choiceSet('PtraceEventMessage', 'linux/ptrace.h', () => ({
  PTRACE_EVENTMSG_SYSCALL_ENTRY: 1,
  PTRACE_EVENTMSG_SYSCALL_EXIT: 2,
}))
export type PtraceEventMessage = NameOf<typeof PTRACE_EVENTMSG>

/** Kinds of stops of PTRACE_GET_SYSCALL_INFO. */
export const PTRACE_SYSCALL_INFO = choiceSet('PtraceSyscallInfo', 'linux/ptrace.h', () => ({
  PTRACE_SYSCALL_INFO_NONE: 0,
  PTRACE_SYSCALL_INFO_ENTRY: 1,
  PTRACE_SYSCALL_INFO_EXIT: 2,
  PTRACE_SYSCALL_INFO_SECCOMP: 3,
}))
export type PtraceSyscallInfo = NameOf<typeof PTRACE_SYSCALL_INFO>

/** Options of PTRACE_SETOPTIONS. */
export const PTRACE_OPTIONS = flagSet('PtraceOption', 'linux/ptrace.h', () => ({
  PTRACE_O_TRACESYSGOOD: 1,
  PTRACE_O_TRACEFORK: 2,
  PTRACE_O_TRACEVFORK: 4,
  PTRACE_O_TRACECLONE: 8,
  PTRACE_O_TRACEEXEC: 0x10,
  PTRACE_O_TRACEVFORKDONE: 0x20,
  PTRACE_O_TRACEEXIT: 0x40,
  PTRACE_O_TRACESECCOMP: 0x80,
  PTRACE_O_EXITKILL: 0x100000,
  PTRACE_O_SUSPEND_SECCOMP: 0x200000,
}))
export type PtraceOption = NameOf<typeof PTRACE_OPTIONS>
