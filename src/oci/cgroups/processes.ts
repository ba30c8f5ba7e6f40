import { SyscallError } from '../../base/errors.ts'
import type { GroupPlace } from '../../features/cgroups/group-place.ts'
import { O, tryOpen, close } from '../../kernel/descriptors.ts'
import { subdirectories } from './subdirectories.ts'
import { readText } from '../../kernel/files.ts'
import type { Kernel } from '../../kernel/kernel.ts'

/** A text of a file of a group; undefined when the file or its group is not there. @throws SyscallError */
export function readGroupFile(kernel: Kernel, path: string): string | undefined {
  try {
    return readText(kernel, path)
  } catch (error) {
    // ENODEV: the group went between open(2) and read(2); EOPNOTSUPP: a threaded group, whose processes the one above it lists.
    if (error instanceof SyscallError && ['ENODEV', 'EOPNOTSUPP'].includes(error.errno)) return undefined
    throw error
  }
}

/**
 * All processes of a container: of its group in one hierarchy, and of the groups below it; ascending. The v2 tree, or the one that
 * counts processes: whoever makes one for it enters the others for a moment.
 * @throws SyscallError
 */
export function processesOf(kernel: Kernel, places: readonly GroupPlace[]): number[] {
  const main =
    places.find(({ version }) => version === 2) ??
    places.find(({ controllers }) => controllers.includes('pids')) ??
    places[0]
  return main ? everyProcessOf(kernel, [main]) : []
}

/** The same, of all hierarchies: a process that may write to one of them can have left its group there. @throws SyscallError */
export function everyProcessOf(kernel: Kernel, places: readonly GroupPlace[]): number[] {
  const pids = new Set<number>()
  for (const { directory } of places) collect(kernel, directory, pids)
  return [...pids].sort((a, b) => a - b)
}

function collect(kernel: Kernel, directory: string, pids: Set<number>): void {
  const text = readGroupFile(kernel, `${directory}/cgroup.procs`) ?? ''
  // 0 stands for a process that this pid namespace does not see.
  for (const line of text.split('\n')) if (line !== '' && line !== '0') pids.add(Number(line))
  const fd = tryOpen(kernel, directory, O.RDONLY | O.DIRECTORY)
  if (fd < 0) return
  const names = subdirectories(kernel, fd)
  close(kernel, fd)
  for (const name of names) collect(kernel, `${directory}/${name}`, pids)
}
