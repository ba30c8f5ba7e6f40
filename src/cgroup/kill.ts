import { TimeoutError, UnsupportedError } from '../base/errors.ts'
import type { GroupPlace } from '../features/cgroups/group-place.ts'
import type { CallOptions } from '../linux/call-options.ts'
import { signalNumber } from '../linux/signal.ts'
import type { Signal } from '../linux/tables/signals.ts'
import type { Caller } from '../process/caller.ts'
import { freezeGroup, freezersOf, isPaused, thawGroup } from './freeze.ts'
import { GroupProgram } from './group-program.ts'
import { readProcesses } from './members.ts'
import { Patience } from './patience.ts'
import { portions } from './read-files.ts'

/** How long a sweep waits for the group to stand still, in milliseconds: one that does not is swept all the same, and again */
const FREEZE_MS = 250

const SIGKILL = signalNumber('SIGKILL')

/** Processes of one message: each is a descriptor of the caller's for its duration */
const AT_ONCE = 100

/**
 * Ends every process of a group and of those below it, and waits until the kernel counts none: by cgroup.kill (5.14), and where that is
 * missing, or for what is in other hierarchies alone, by stopping all, signalling all and letting them go, until none is left.
 * @throws TimeoutError naming who is left; SyscallError, the signal's reason
 */
export async function killGroup(caller: Caller, places: readonly GroupPlace[], options: CallOptions): Promise<void> {
  let pids: readonly number[] = []
  const patience = new Patience(() => `Processes ${pids.join(', ')} of the group did not end`, options)
  const atOnce = await killAtOnce(caller, places)
  for (let look = 0; ; look++) {
    pids = await readProcesses(caller, places, { recursive: true })
    if (pids.length === 0) return
    // After cgroup.kill a process needs a moment to exit; who is still there then is not in that hierarchy.
    if (!atOnce || look > 3) await signalGroup(caller, places, 'SIGKILL')
    await patience.pause()
  }
}

/** Whether there was a cgroup.kill to write to. */
async function killAtOnce(caller: Caller, places: readonly GroupPlace[]): Promise<boolean> {
  const unified = places.find(({ version }) => version === 2)
  if (!unified) return false
  const program = new GroupProgram()
  const written = program.write(`${unified.directory}/cgroup.kill`, '1', ['ENOENT'])
  for (const { directory, version } of freezersOf(places)) {
    // A process that the freezer of v1 holds takes no signal, SIGKILL included.
    if (version === 1) program.write(`${directory}/freezer.state`, 'THAWED', ['ENOENT'])
  }
  return (await program.run(caller)).get(written) >= 0
}

/**
 * Sends a signal to every process of a group and of those below it, which stand still meanwhile where that is possible, so that none
 * makes another one unseen. Gives how many got it.
 * @throws SyscallError EPERM, …
 */
export async function signalGroup(
  caller: Caller,
  places: readonly GroupPlace[],
  signal: Signal | number,
): Promise<number> {
  const number = signalNumber(signal)
  const wasFrozen = await isPaused(caller, places)
  const isFrozen = wasFrozen || (await tryFreeze(caller, places))
  try {
    const pids = await readProcesses(caller, places, { recursive: true })
    let count = 0
    for (const some of portions(pids, AT_ONCE)) count += await signalProcesses(caller, places, some, signal)
    return count
  } finally {
    // One that somebody has paused stays so, but the freezer of v1 would hold what is to end.
    if (isFrozen && (!wasFrozen || number === SIGKILL)) await thawGroup(caller, places)
  }
}

async function tryFreeze(caller: Caller, places: readonly GroupPlace[]): Promise<boolean> {
  try {
    await freezeGroup(caller, places, { timeoutMs: FREEZE_MS })
    return true
  } catch (error) {
    if (error instanceof TimeoutError || error instanceof UnsupportedError) return false
    throw error
  }
}

/** First a descriptor, then another look at who is in the group, then the signal: a pid alone may be another process's by then. */
async function signalProcesses(
  caller: Caller,
  places: readonly GroupPlace[],
  pids: readonly number[],
  signal: Signal | number,
): Promise<number> {
  const open = new GroupProgram()
  const refs = pids.map((pid) => [pid, open.p.tolerate('ESRCH', 'EINVAL').pidfd_open(pid, [])] as const)
  const opened = await open.run(caller)
  const descriptors = refs.flatMap(([pid, ref]): [number, number][] => {
    const fd = opened.get(ref)
    return fd >= 0 ? [[pid, fd]] : []
  })
  const send = new GroupProgram()
  try {
    const members = new Set(await readProcesses(caller, places, { recursive: true }))
    const sent = descriptors
      .filter(([pid]) => members.has(pid))
      .map(([, fd]) => {
        send.p.tolerate('ESRCH').pidfd_send_signal(fd, signal, [])
        return send.p.length - 1
      })
    const result = await send.run(caller)
    return sent.filter((step) => result.result(step) === 0).length
  } finally {
    const close = new GroupProgram()
    for (const [, fd] of descriptors) close.p.close(fd)
    await close.run(caller)
  }
}
