import { InvalidInputError, SyscallError } from '../../base/errors.ts'
import { workingDirectory } from '../../kernel/directories.ts'
import { close, O, open } from '../../kernel/descriptors.ts'
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
  [given, kernel.env['data_path']].find((path) => path !== undefined && path !== '') ?? here(kernel, '--data-path')

/** The working directory, which stands for what is not named. @throws InvalidInputError when it was removed */
export function here(kernel: Kernel, field: string): string {
  try {
    return workingDirectory(kernel)
  } catch (error) {
    if (!(error instanceof SyscallError) || error.errno !== 'ENOENT') throw error
    const problem = 'The working directory was removed: cd to one that is there'
    throw new InvalidInputError(problem, { field, cause: error })
  }
}

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

const PROBLEMS: Readonly<Record<string, string>> = {
  ENOENT: 'does not exist: make it, with a container.json in it',
  ENOTDIR: 'is no directory: name the one that container.json is in',
}

function openGiven(kernel: Kernel, given: string): number {
  try {
    return open(kernel, given, O.RDONLY | O.DIRECTORY)
  } catch (error) {
    if (!(error instanceof SyscallError)) throw error
    const problem = PROBLEMS[error.errno] ?? `cannot be opened: ${error.errno}`
    throw new InvalidInputError(`The data directory ${given} ${problem}`, { field: '--data-path', cause: error })
  }
}

/** Of the container of a directory: the same by whatever name and through whatever mount the directory is reached. */
export const containerId = ({ identity }: Pick<DataDirectory, 'identity'>): string =>
  `${PREFIX}${identity.replace(':', '-')}`

const PREFIX = 'nsinit-'

/** Tells the states of containers from locks beside them. */
export const isContainerId = (name: string): boolean => name.startsWith(PREFIX)

/** The one of a container by the path that it had; undefined when it was moved or removed since: what has its name is none of this container's. */
export function findDataDirectory(kernel: Kernel, id: string, path: string): DataDirectory | undefined {
  try {
    const data = openDataDirectory(kernel, path)
    if (containerId(data) === id) return data
    close(kernel, data.fd)
    return undefined
  } catch {
    return undefined
  }
}
