import { containerPath } from '../../bundle/mounts/mount-facts.ts'
import { close, O, tryOpen } from '../../kernel/descriptors.ts'
import { tryReadLink } from '../../kernel/files.ts'
import type { Kernel } from '../../kernel/kernel.ts'
import { openInRoot } from './open-in-root.ts'

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
    const link = tryReadLink(kernel, `${rootfs}${place}`)
    if (typeof link === 'number' || leadsSomewhere(kernel, rootfs, place)) continue
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
