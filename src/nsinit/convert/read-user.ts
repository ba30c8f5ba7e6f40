import { InvalidInputError } from '../../base/errors.ts'
import { close, O, open, readAtMost } from '../../kernel/descriptors.ts'
import { textOf } from '../../kernel/files.ts'
import type { Kernel } from '../../kernel/kernel.ts'
import { stat } from '../../kernel/stat.ts'
import { openInRoot } from '../../oci/lifecycle/open-in-root.ts'
import { type ResolvedUser, resolveUser } from './resolve-user.ts'

/** Far more than any list has: root of a container may have made a file of any length (truncate(2) costs it nothing) */
const MOST = 4 * 1024 * 1024

/**
 * The numbers of a user by the lists of a root file system; no link in it leads out of it.
 * @param root open directory
 * @throws InvalidInputError for a name that is not in them, and for a file that is too long for a list
 */
export const readUser = (kernel: Kernel, root: number, user: string): ResolvedUser =>
  resolveUser(user, readList(kernel, root, '/etc/passwd'), readList(kernel, root, '/etc/group'))

/** Nothing when there is no such file, or something that is none: an image may have a FIFO there, or a device. */
function readList(kernel: Kernel, root: number, path: string): string {
  const fd = openInRoot(kernel, root, path)
  if (fd === undefined) return ''
  try {
    if (stat(kernel, [fd, ''])?.kind !== 'file') return ''
    return readOpened(kernel, open(kernel, `/proc/self/fd/${fd}`, O.RDONLY | O.NOCTTY), path)
  } finally {
    close(kernel, fd)
  }
}

function readOpened(kernel: Kernel, fd: number, path: string): string {
  try {
    const bytes = readAtMost(kernel, fd, { bytes: MOST, what: path })
    if (bytes !== undefined) return textOf(bytes)
    const rule = `/user is looked up in ${path} of the root, which has more than ${MOST} bytes: no list of users is that long`
    throw new InvalidInputError(`${rule}, restore it`, { field: '/user' })
  } finally {
    close(kernel, fd)
  }
}
