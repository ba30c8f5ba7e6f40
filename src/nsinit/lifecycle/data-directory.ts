import { InvalidInputError, SyscallError } from '../../base/errors.ts'
import { workingDirectory } from '../../kernel/directories.ts'
import { O, open } from '../../kernel/descriptors.ts'
import { readLink } from '../../kernel/files.ts'
import type { Kernel } from '../../kernel/kernel.ts'
import { stat } from '../../kernel/stat.ts'

/** The directory of container.json, and of `pid` and `state.json` while the container lives. */
export interface DataDirectory {
  /** Absolute, without links */
  readonly path: string
  /** Open for as long as this process lives: what is read and written is in this directory, wherever its name leads by then */
  readonly fd: number
  /** `DEVICE:INODE` */
  readonly identity: string
}

/** The one that was named, by the option or by the environment variable of 2014's tool, or the working directory. */
export const dataPath = (kernel: Kernel, given: string | undefined): string =>
  [given, kernel.env['data_path'], workingDirectory(kernel)].find((path) => path !== undefined && path !== '') as string

/** Opens it. @throws InvalidInputError when there is no such directory */
export function openDataDirectory(kernel: Kernel, given: string): DataDirectory {
  const fd = openGiven(kernel, given)
  const path = readLink(kernel, `/proc/self/fd/${fd}`)
  if (path === undefined) throw new InvalidInputError('/proc is not mounted: mount it', { field: '--data-path' })
  return { path, fd, identity: identityOf(kernel, fd) }
}

/** Of an open directory: `DEVICE:INODE`, the same by whatever name and through whatever mount it is reached. */
export function identityOf(kernel: Kernel, fd: number): string {
  const { device, inode } = stat(kernel, [fd, '']) as NonNullable<ReturnType<typeof stat>>
  return `${device.major}.${device.minor}:${inode}`
}

function openGiven(kernel: Kernel, given: string): number {
  try {
    return open(kernel, given, O.RDONLY | O.DIRECTORY)
  } catch (error) {
    if (!(error instanceof SyscallError)) throw error
    const problem = error.errno === 'ENOTDIR' ? 'is no directory' : `cannot be opened: ${error.errno}`
    throw new InvalidInputError(`The data directory ${given} ${problem}`, { field: '--data-path', cause: error })
  }
}

/** Of the container of a directory: the same by whatever name and through whatever mount the directory is reached. */
export const containerId = ({ identity }: Pick<DataDirectory, 'identity'>): string =>
  `nsinit-${identity.replace(':', '-')}`
