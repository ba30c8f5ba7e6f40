import { containerPath } from '../../bundle/mounts/mount-facts.ts'
import { attempt, cString } from '../../kernel/call.ts'
import { close, O, tryOpen } from '../../kernel/descriptors.ts'
import { textOf } from '../../kernel/files.ts'
import type { Kernel } from '../../kernel/kernel.ts'
import { openInRoot } from './open-in-root.ts'

const AT_FDCWD = -100
const PATH_MAX = 4096

/**
 * Links of an image that lead nowhere, with the places that they name: /etc/resolv.conf of a system image leads to what only its running
 * services have. It says which files to make inside of the root; what is mounted on is looked up there, whatever this says.
 */
export function danglingLinks(
  kernel: Kernel,
  rootfs: string,
  places: readonly string[],
): Readonly<Record<string, string>> {
  const found: Record<string, string> = {}
  for (const place of places) {
    const bytes = new Uint8Array(PATH_MAX)
    const size = attempt(kernel, 'readlinkat', AT_FDCWD, cString(`${rootfs}${place}`), bytes, bytes.length)
    if (size <= 0 || leadsSomewhere(kernel, rootfs, place)) continue
    const link = textOf(bytes.subarray(0, size))
    found[place] = containerPath(link.startsWith('/') ? link : `${place}/../${link}`)
  }
  return found
}

function leadsSomewhere(kernel: Kernel, rootfs: string, place: string): boolean {
  const root = tryOpen(kernel, rootfs, O.PATH | O.DIRECTORY)
  const fd = root < 0 ? undefined : openInRoot(kernel, root, place)
  if (fd !== undefined) close(kernel, fd)
  if (root >= 0) close(kernel, root)
  return fd !== undefined
}
