import { realpathSync, statfsSync } from 'node:fs'
import { StateError } from '../base/errors.ts'

/** statfs(2): CGROUP_SUPER_MAGIC, CGROUP2_SUPER_MAGIC */
const CGROUP_FILE_SYSTEMS: readonly number[] = [0x27e0eb, 0x63677270]

/**
 * What a record names is killed and removed only when it is a group and stands where its name says: in a directory of any other kind
 * cgroup.procs may hold the pids of anybody, and a link leads to another group. What is not there is no failure.
 * @throws StateError naming the directory
 */
export function assertGroups(directories: readonly string[]): void {
  for (const directory of directories) {
    const problem = whyNoGroup(directory)
    if (problem === undefined) continue
    throw new StateError(`${directory} ${problem}, so that nothing is ended or removed there`, {
      state: 'no group',
      wanted: 'a group of the sandbox',
    })
  }
}

function whyNoGroup(directory: string): string | undefined {
  try {
    if (realpathSync(directory) !== directory) return 'is reached by a link'
    return CGROUP_FILE_SYSTEMS.includes(statfsSync(directory).type) ? undefined : 'is in no cgroup file system'
  } catch (error) {
    const { code = 'EIO' } = error as NodeJS.ErrnoException
    return code === 'ENOENT' || code === 'ENODEV' ? undefined : `cannot be looked at: ${code}`
  }
}
