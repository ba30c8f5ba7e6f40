import type { MountEntry } from '../linux/mountinfo.ts'

/** Mounts that can still be reached: of several on one place, the last one hides the others. */
export function visibleMounts(mounts: readonly MountEntry[]): MountEntry[] {
  const last = new Map(mounts.map((mount) => [mount.mountPoint, mount]))
  return mounts.filter((mount) => last.get(mount.mountPoint) === mount)
}
