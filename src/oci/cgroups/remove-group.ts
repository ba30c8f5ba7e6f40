import { SyscallError } from '../../base/errors.ts'
import type { GroupPlace } from '../../features/cgroups/group-place.ts'
import { close, O, tryOpen } from '../../kernel/descriptors.ts'
import { removeDirectory } from '../../kernel/directories.ts'
import type { Kernel } from '../../kernel/kernel.ts'
import { explainFailure } from './explain-failure.ts'
import type { WaitOptions } from './freeze.ts'
import { Patience } from './patience.ts'
import { subdirectories } from './subdirectories.ts'

/**
 * Removes the directories of a group, with groups that the container made below it; what is gone already is no error. A process that was
 * killed leaves its group only when it has exited, so that this waits.
 * @throws SyscallError with the reason, TimeoutError
 */
export function removeGroup(kernel: Kernel, places: readonly GroupPlace[], { timeoutMs }: WaitOptions = {}): void {
  let busy = ''
  const patience = new Patience(kernel, () => `${busy} still holds processes, and was not removed`, timeoutMs)
  for (const { directory } of places) {
    while (!isRemoved(kernel, directory)) {
      busy = directory
      patience.pause()
    }
  }
}

/** False while there is somebody in it. Most groups have none below them and go at once. */
function isRemoved(kernel: Kernel, directory: string): boolean {
  const cut = directory.lastIndexOf('/')
  const above = tryOpen(kernel, directory.slice(0, cut), O.PATH | O.DIRECTORY)
  if (above < 0) return true
  try {
    return removeIn(kernel, above, { name: directory.slice(cut + 1), path: directory })
  } finally {
    close(kernel, above)
  }
}

interface Entry {
  readonly name: string
  /** For messages */
  readonly path: string
}

function removeIn(kernel: Kernel, above: number, entry: Entry): boolean {
  const result = tryRemove(kernel, above, entry)
  if (result === 'gone') return true
  removeBelow(kernel, above, entry)
  return tryRemove(kernel, above, entry) === 'gone'
}

function tryRemove(kernel: Kernel, above: number, { name, path }: Entry): 'gone' | 'busy' {
  try {
    removeDirectory(kernel, [above, name])
    return 'gone'
  } catch (error) {
    if (!(error instanceof SyscallError)) throw error
    if (error.errno === 'EBUSY' || error.errno === 'ENOTEMPTY') return 'busy'
    throw explainFailure(error, { path })
  }
}

/** By descriptor and without links: nothing that somebody puts in the place of a group leads out of it. */
function removeBelow(kernel: Kernel, above: number, { name, path }: Entry): void {
  const fd = tryOpen(kernel, [above, name], O.RDONLY | O.DIRECTORY | O.NOFOLLOW)
  if (fd < 0) return
  try {
    for (const child of subdirectories(kernel, fd)) removeIn(kernel, fd, { name: child, path: `${path}/${child}` })
  } finally {
    close(kernel, fd)
  }
}
