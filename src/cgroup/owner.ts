import { readFileSync, readlinkSync, statSync } from 'node:fs'
import { UnsupportedError } from '../base/errors.ts'
import { formatOwner, type GroupOwner } from '../features/cgroups/owner.ts'
import { startIn } from '../process/calls/identity.ts'

/** Whether the owner of a group still lives; `unknown` where this process cannot tell, which is never a reason to remove anything. */
export type OwnerLife = 'alive' | 'dead' | 'unknown'

/** The owner that a group made by this process has. @throws UnsupportedError where it could not be told from a dead one later */
export function ownOwner(): GroupOwner {
  const offset = bootTicksOffset()
  const start = startIn(textOf('/proc/self/stat') ?? '')
  if (offset === undefined || start === undefined || !procIsOurs()) {
    throw new UnsupportedError('Groups of this process could not be told from those of a dead one', {
      fact: 'proc of the own pid and time namespace',
      remedy: 'mount proc in the pid namespace of this process, and run what unshares CLONE_NEWTIME in a child',
    })
  }
  return { pid: process.pid, start: start - offset, pidns: pidNamespace() }
}

/** How names of groups of this process end: `<pid>-<start>-<pidns in base 36>`. @throws UnsupportedError as `ownOwner` does */
export const ownerSuffix = (): string => formatOwner(ownOwner())

/**
 * Whether the owner of a group lives: by pid and start time, of processes in this pid namespace alone. Nothing is guessed by age.
 */
export function lifeOf(owner: GroupOwner): OwnerLife {
  const offset = bootTicksOffset()
  if (offset === undefined || !procIsOurs() || owner.pidns !== pidNamespace()) return 'unknown'
  const stat = textOf(`/proc/${owner.pid}/stat`)
  // With hidepid= (proc(5)) a process of another user's looks like none.
  if (stat === undefined) return exists(owner.pid) ? 'unknown' : 'dead'
  const start = startIn(stat)
  if (start === undefined) return 'dead'
  // Two namespaces may round the same moment differently.
  return Math.abs(start - offset - owner.start) <= 1 ? 'alive' : 'dead'
}

/**
 * How much later than in the initial time namespace the boot seems to be in that of this process, in clock ticks: what field 22 of
 * /proc/PID/stat is moved by (time_namespaces(7)). Undefined when it cannot be known.
 */
function bootTicksOffset(): number | undefined {
  const text = textOf('/proc/self/timens_offsets')
  // Linux before 5.6, or without CONFIG_TIME_NS.
  if (text === undefined) return 0
  // The file tells about children: after unshare(CLONE_NEWTIME) that is another namespace than the own one.
  if (linkOf('/proc/self/ns/time') !== linkOf('/proc/self/ns/time_for_children')) return undefined
  const [, seconds, nanoseconds] = /^boottime\s+(-?\d+)\s+(\d+)$/m.exec(text) ?? []
  if (seconds === undefined) return undefined
  return Number(seconds) * TICKS + Math.floor((Number(nanoseconds) * TICKS) / 1e9)
}

/** USER_HZ, which is 100 on all architectures that Carrel runs on */
const TICKS = 100

/** Whether /proc shows the pid namespace of this process: one that was mounted elsewhere shows other numbers. */
const procIsOurs = (): boolean => linkOf('/proc/self') === String(process.pid)

const pidNamespace = (): number => statSync('/proc/self/ns/pid').ino

function exists(pid: number): boolean {
  try {
    process.kill(pid, 0)
    return true
  } catch (error) {
    return (error as NodeJS.ErrnoException).code !== 'ESRCH'
  }
}

function textOf(path: string): string | undefined {
  try {
    return readFileSync(path, 'utf8')
  } catch {
    return undefined
  }
}

function linkOf(path: string): string | undefined {
  try {
    return readlinkSync(path)
  } catch {
    return undefined
  }
}
