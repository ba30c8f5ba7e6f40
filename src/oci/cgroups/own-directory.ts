import type { GroupPlace } from '../../features/cgroups/group-place.ts'
import type { Kernel } from '../../kernel/kernel.ts'
import { exists } from './group-spot.ts'
import { controllerOf, readMemberships } from './hierarchies.ts'

/** Directory of this process's own group in the v1 hierarchy of a place, where it can be seen here. @throws SyscallError */
export function ownDirectory(kernel: Kernel, { directory, controllers }: GroupPlace): string | undefined {
  const isSame = (names: readonly string[]): boolean =>
    names.flatMap(controllerOf).some((name) => controllers.includes(name))
  const own = readMemberships(kernel, 'self').find(({ version, names }) => version === 1 && isSame(names))
  if (!own || own.path.split('/').includes('..')) return undefined
  // Every hierarchy is mounted at /sys/fs/cgroup/NAME.
  const path = directory.split('/').slice(0, 5).join('/') + (own.path === '/' ? '' : own.path)
  return exists(kernel, path) ? path : undefined
}
