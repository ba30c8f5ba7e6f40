import { StateError } from '../../base/errors.ts'
import { close, O, open } from '../../kernel/descriptors.ts'
import type { Kernel } from '../../kernel/kernel.ts'
import { isAlive } from '../../kernel/process.ts'
import type { ContainerRecord } from '../../oci/state/container-record.ts'

/** Opens the root of a live container, as it sees it, for places below. @throws StateError when it has ended, SyscallError */
export function openRootOf(kernel: Kernel, { pid, startTime }: Pick<ContainerRecord, 'pid' | 'startTime'>): number {
  const fd = open(kernel, `/proc/${pid}/root`, O.PATH | O.DIRECTORY)
  // Looked at afterwards: what was opened before is of the process that lives still.
  if (isAlive(kernel, pid, startTime)) return fd
  close(kernel, fd)
  throw new StateError('The container has ended', { state: 'stopped', wanted: 'running' })
}
