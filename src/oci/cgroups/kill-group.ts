import { TimeoutError, UnsupportedError } from '../../base/errors.ts'
import type { GroupPlace } from '../../features/cgroups/group-place.ts'
import { attempt } from '../../kernel/call.ts'
import { close } from '../../kernel/descriptors.ts'
import { writeExisting } from '../../kernel/files.ts'
import type { Kernel } from '../../kernel/kernel.ts'
import { openPidfd, signalPidfd } from '../../kernel/process.ts'
import { canFreeze, freeze, isFrozen, thaw, type WaitOptions } from './freeze.ts'
import { exists } from './group-spot.ts'
import { Patience } from './patience.ts'
import { everyProcessOf } from './processes.ts'

const SIGKILL = 9
/** How long a sweep waits for the group to stand still: one that does not is swept all the same, and again */
const FREEZE_MS = 250
/** Looks after cgroup.kill before what is left is taken for processes outside of the v2 group */
const LOOKS = 4

/**
 * Ends every process of a group and of those below it, and waits until none is left: by cgroup.kill (5.14), and for what is in other
 * hierarchies alone by stopping all, signalling all and letting them go.
 * @throws TimeoutError naming who is left, SyscallError
 */
export function killGroup(kernel: Kernel, places: readonly GroupPlace[], { timeoutMs }: WaitOptions = {}): void {
  let pids = everyProcessOf(kernel, places)
  const patience = new Patience(kernel, () => `Processes ${pids.join(', ')} of the container did not end`, timeoutMs)
  const atOnce = pids.length > 0 && killAtOnce(kernel, places)
  for (let look = 0; pids.length > 0; look++) {
    if (!atOnce || look > LOOKS) signalGroup(kernel, places, SIGKILL)
    patience.pause()
    pids = everyProcessOf(kernel, places)
  }
}

/** Whether there was a cgroup.kill to write to. */
function killAtOnce(kernel: Kernel, places: readonly GroupPlace[]): boolean {
  const tree = places.find(({ version }) => version === 2)
  if (!tree || !exists(kernel, `${tree.directory}/cgroup.kill`)) return false
  writeExisting(kernel, `${tree.directory}/cgroup.kill`, '1')
  // A process that the freezer of v1 holds takes no signal, SIGKILL included.
  const held = places.filter(({ version }) => version === 1)
  if (isFrozen(kernel, held)) thaw(kernel, held)
  return true
}

/**
 * Sends a signal to every process of a group and of those below it, which stand still meanwhile where that is possible, so that none
 * makes another one unseen; how many got it. A group that somebody has paused stays so, but for SIGKILL.
 * @throws SyscallError
 */
export function signalGroup(kernel: Kernel, places: readonly GroupPlace[], signal: number): number {
  const wasFrozen = isFrozen(kernel, places)
  const holds = wasFrozen || tryFreeze(kernel, places)
  try {
    return signalAll(kernel, places, signal)
  } finally {
    if (holds && (!wasFrozen || signal === SIGKILL)) thaw(kernel, places)
  }
}

function tryFreeze(kernel: Kernel, places: readonly GroupPlace[]): boolean {
  if (!canFreeze(kernel, places)) return false
  try {
    freeze(kernel, places, { timeoutMs: FREEZE_MS })
    return true
  } catch (error) {
    if (error instanceof TimeoutError || error instanceof UnsupportedError) return false
    throw error
  }
}

/** First a descriptor, then another look at who is in the group, then the signal: a pid alone may be another process's by then. */
function signalAll(kernel: Kernel, places: readonly GroupPlace[], signal: number): number {
  const own = attempt(kernel, 'getpid')
  const opened = everyProcessOf(kernel, places).flatMap((pid): [number, number][] => {
    const fd = pid === own ? undefined : openPidfd(kernel, pid)
    return fd === undefined ? [] : [[pid, fd]]
  })
  try {
    const members = new Set(everyProcessOf(kernel, places))
    return opened.filter(([pid, fd]) => members.has(pid) && signalPidfd(kernel, fd, signal)).length
  } finally {
    for (const [, fd] of opened) close(kernel, fd)
  }
}
