import type { MountEntry } from '../linux/mountinfo.ts'

/**
 * Mounts of some types that can still be reached by their paths: of several on one place the last one hides the others, and a mount
 * further up hides what was there before it.
 */
export function visibleMounts(mounts: readonly MountEntry[], types: readonly string[]): MountEntry[] {
  const last = new Map(mounts.map((mount) => [mount.mountPoint, mount]))
  return mounts.filter(
    (mount) => types.includes(mount.type) && last.get(mount.mountPoint) === mount && !isCovered(mount, mounts, last),
  )
}

/** Whether the path leads through a mount that this one is not below. */
function isCovered(mount: MountEntry, mounts: readonly MountEntry[], last: ReadonlyMap<string, MountEntry>): boolean {
  for (let path = mount.mountPoint; path.length > 1;) {
    path = path.slice(0, path.lastIndexOf('/')) || '/'
    const above = last.get(path)
    if (above) return !isBelow(mount, above, mounts) || isCovered(above, mounts, last)
  }
  return false
}

function isBelow(mount: MountEntry, above: MountEntry, mounts: readonly MountEntry[]): boolean {
  const seen = new Set<MountEntry>()
  let current = mount
  while (current !== above && !seen.has(current)) {
    seen.add(current)
    const { parent } = current
    const next = mounts.find(({ id }) => id === parent)
    // Parents outside the root of this process are not listed: of such a mount only the path tells where it stands.
    if (!next) return current.mountPoint !== '/'
    current = next
  }
  return current === above
}
