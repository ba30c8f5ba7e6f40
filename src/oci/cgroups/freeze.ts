import { CarrelError, StateError, UnsupportedError } from '../../base/errors.ts'
import type { GroupPlace } from '../../features/cgroups/group-place.ts'
import { writeExisting } from '../../kernel/files.ts'
import type { Kernel } from '../../kernel/kernel.ts'
import { exists } from './group-spot.ts'
import { Patience } from './patience.ts'
import { readGroupFile } from './processes.ts'

/** How long something about a live group may take. */
export interface WaitOptions {
  /** Default 10 s */
  readonly timeoutMs?: number
}

/** What stops the processes of a group. */
interface Freezer {
  readonly freeze: string
  readonly thaw: string
  readonly file: string
  /** Whether all stand still: a group is on its way first */
  isDone(kernel: Kernel): boolean
  /** Whether it stands still or is on its way, also because a group above is */
  isOn(kernel: Kernel): boolean
  /** v1: a task that forks meanwhile is caught by another write (cgroup-v1/freezer-subsystem.rst) */
  readonly again: boolean
}

/**
 * Stops every process of a group and of those below it, and waits until all stand still. A group that does not in time is thawed again.
 * @throws UnsupportedError where nothing can freeze it, TimeoutError, SyscallError
 */
export function freeze(kernel: Kernel, places: readonly GroupPlace[], { timeoutMs }: WaitOptions = {}): void {
  const freezer = freezerOf(kernel, places)
  if (!freezer) throw noFreezer()
  const patience = new Patience(kernel, () => 'The container did not freeze', timeoutMs)
  try {
    writeExisting(kernel, freezer.file, freezer.freeze)
    while (!freezer.isDone(kernel)) {
      patience.pause()
      if (freezer.again) writeExisting(kernel, freezer.file, freezer.freeze)
    }
  } catch (error) {
    undo(kernel, freezer, error)
    throw error
  }
}

/** Lets them run again, whichever way they were stopped. @throws SyscallError */
export function thaw(kernel: Kernel, places: readonly GroupPlace[]): void {
  for (const freezer of freezersOf(kernel, places)) writeExisting(kernel, freezer.file, freezer.thaw)
}

/** Whether a group stands still, or is on its way: "paused". */
export const isFrozen = (kernel: Kernel, places: readonly GroupPlace[]): boolean =>
  freezersOf(kernel, places).some((freezer) => freezer.isOn(kernel))

/** Refuses what cannot be done with a group that stands still. @throws StateError */
export function assertNotFrozen(kernel: Kernel, places: readonly GroupPlace[]): void {
  if (!isFrozen(kernel, places)) return
  throw new StateError('The container is paused: resume it, or give --ignore-paused', {
    state: 'paused',
    wanted: 'running',
  })
}

/** Whether there is anything to freeze it with. */
export const canFreeze = (kernel: Kernel, places: readonly GroupPlace[]): boolean =>
  freezerOf(kernel, places) !== undefined

/** Directory of the group by whose freezer all of them are stopped; undefined when there is none. */
export const freezerDirectory = (kernel: Kernel, places: readonly GroupPlace[]): string | undefined => {
  const file = freezerOf(kernel, places)?.file
  return file?.slice(0, file.lastIndexOf('/'))
}

/** v2 first: a process that its freezer holds can be killed and traced, one that v1's holds cannot. */
function freezerOf(kernel: Kernel, places: readonly GroupPlace[]): Freezer | undefined {
  const [first] = freezersOf(kernel, places)
  return first
}

function freezersOf(kernel: Kernel, places: readonly GroupPlace[]): readonly Freezer[] {
  return [...places]
    .sort((a, b) => b.version - a.version)
    .filter(({ version, controllers }) => version === 2 || controllers.includes('freezer'))
    .map(({ version, directory }) => (version === 2 ? freezerV2(directory) : freezerV1(directory)))
    .filter(({ file }) => exists(kernel, file))
}

const freezerV2 = (directory: string): Freezer => ({
  file: `${directory}/cgroup.freeze`,
  freeze: '1',
  thaw: '0',
  again: false,
  isDone: (kernel) => /^frozen 1$/m.test(readGroupFile(kernel, `${directory}/cgroup.events`) ?? ''),
  isOn: (kernel) => readGroupFile(kernel, `${directory}/cgroup.freeze`)?.trim() === '1',
})

const freezerV1 = (directory: string): Freezer => {
  const file = `${directory}/freezer.state`
  const state = (kernel: Kernel): string => (readGroupFile(kernel, file) ?? '').trim()
  return {
    file,
    freeze: 'FROZEN',
    thaw: 'THAWED',
    again: true,
    isDone: (kernel) => state(kernel) === 'FROZEN',
    isOn: (kernel) => ['FROZEN', 'FREEZING'].includes(state(kernel)),
  }
}

function undo(kernel: Kernel, freezer: Freezer, error: unknown): void {
  try {
    writeExisting(kernel, freezer.file, freezer.thaw)
  } catch (also) {
    if (error instanceof CarrelError) error.cleanup.push(also)
  }
}

const noFreezer = (): UnsupportedError =>
  new UnsupportedError('Nothing here can freeze this container', {
    fact: 'freezer',
    remedy: 'use cgroup v2 of Linux 5.2 or later, or make the container where there is a freezer hierarchy',
  })
