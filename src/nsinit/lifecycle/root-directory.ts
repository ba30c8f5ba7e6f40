import { InvalidInputError, SyscallError } from '../../base/errors.ts'
import { openDirectory } from '../../kernel/directories.ts'
import { readLink } from '../../kernel/files.ts'
import type { Kernel } from '../../kernel/kernel.ts'
import { type DataDirectory, here, identityOf } from './data-directory.ts'

/** The directory that becomes the root of a container. */
export interface RootDirectory {
  /** Absolute, without links */
  readonly path: string
  readonly fd: number
  /** `DEVICE:INODE` */
  readonly identity: string
}

/**
 * The one that container.json names, else the working directory, wherever container.json is.
 * @throws InvalidInputError when it is no directory, or the root of the host
 */
export function openRootDirectory(
  kernel: Kernel,
  { path: data }: DataDirectory,
  given: string | undefined,
): RootDirectory {
  const asked = given === undefined ? here(kernel, '/rootfs') : given.startsWith('/') ? given : `${data}/${given}`
  const fd = openAsked(kernel, asked)
  const path = readLink(kernel, `/proc/self/fd/${fd}`) ?? asked
  if (path !== '/') return { path, fd, identity: identityOf(kernel, fd) }
  const problem = 'the root of a container would be that of the host: run nsinit in the directory of a root file system'
  throw new InvalidInputError(`/rootfs is "/": ${problem}`, { field: '/rootfs' })
}

function openAsked(kernel: Kernel, path: string): number {
  try {
    return openDirectory(kernel, path)
  } catch (error) {
    if (!(error instanceof SyscallError)) throw error
    throw new InvalidInputError(`/rootfs: ${path} cannot be opened as a directory: ${error.errno}`, {
      field: '/rootfs',
      cause: error,
    })
  }
}
