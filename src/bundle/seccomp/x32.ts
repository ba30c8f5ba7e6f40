/** `__X32_SYSCALL_BIT` of asm/unistd.h: marks numbers of the x32 ABI. */
export const X32_BIT = 0x4000_0000

/** Calls of x86-64 that x32 does not have (asm/unistd_x32.h). */
const ABSENT: readonly string[] = [
  'uselib',
  '_sysctl',
  'create_module',
  'get_kernel_syms',
  'query_module',
  'nfsservctl',
  'set_thread_area',
  'get_thread_area',
  'epoll_ctl_old',
  'epoll_wait_old',
  'vserver',
]

/** Calls that take structs with pointers have numbers of their own, from 512 on in this order. */
const FIRST_OWN = 512
const OWN: readonly string[] = [
  'rt_sigaction',
  'rt_sigreturn',
  'ioctl',
  'readv',
  'writev',
  'recvfrom',
  'sendmsg',
  'recvmsg',
  'execve',
  'ptrace',
  'rt_sigpending',
  'rt_sigtimedwait',
  'rt_sigqueueinfo',
  'sigaltstack',
  'timer_create',
  'mq_notify',
  'kexec_load',
  'waitid',
  'set_robust_list',
  'get_robust_list',
  'vmsplice',
  'move_pages',
  'preadv',
  'pwritev',
  'rt_tgsigqueueinfo',
  'recvmmsg',
  'sendmmsg',
  'process_vm_readv',
  'process_vm_writev',
  'setsockopt',
  'getsockopt',
  'io_setup',
  'io_submit',
  'execveat',
  'preadv2',
  'pwritev2',
]

/** What a profile decided for x86-64 as it counts for x32, by number without the bit. */
export function x32Decisions<T>(
  x64: readonly T[],
  numbers: Readonly<Record<string, number>>,
  otherwise: T,
): readonly T[] {
  const decisions = [...x64]
  while (decisions.length < FIRST_OWN) decisions.push(otherwise)
  const of = (name: string): T => x64[numbers[name] ?? -1] ?? otherwise
  const own = OWN.map(of)
  for (const name of [...ABSENT, ...OWN]) decisions[numbers[name] ?? 0] = otherwise
  return [...decisions.slice(0, FIRST_OWN), ...own]
}
