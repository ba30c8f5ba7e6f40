import type { Arch } from '../../linux/arch.ts'
import { type AskedCall, filterAnswers, isLetThrough, isRefused } from './passes.ts'
import { ENOSYS } from './oci-action.ts'

const SIGCHLD = 17
const CLONE_PIDFD = 0x1000
const PR_SET_PDEATHSIG = 1
const F_GETFD = 1
const F_DUPFD_CLOEXEC = 1030
const TIOCSCTTY = 0x540e
const SIG_SETMASK = 2
const SOCKET = 3

/** What an agent does from the moment on that it has loaded a filter, and its child up to the execution of a program. */
const CALLS: readonly AskedCall[] = [
  ['capset'],
  ['close'],
  ['close_range'],
  ['dup3'],
  ['execve'],
  ['exit_group'],
  ['fcntl', SOCKET, F_DUPFD_CLOEXEC],
  ['fcntl', SOCKET, F_GETFD],
  ['ioctl', 0, TIOCSCTTY],
  ['mmap'],
  ['munmap'],
  ['ppoll'],
  ['prctl', PR_SET_PDEATHSIG],
  ['prlimit64'],
  ['read', SOCKET],
  ['recvmsg', SOCKET],
  ['rt_sigaction'],
  ['rt_sigprocmask', SIG_SETMASK],
  ['rt_sigreturn'],
  ['sched_setaffinity'],
  ['sendmsg', SOCKET],
  ['setsid'],
  ['signalfd4'],
  ['wait4'],
]

/**
 * Whether a process that has loaded this filter can still make a child that becomes a program: most profiles of engines say yes. The child
 * is then born with the filter. @param filter `OciFilter.filter`
 */
export function letsBearChildren(filter: Uint8Array, arch: Arch): boolean {
  const answer = filterAnswers(filter, arch)
  const birth = answer(['clone3'])
  const plainly = (): boolean => isLetThrough(answer(['clone', CLONE_PIDFD | SIGCHLD]))
  const bears = isLetThrough(birth) || (isRefused(birth, ENOSYS) && plainly())
  return bears && CALLS.every((call) => isLetThrough(answer(call)))
}
