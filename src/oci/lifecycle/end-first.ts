import { close } from '../../kernel/descriptors.ts'
import type { Kernel } from '../../kernel/kernel.ts'
import { isAlive, openPidfd, signalPidfd } from '../../kernel/process.ts'
import { killGroup } from '../cgroups/kill-group.ts'
import type { ContainerRecord } from '../state/container-record.ts'
import { awaitEnd } from './await-end.ts'

const SIGKILL = 9

/**
 * Ends the first process of a container, and waits until it has ended. Nobody else with its number is touched: the process is held by
 * a descriptor while its start time is compared.
 * @throws TimeoutError
 */
export function endFirst(kernel: Kernel, { pid, startTime, groups }: ContainerRecord): void {
  const pidfd = pid === 0 ? undefined : openPidfd(kernel, pid)
  if (pidfd === undefined) return
  try {
    if (!isAlive(kernel, pid, startTime)) return
    signalPidfd(kernel, pidfd, SIGKILL)
    // What stands still in v1's freezer takes no signal before it is thawed.
    if (groups.length > 0) killGroup(kernel, groups)
    awaitEnd(kernel, pidfd, pid)
  } finally {
    close(kernel, pidfd)
  }
}
