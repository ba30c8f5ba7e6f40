import type { Call } from '../call.ts'
import { outInt, structIn } from '../memory-params.ts'
import { dirfd, fd, flags, int, nullable, path, pid, raw, signal, u64, uint } from '../params.ts'
import { fileHandle, outFileHandle, queuedInfo } from '../posix-params.ts'
import { FD, NONE, VALUE, combined } from '../results.ts'
import { TIMESPEC } from '../structs/process.ts'
import { MAP, PROT } from '../tables/memory.ts'
import { AT, OPEN } from '../tables/open.ts'

/** Memory of the process by address, and files by handle: for steps that know what an agent is made of. */
export const MEMORY_CALLS = {
  mmap: () => ({
    name: 'mmap',
    about:
      'Maps memory or a file (fd -1: none); gives the address. An address of 0 lets the kernel choose. EINVAL, ENOMEM',
    params: [u64('addr'), u64('length'), flags(PROT, 'prot'), flags(MAP), fd(), u64('offset')],
    result: VALUE,
  }),
  munmap: () => ({
    name: 'munmap',
    about: 'Takes a mapping away. EINVAL',
    params: [u64('addr'), u64('length')],
    result: NONE,
  }),
  mprotect: () => ({
    name: 'mprotect',
    about: 'Sets the protection of mapped memory. EINVAL, EACCES, ENOMEM',
    params: [u64('addr'), u64('len'), flags(PROT, 'prot')],
    result: NONE,
  }),
  futex: () => ({
    name: 'futex',
    about: 'Waits for, or wakes who waits for, a 32-bit word at an address. EAGAIN, ETIMEDOUT, EINTR',
    params: [
      u64('uaddr'),
      int('futex_op'),
      uint('val'),
      nullable(structIn(TIMESPEC, 'timeout')),
      raw('uaddr2'),
      raw('val3'),
    ],
    result: VALUE,
    waits: true,
  }),
  name_to_handle_at: () => ({
    name: 'name_to_handle_at',
    about: 'A handle of a file and the id of its mount. EOPNOTSUPP, EOVERFLOW',
    params: [dirfd(), path(), outFileHandle, outInt('mount_id'), flags(AT)],
    result: combined('{ readonly handle: KernelFileHandle; readonly mountId: number }', ([handle, mountId]) => ({
      handle,
      mountId,
    })),
  }),
  open_by_handle_at: () => ({
    name: 'open_by_handle_at',
    about: 'Opens the file of a handle, in the file system of `mount_fd`. ESTALE, EPERM',
    params: [fd('mount_fd'), fileHandle, flags(OPEN)],
    result: FD,
  }),
  rt_sigqueueinfo: () => ({
    name: 'rt_sigqueueinfo',
    about: 'Sends a signal with a value; the sender is what `info` says. ESRCH, EPERM, EAGAIN',
    params: [pid('tgid'), signal(), queuedInfo()],
    result: NONE,
  }),
} satisfies Record<string, () => Call>
