import { findCall } from './calls/index.ts'

/** Calls without a signature here that wait for something outside the kernel. */
const WITHOUT_SIGNATURE = `
  accept clock_nanosleep epoll_pwait2 epoll_wait exit fdatasync futex_wait futex_waitv io_getevents io_pgetevents io_uring_enter
  mq_timedreceive mq_timedsend msgrcv msgsnd msync open pause poll preadv preadv2 pwritev pwritev2 readv recvmmsg rt_sigsuspend select
  semop semtimedop sendmmsg tee vmsplice writev
`

let names: ReadonlySet<string> | undefined

/** Whether a system call, by its kernel name, may take any time at all: it waits for a peer, a child, a clock, a lock, a device. */
export function waitsByNature(kernelName: string): boolean {
  names ??= new Set(WITHOUT_SIGNATURE.trim().split(/\s+/))
  return names.has(kernelName) || findCall(kernelName)?.waits === true
}
