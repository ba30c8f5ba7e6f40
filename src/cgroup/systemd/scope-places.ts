import { StateError } from '../../base/errors.ts'
import type { GroupPlace } from '../../features/cgroups/group-place.ts'
import { findPath, type Membership, parseMemberships } from '../../host/cgroup-context.ts'
import type { Controller } from '../../host/facts.ts'
import type { HostSource } from '../../host/source.ts'
import { decodeMountinfo, type MountEntry } from '../../linux/mountinfo.ts'

/** Version of the hierarchy that controllers are in: 1 as soon as one of them is there. */
export const controllerVersion = (source: HostSource): 1 | 2 =>
  parseMemberships(source.text('/proc/self/cgroup') ?? '').some(({ controllers }) => controllers.some(isController))
    ? 1
    : 2

const isController = (name: string): boolean => !name.startsWith('name=')

/**
 * Where the group of a scope is, by what the kernel says of a process in it: on v1 one directory per hierarchy in which systemd made one.
 * @throws StateError when the process is not in the scope
 */
export function scopePlaces(source: HostSource, pid: number, unit: string): readonly GroupPlace[] {
  const memberships = parseMemberships(source.text(`/proc/${pid}/cgroup`) ?? '').filter(({ path }) => isIn(path, unit))
  if (memberships.length === 0) {
    throw new StateError(
      `Process ${pid} is not in ${unit}, which systemd has just put it into: it has ended, or left`,
      {
        state: 'outside',
        wanted: 'a process that stays',
      },
    )
  }
  const mounts = decodeMountinfo(source.text('/proc/self/mountinfo') ?? '')
  return memberships
    .filter(({ controllers }) => controllers.every(isController))
    .flatMap((each) => placeOf(source, mounts, each))
}

/** systemd puts an underscore before names that a file of the kernel could have. */
const isIn = (path: string, unit: string): boolean => path.endsWith(`/${unit}`) || path.endsWith(`/_${unit}`)

function placeOf(source: HostSource, mounts: readonly MountEntry[], membership: Membership): GroupPlace[] {
  const directory = directoryOf(mounts, membership)
  if (directory === undefined) return []
  const { version } = membership
  const listed = source.text(`${directory}/cgroup.controllers`) ?? ''
  const names = version === 2 ? listed.split(/\s+/).filter(Boolean) : membership.controllers
  return [{ directory, version, controllers: names.map((name) => (name === 'blkio' ? 'io' : name) as Controller) }]
}

/** The directory that shows a group here, if one does. */
export function directoryOf(
  mounts: readonly MountEntry[],
  { controllers, path, version }: Membership,
): string | undefined {
  for (const mount of mounts) {
    const holds =
      version === 2
        ? mount.type === 'cgroup2'
        : mount.type === 'cgroup' && controllers.every((name) => mount.superOptions.includes(name))
    const names = holds ? findPath(mount, path) : undefined
    if (names) return [mount.mountPoint, ...names].join('/')
  }
  return undefined
}
