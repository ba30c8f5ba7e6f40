import { StateError } from '../base/errors.ts'
import type { GroupPlace } from '../features/cgroups/group-place.ts'
import type { CallOptions } from '../linux/call-options.ts'
import type { Caller } from '../process/caller.ts'
import type { ProgramResult } from '../program/result.ts'
import { directoriesBelow } from './below.ts'
import { GroupProgram } from './group-program.ts'
import { killGroup } from './kill.ts'
import { readProcesses } from './members.ts'
import { Patience } from './patience.ts'
import { portions } from './read-files.ts'

export interface DestroyOptions extends CallOptions {
  /** Ends the processes that are still in the group or below it */
  readonly kill?: boolean
}

/** What is removed: the directories of a group, and the levels above it that go once they are empty, deepest first. */
export interface Doomed {
  readonly places: readonly GroupPlace[]
  readonly shared: readonly string[]
}

const PER_MESSAGE = 500

/**
 * Removes a group from every hierarchy, with the groups below it, and resolves when it is gone. The kernel lets go of a group a moment
 * after its last process: until then it is tried again.
 * @throws StateError naming the processes that live in it, when they are not to be killed; nothing is removed then that they are in.
 *   SyscallError, TimeoutError, the signal's reason
 */
export async function destroyGroup(caller: Caller, { places, shared }: Doomed, options: DestroyOptions): Promise<void> {
  const patience = new Patience(() => 'The group was not removed', options)
  // v2 first: what a member makes for itself is there, and a refusal comes before anything is gone.
  const own = [...places].sort((a, b) => b.version - a.version).map(({ directory }) => directory)
  if (options.kill) await killGroup(caller, places, options)
  let directories: readonly string[] = own
  while (!(await remove(caller, directories))) {
    const pids = await readProcesses(caller, places, { recursive: true })
    if (pids.length > 0 && !options.kill) throw stillIn(own[0] ?? '', pids)
    if (pids.length > 0) await killGroup(caller, places, patience.left())
    const all = [...(await directoriesBelow(caller, own)).reverse(), ...own]
    // No group below explains it: its last process has ended, and is not quite gone.
    if (all.length === directories.length) await patience.pause()
    directories = all
  }
  if (shared.length > 0) await removeShared(caller, shared)
}

/** False when something is still in one of them; those before it are gone. @throws SyscallError */
async function remove(caller: Caller, directories: readonly string[]): Promise<boolean> {
  for (const some of portions(directories, PER_MESSAGE)) {
    const program = new GroupProgram()
    for (const directory of some) removeStep(program, directory, ['ENOENT', 'ENODEV'])
    const result: ProgramResult = await program.attempt(caller)
    if (result.failure && ['EBUSY', 'ENOTEMPTY'].includes(result.failure.errno)) return false
    program.check(result)
  }
  return true
}

/** A level that others use too is theirs to remove: EBUSY is how they show. */
async function removeShared(caller: Caller, shared: readonly string[]): Promise<void> {
  const program = new GroupProgram()
  for (const directory of shared) removeStep(program, directory, ['ENOENT', 'ENODEV', 'EBUSY', 'ENOTEMPTY'])
  await program.run(caller)
}

export function removeStep(program: GroupProgram, directory: string, tolerated: readonly string[]): void {
  program.about(directory, undefined, (p) => {
    p.tolerate(...tolerated).unlinkat('AT_FDCWD', directory, ['AT_REMOVEDIR'])
  })
}

function stillIn(directory: string, pids: readonly number[]): StateError {
  const who = pids.length === 1 ? `process ${pids[0]} lives` : `processes ${pids.join(', ')} live`
  return new StateError(`Cannot remove ${directory}, because ${who} in it: end them first, or destroy it with kill`, {
    state: 'populated',
    wanted: 'empty',
  })
}
