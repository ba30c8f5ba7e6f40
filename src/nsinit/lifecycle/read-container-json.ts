import { InvalidInputError, SyscallError } from '../../base/errors.ts'
import { close, O, open, readAtMost } from '../../kernel/descriptors.ts'
import { textOf } from '../../kernel/files.ts'
import type { Kernel } from '../../kernel/kernel.ts'
import { stat } from '../../kernel/stat.ts'
import type { DataDirectory } from './data-directory.ts'

export const CONTAINER_JSON = 'container.json'

/** Far more than any container needs; a sparse file of any length must not take the memory of the host */
const MOST = 16 * 1024 * 1024

/**
 * The text of container.json. A link is followed only by whoever made it: the directory may be a container's root, whose own root could
 * have put a link to any file there.
 * @throws InvalidInputError when there is none, or when it is no plain file, or too long
 */
export function readContainerJson(kernel: Kernel, { fd: directory, path }: DataDirectory): string {
  const fd = openFile(kernel, directory, path)
  try {
    if (stat(kernel, [fd, ''])?.kind !== 'file') refuse(`${path}/${CONTAINER_JSON} must be a plain file`)
    const bytes = readAtMost(kernel, fd, { bytes: MOST, what: CONTAINER_JSON })
    if (bytes === undefined) refuse(`${path}/${CONTAINER_JSON} must not be longer than ${MOST} bytes`)
    return textOf(bytes)
  } finally {
    close(kernel, fd)
  }
}

function openFile(kernel: Kernel, directory: number, path: string): number {
  try {
    // A FIFO would have us wait.
    return open(kernel, [directory, CONTAINER_JSON], O.RDONLY | O.NOFOLLOW | O.NONBLOCK | O.NOCTTY)
  } catch (error) {
    if (!(error instanceof SyscallError)) throw error
    if (error.errno === 'ENOENT') {
      refuse(
        `${path} has no ${CONTAINER_JSON}: write one (carrel nsinit spec prints an example), or name its directory by --data-path`,
      )
    }
    if (error.errno === 'ELOOP') {
      refuse(`${path}/${CONTAINER_JSON} is a symbolic link: give the directory that it leads to by --data-path`)
    }
    throw error
  }
}

function refuse(problem: string): never {
  throw new InvalidInputError(problem, { field: '--data-path' })
}
