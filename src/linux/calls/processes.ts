import type { Call } from '../call.ts'
import {
  countedText,
  choice,
  constant,
  dirfd,
  fd,
  flags,
  id,
  int,
  nullable,
  orMemory,
  path,
  pid,
  prctlArgument,
  signal,
} from '../params.ts'
import { outInt, outName, outNumbers, stringList, structIn, structOut } from '../memory-params.ts'
import { cpuSet, idList, outCpuSet, outIds, outSignalSet, signalSet } from '../set-params.ts'
import { NONE, FD, NICE, PID, VALUE, combined, out } from '../results.ts'
import { capData, capHeader, capHeaderOf, outCapData } from '../capability-params.ts'
import { outSiginfo } from '../siginfo.ts'
import { RLIMIT, RUSAGE, SOCK_FPROG, SYSINFO, TIMESPEC, UTSNAME } from '../structs/process.ts'
import { CLONE } from '../tables/clone.ts'
import { AT } from '../tables/open.ts'
import { PERSONALITY } from '../tables/personality.ts'
import { PIDFD, PIDFD_SIGNAL, SIGPROCMASK } from '../tables/pidfd.ts'
import { PRCTL } from '../tables/prctl.ts'
import { PRIORITY, RLIMITS, RUSAGE as RUSAGE_WHO } from '../tables/rlimits.ts'
import { SECCOMP, SECCOMP_FLAGS } from '../tables/seccomp.ts'
import { IDTYPE, WAIT } from '../tables/wait.ts'

/** Identity, namespaces, limits, signals and children of a process. */
export const PROCESS_CALLS = {
  setns: () => ({
    name: 'setns',
    about: 'Joins a namespace; 0 takes any kind, a pidfd takes several (5.8). EPERM, EINVAL, EUSERS',
    params: [fd(), flags(CLONE, 'nstype')],
    result: NONE,
  }),
  unshare: () => ({
    name: 'unshare',
    about: 'Leaves namespaces for new ones. EPERM, EUSERS, ENOSPC (limits in /proc/sys/user)',
    params: [flags(CLONE)],
    result: NONE,
  }),
  sethostname: () => ({
    name: 'sethostname',
    about: 'Names the host of the UTS namespace. EPERM, EINVAL beyond 64 bytes',
    params: [countedText('name')],
    result: NONE,
  }),
  setdomainname: () => ({
    name: 'setdomainname',
    about: 'Names the NIS domain of the UTS namespace. EPERM',
    params: [countedText('name')],
    result: NONE,
  }),
  uname: () => ({
    name: 'uname',
    about: 'Names of the kernel and of the UTS namespace',
    params: [structOut(UTSNAME, 'buf')],
    result: out('UtsnameDecoded'),
  }),
  sysinfo: () => ({
    name: 'sysinfo',
    about: 'Memory, load and uptime of the machine',
    params: [structOut(SYSINFO, 'info')],
    result: out('SysinfoDecoded'),
  }),
  setgroups: () => ({
    name: 'setgroups',
    about: 'Sets the supplementary groups. EPERM (also when setgroups is denied in the user namespace)',
    params: [idList()],
    result: NONE,
  }),
  getgroups: () => ({
    name: 'getgroups',
    about: 'The supplementary groups',
    params: [outIds(65536)],
    result: out('readonly number[]'),
  }),
  setuid: () => ({
    name: 'setuid',
    about: 'Sets the user id; all three when privileged. EPERM, EINVAL (not mapped)',
    params: [id('uid')],
    result: NONE,
  }),
  setgid: () => ({
    name: 'setgid',
    about: 'Sets the group id; all three when privileged. EPERM, EINVAL (not mapped)',
    params: [id('gid')],
    result: NONE,
  }),
  setresuid: () => ({
    name: 'setresuid',
    about: 'Sets real, effective and saved user id; -1 leaves one as it is. EPERM, EINVAL (not mapped)',
    params: [id('ruid'), id('euid'), id('suid')],
    result: NONE,
  }),
  setresgid: () => ({
    name: 'setresgid',
    about: 'Sets real, effective and saved group id; -1 leaves one as it is. EPERM, EINVAL (not mapped)',
    params: [id('rgid'), id('egid'), id('sgid')],
    result: NONE,
  }),
  getresuid: () => ({
    name: 'getresuid',
    about: 'Real, effective and saved user id',
    params: [outNumbers(['ruid', 'euid', 'suid'])],
    result: out('{ readonly ruid: number; readonly euid: number; readonly suid: number }'),
  }),
  getresgid: () => ({
    name: 'getresgid',
    about: 'Real, effective and saved group id',
    params: [outNumbers(['rgid', 'egid', 'sgid'])],
    result: out('{ readonly rgid: number; readonly egid: number; readonly sgid: number }'),
  }),
  setfsuid: () => ({
    name: 'setfsuid',
    about: 'Sets the user id of file accesses; gives the old one, also when refused',
    params: [id('fsuid')],
    result: VALUE,
  }),
  setfsgid: () => ({
    name: 'setfsgid',
    about: 'Sets the group id of file accesses; gives the old one, also when refused',
    params: [id('fsgid')],
    result: VALUE,
  }),
  getuid: () => ({ name: 'getuid', about: 'Real user id', params: [], result: VALUE }),
  geteuid: () => ({ name: 'geteuid', about: 'Effective user id', params: [], result: VALUE }),
  getgid: () => ({ name: 'getgid', about: 'Real group id', params: [], result: VALUE }),
  getegid: () => ({ name: 'getegid', about: 'Effective group id', params: [], result: VALUE }),
  getpid: () => ({ name: 'getpid', about: 'Process id in the own pid namespace', params: [], result: PID }),
  gettid: () => ({ name: 'gettid', about: 'Thread id', params: [], result: PID }),
  getppid: () => ({
    name: 'getppid',
    about: 'Process id of the parent; 0 when it is in another pid namespace',
    params: [],
    result: PID,
  }),
  setsid: () => ({
    name: 'setsid',
    about: 'Begins a session without a terminal. EPERM when a group leader',
    params: [],
    result: PID,
  }),
  getsid: () => ({ name: 'getsid', about: 'Session of a process; 0 is the own. ESRCH', params: [pid()], result: PID }),
  setpgid: () => ({
    name: 'setpgid',
    about: 'Moves a process into a group. EACCES after its exec, EPERM, ESRCH',
    params: [pid(), pid('pgid')],
    result: NONE,
  }),
  getpgid: () => ({ name: 'getpgid', about: 'Group of a process; 0 is the own. ESRCH', params: [pid()], result: PID }),
  kill: () => ({
    name: 'kill',
    about: 'Sends a signal; 0 only asks. ESRCH, EPERM',
    params: [pid(), signal()],
    result: NONE,
  }),
  tgkill: () => ({
    name: 'tgkill',
    about: 'Sends a signal to a thread. ESRCH, EPERM',
    params: [pid('tgid'), pid('tid'), signal()],
    result: NONE,
  }),
  pidfd_open: () => ({
    name: 'pidfd_open',
    about: 'A descriptor for a process (5.3). ESRCH',
    params: [pid(), flags(PIDFD)],
    result: FD,
  }),
  pidfd_getfd: () => ({
    name: 'pidfd_getfd',
    about: 'Copies a descriptor of another process (5.6). EPERM (ptrace rules), EBADF',
    params: [fd('pidfd'), int('targetfd'), constant(0)],
    result: FD,
  }),
  pidfd_send_signal: () => ({
    name: 'pidfd_send_signal',
    about: 'Sends a signal to exactly this process (5.1). ESRCH, EPERM',
    params: [fd('pidfd'), signal(), constant(0, 'NULL', 'info'), flags(PIDFD_SIGNAL)],
    result: NONE,
  }),
  wait4: () => ({
    name: 'wait4',
    about: 'Waits for a child; pid 0 with WNOHANG when none has ended. ECHILD',
    params: [pid(), outInt('wstatus'), flags(WAIT, 'options'), structOut(RUSAGE, 'rusage')],
    result: combined(
      '{ readonly pid: Pid; readonly status: number; readonly rusage: RusageDecoded }',
      ([status, rusage], result) => ({ pid: Number(result), status, rusage }),
    ),
    waits: true,
  }),
  waitid: () => ({
    name: 'waitid',
    about: 'Waits for a child and tells how it changed; with WNOWAIT leaves it. ECHILD, EAGAIN',
    params: [choice(IDTYPE, 'idtype'), pid('id'), outSiginfo(), flags(WAIT, 'options'), structOut(RUSAGE, 'rusage')],
    result: combined('{ readonly siginfo: Siginfo; readonly rusage: RusageDecoded }', ([siginfo, rusage]) => ({
      siginfo,
      rusage,
    })),
    waits: true,
  }),
  prctl: () => ({
    name: 'prctl',
    about: 'Sets or reads a property of the process. EINVAL, EPERM',
    params: [
      choice(PRCTL, 'option'),
      prctlArgument('arg2'),
      prctlArgument('arg3'),
      prctlArgument('arg4'),
      prctlArgument('arg5'),
    ],
    result: VALUE,
  }),
  prctlRead: () => ({
    name: 'prctl',
    about:
      'Reads a property that prctl writes as a 32-bit number: PR_GET_PDEATHSIG, PR_GET_CHILD_SUBREAPER, PR_GET_TSC … EINVAL',
    params: [choice(PRCTL, 'option'), outInt('arg2')],
    result: out('number'),
  }),
  prctlName: () => ({
    name: 'prctl',
    about: 'The name of the thread, at most 15 bytes: PR_GET_NAME',
    params: [constant(16, 'PR_GET_NAME', 'option'), outName(16)],
    result: out('string'),
  }),
  capset: () => ({
    name: 'capset',
    about: 'Sets the capability sets of the calling thread; bits of 64-bit masks. EPERM',
    params: [capHeader, capData],
    result: NONE,
  }),
  capget: () => ({
    name: 'capget',
    about: 'The capability sets of a thread; 0 is the caller. ESRCH',
    params: [capHeaderOf, outCapData],
    result: out('CapabilitySets'),
  }),
  seccomp: () => ({
    name: 'seccomp',
    about:
      'Installs a filter for system calls; with NEW_LISTENER gives a descriptor. EACCES without no_new_privs, EINVAL',
    params: [choice(SECCOMP, 'operation'), flags(SECCOMP_FLAGS), nullable(orMemory(structIn(SOCK_FPROG, 'args')))],
    result: VALUE,
  }),
  prlimit64: () => ({
    name: 'prlimit64',
    page: 'prlimit',
    about: 'Sets a resource limit (null: only reads it); gives the old one. EPERM above the hard limit, EINVAL',
    params: [
      pid(),
      choice(RLIMITS, 'resource'),
      nullable(structIn(RLIMIT, 'new_limit')),
      structOut(RLIMIT, 'old_limit'),
    ],
    result: out('RlimitDecoded'),
  }),
  getrusage: () => ({
    name: 'getrusage',
    about: 'What the process or its ended children used',
    params: [choice(RUSAGE_WHO, 'who'), structOut(RUSAGE, 'usage')],
    result: out('RusageDecoded'),
  }),
  getpriority: () => ({
    name: 'getpriority',
    about: 'The nice value, -20 to 19: the lowest of several processes. ESRCH',
    params: [choice(PRIORITY, 'which'), pid('who')],
    result: NICE,
  }),
  setpriority: () => ({
    name: 'setpriority',
    about: 'Sets the nice value, -20 to 19. EACCES, EPERM, ESRCH',
    params: [choice(PRIORITY, 'which'), pid('who'), int('prio')],
    result: NONE,
  }),
  rt_sigprocmask: () => ({
    name: 'rt_sigprocmask',
    page: 'sigprocmask',
    about: 'Changes the mask of blocked signals; gives the old one. EINVAL',
    params: [choice(SIGPROCMASK, 'how'), nullable(signalSet()), outSignalSet(), constant(8)],
    result: out('bigint'),
  }),
  execve: () => ({
    name: 'execve',
    about: 'Becomes another program: the agent ends. ENOENT, EACCES, ENOEXEC, E2BIG',
    params: [path(), stringList('argv'), stringList('envp', 'count')],
    result: NONE,
    ends: true,
  }),
  execveat: () => ({
    name: 'execveat',
    about:
      'Becomes the program of a descriptor (AT_EMPTY_PATH) or path. ENOENT (script by a close-on-exec descriptor), EACCES, ENOEXEC',
    params: [dirfd(), path(), stringList('argv'), stringList('envp', 'count'), flags(AT)],
    result: NONE,
    ends: true,
  }),
  exit_group: () => ({
    name: 'exit_group',
    about: 'Ends the process with a status',
    params: [int('status')],
    result: NONE,
    waits: true,
    ends: true,
  }),
  personality: () => ({
    name: 'personality',
    about: 'Sets the execution domain (0xffffffff: only reads it); gives the old one. EINVAL',
    params: [flags(PERSONALITY, 'persona')],
    result: VALUE,
  }),
  nanosleep: () => ({
    name: 'nanosleep',
    about: 'Sleeps. EINTR',
    params: [structIn(TIMESPEC, 'req'), constant(0, 'NULL', 'rem')],
    result: NONE,
    waits: true,
  }),
  sched_setaffinity: () => ({
    name: 'sched_setaffinity',
    about: 'Binds a process to processors; 0 is the caller. EINVAL when none of them may be used',
    params: [pid(), cpuSet()],
    result: NONE,
  }),
  sched_getaffinity: () => ({
    name: 'sched_getaffinity',
    about: 'Processors that a process may use. ESRCH',
    params: [pid(), outCpuSet],
    result: out('readonly number[]'),
  }),
} satisfies Record<string, () => Call>
