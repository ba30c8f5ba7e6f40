import { StateError } from '../../base/errors.ts'
import { close } from '../../kernel/descriptors.ts'
import type { Kernel } from '../../kernel/kernel.ts'
import { isAlive, openPidfd, signalPidfd } from '../../kernel/process.ts'
import type { Given } from '../command-line/definitions.ts'
import type { Context } from '../context.ts'
import type { ContainerRecord } from '../state/container-record.ts'
import { parseSignal } from './parse-signal.ts'

const SIGKILL = 9

/** `kill [--all] ID [SIGNAL]`. It takes no lock: a hook may call it while another command works on the container. */
export async function run({ kernel, store }: Context, { id, signal, options }: Given<'kill'>): Promise<void> {
  const number = await parseSignal(signal)
  const record = store.load(id)
  if (options.all === true && record.groups.length > 0) {
    const { signalGroup } = await import('../cgroups/kill-group.ts')
    signalGroup(kernel, record.groups, number)
  } else if (!signalFirst(kernel, record, number)) {
    // "container not running" is what containerd tells a failure by that is none.
    throw new StateError(`Cannot signal ${JSON.stringify(id)}: container not running`, {
      state: store.status(record),
      wanted: 'running',
    })
  }
  if (number === SIGKILL) await thawPaused(kernel, record)
}

/** Signals the first process; false when it has ended. Between look and signal its number cannot become another's: the pidfd holds it. */
function signalFirst(kernel: Kernel, { pid, startTime }: ContainerRecord, signal: number): boolean {
  const pidfd = pid === 0 ? undefined : openPidfd(kernel, pid)
  if (pidfd === undefined) return false
  try {
    return isAlive(kernel, pid, startTime) && signalPidfd(kernel, pidfd, signal)
  } finally {
    close(kernel, pidfd)
  }
}

/** The freezer of cgroup v1 keeps even killed processes (cgroup-v1/freezer-subsystem.rst). */
async function thawPaused(kernel: Kernel, { groups }: ContainerRecord): Promise<void> {
  const hasFreezer = groups.some(({ version, controllers }) => version === 1 && controllers.includes('freezer'))
  if (!hasFreezer) return
  const { isFrozen, thaw } = await import('../cgroups/freeze.ts')
  if (isFrozen(kernel, groups)) thaw(kernel, groups)
}
