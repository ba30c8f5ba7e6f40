import type { FieldKind } from '../field.ts'
import { array, chars, countOf, nested, structsPointer } from '../memory-fields.ts'
import {
  choice,
  count64,
  derived,
  fd64,
  flags,
  i32,
  reserved,
  signedCount64,
  u16,
  u32,
  u64,
  u8,
} from '../scalar-fields.ts'
import { struct } from '../struct.ts'
import { CLONE } from '../tables/clone.ts'
import { SIGNALS } from '../tables/signals.ts'

/** clone3(2); the pointers are numbers: an address, or 0. */
export const CLONE_ARGS = struct('clone_args', 'linux/sched.h', () => [
  ['flags', flags(8, CLONE)],
  ['pidfd', u64],
  ['child_tid', u64],
  ['parent_tid', u64],
  ['exit_signal', choice(8, SIGNALS)],
  ['stack', u64],
  ['stack_size', u64],
  ['tls', u64],
  ['set_tid', u64],
  ['set_tid_size', u64],
  ['cgroup', fd64],
])

/** Seconds and nanoseconds. */
export const TIMESPEC = struct('timespec', 'linux/time.h', () => [
  ['tv_sec', signedCount64],
  ['tv_nsec', signedCount64],
])

/** Seconds and microseconds. */
export const TIMEVAL = struct('timeval', 'linux/time.h', () => [
  ['tv_sec', signedCount64],
  ['tv_usec', signedCount64],
])

/** A timer: when it fires first, and how often after that; zero disarms. */
export const ITIMERSPEC = struct('itimerspec', 'linux/time.h', () => [
  ['it_interval', nested(TIMESPEC)],
  ['it_value', nested(TIMESPEC)],
])

/** RLIM64_INFINITY */
const UNLIMITED = 0xffff_ffff_ffff_ffffn
const limit: FieldKind = {
  ...u64,
  print: (value, arch) => (value === UNLIMITED ? 'RLIM64_INFINITY' : u64.print(value, arch)),
}

/** A soft and a hard limit; 0xffffffffffffffffn is RLIM_INFINITY. */
export const RLIMIT = struct(
  'rlimit64',
  'linux/resource.h',
  () => [
    ['rlim_cur', limit],
    ['rlim_max', limit],
  ],
  { typeName: 'Rlimit' },
)

/** What a process used (getrusage(2)); sizes in KiB. */
export const RUSAGE = struct('rusage', 'linux/resource.h', () => [
  ['ru_utime', nested(TIMEVAL)],
  ['ru_stime', nested(TIMEVAL)],
  ['ru_maxrss', count64],
  ['ru_ixrss', count64],
  ['ru_idrss', count64],
  ['ru_isrss', count64],
  ['ru_minflt', count64],
  ['ru_majflt', count64],
  ['ru_nswap', count64],
  ['ru_inblock', count64],
  ['ru_oublock', count64],
  ['ru_msgsnd', count64],
  ['ru_msgrcv', count64],
  ['ru_nsignals', count64],
  ['ru_nvcsw', count64],
  ['ru_nivcsw', count64],
])

/** Version (0x20080522) and process of capset(2). */
export const CAP_USER_HEADER = struct(
  '__user_cap_header_struct',
  'linux/capability.h',
  () => [
    ['version', u32],
    ['pid', i32],
  ],
  { typeName: 'CapUserHeader' },
)

/** 32 capabilities of each set. */
export const CAP_USER_DATA = struct(
  '__user_cap_data_struct',
  'linux/capability.h',
  () => [
    ['effective', u32],
    ['permitted', u32],
    ['inheritable', u32],
  ],
  { typeName: 'CapUserData' },
)

/** One instruction of a classic BPF program. */
export const SOCK_FILTER = struct('sock_filter', 'linux/filter.h', () => [
  ['code', u16],
  ['jt', u8],
  ['jf', u8],
  ['k', u32],
])

/** A classic BPF program; `len` is computed. */
export const SOCK_FPROG = struct('sock_fprog', 'linux/filter.h', () => [
  ['len', derived(u16, (input) => countOf(SOCK_FILTER, input['filter']))],
  ['filter', structsPointer(SOCK_FILTER)],
])

/** What a seccomp filter judges. */
export const SECCOMP_DATA = struct('seccomp_data', 'linux/seccomp.h', () => [
  ['nr', i32],
  ['arch', u32],
  ['instruction_pointer', u64],
  ['args', array(u64, 6)],
])

/** Names of a kernel and its host (uname(2)). */
export const UTSNAME = struct(
  'new_utsname',
  'linux/utsname.h',
  () => [
    ['sysname', chars(65)],
    ['nodename', chars(65)],
    ['release', chars(65)],
    ['version', chars(65)],
    ['machine', chars(65)],
    ['domainname', chars(65)],
  ],
  { typeName: 'Utsname' },
)

/** Memory, load and uptime of the machine (sysinfo(2)). */
export const SYSINFO = struct('sysinfo', 'linux/sysinfo.h', () => [
  ['uptime', signedCount64],
  ['loads', array(u64, 3)],
  ['totalram', u64],
  ['freeram', u64],
  ['sharedram', u64],
  ['bufferram', u64],
  ['totalswap', u64],
  ['freeswap', u64],
  ['procs', u16],
  ['pad', reserved(2, 2)],
  ['totalhigh', u64],
  ['freehigh', u64],
  ['mem_unit', u32],
])

/** Action of a signal as the kernel takes it (not libc's struct): handler 0 is SIG_DFL, 1 is SIG_IGN. */
export const SIGACTION = struct(
  'kernel_sigaction',
  '',
  () => [
    ['handler', u64],
    ['flags', u64],
    ['restorer', u64],
    ['mask', u64],
  ],
  { c: '', typeName: 'Sigaction' },
)
