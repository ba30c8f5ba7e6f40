import { close } from '../../kernel/descriptors.ts'
import { readText } from '../../kernel/files.ts'
import type { Kernel } from '../../kernel/kernel.ts'
import { stat } from '../../kernel/stat.ts'
import { openInRoot } from '../../oci/lifecycle/open-in-root.ts'
import { type ResolvedUser, resolveUser } from './resolve-user.ts'

/**
 * The numbers of a user by the lists of a root file system; no link in it leads out of it.
 * @param root open directory
 * @throws InvalidInputError for a name that is not in them
 */
export const readUser = (kernel: Kernel, root: number, user: string): ResolvedUser =>
  resolveUser(user, readList(kernel, root, '/etc/passwd'), readList(kernel, root, '/etc/group'))

/** Nothing when there is no such file, or something that is none: an image may have a FIFO there, or a device. */
function readList(kernel: Kernel, root: number, path: string): string {
  const fd = openInRoot(kernel, root, path)
  if (fd === undefined) return ''
  try {
    if (stat(kernel, [fd, ''])?.kind !== 'file') return ''
    return readText(kernel, `/proc/self/fd/${fd}`) ?? ''
  } finally {
    close(kernel, fd)
  }
}
