import type { GroupPlace } from '../features/cgroups/group-place.ts'
import type { Caller } from '../process/caller.ts'
import { directoriesBelow } from './below.ts'
import { readFiles } from './read-files.ts'

export interface MembersOptions {
  /** Those of groups below too */
  readonly recursive?: boolean
}

/**
 * Processes in any directory of a group, as the caller numbers them, ascending; 0 stands for those of a pid namespace that it does not see.
 * @throws SyscallError
 */
export function readProcesses(
  caller: Caller,
  places: readonly GroupPlace[],
  options: MembersOptions = {},
): Promise<number[]> {
  return readMembers(caller, places, () => 'cgroup.procs', options)
}

/** The same for threads. */
export function readThreads(
  caller: Caller,
  places: readonly GroupPlace[],
  options: MembersOptions = {},
): Promise<number[]> {
  return readMembers(caller, places, (version) => (version === 1 ? 'tasks' : 'cgroup.threads'), options)
}

async function readMembers(
  caller: Caller,
  places: readonly GroupPlace[],
  file: (version: 1 | 2) => string,
  { recursive }: MembersOptions,
): Promise<number[]> {
  const paths: string[] = []
  for (const version of [1, 2] as const) {
    const own = places.filter((place) => place.version === version).map(({ directory }) => directory)
    const all = recursive ? [...own, ...(await directoriesBelow(caller, own))] : own
    paths.push(...all.map((directory) => `${directory}/${file(version)}`))
  }
  const texts = await readFiles(caller, paths)
  const numbers = [...texts.values()].flatMap((text) => (text ?? '').split('\n').filter(Boolean).map(Number))
  return [...new Set(numbers)].sort((a, b) => a - b)
}
