import { usualMounts } from '../../bundle/default-config.ts'
import type { IdMapping, Mount } from '../../bundle/spec.ts'
import type { ContainerConfig, ContainerMount } from '../container-json/container-config.ts'
import { namespaceOf } from './namespaces.ts'

const KERNEL = ['nosuid', 'noexec', 'nodev'] as const
/** The group tty of every distribution, to which terminals belong */
const TTY = 5

/**
 * What is mounted in every container before its own mounts. `/run` is not: 2014's program stopped two days after it had begun to, because
 * it hid what images had there. /dev is always a tmpfs, so that no nodes are left in the root file system.
 * @param gids of the user namespace, if the container has a new one
 */
export function systemMounts(config: ContainerConfig, gids: readonly IdMapping[] | undefined): readonly Mount[] {
  const hasTty = !gids || gids.some(({ containerID, size }) => containerID <= TTY && TTY < containerID + size)
  return [
    // Queues belong to the IPC namespace: with a shared one they would be the host's.
    ...usualMounts({ tty: hasTty }).filter(({ type }) => type !== 'mqueue' || namespaceOf(config, 'NEWIPC') === 'new'),
    sysMount(config),
  ]
}

/** Types that `systemMounts` has, by place. */
export const SYSTEM_MOUNTS: ReadonlyMap<string, readonly string[]> = new Map([
  ['/proc', ['proc']],
  ['/dev', ['tmpfs']],
  ['/dev/pts', ['devpts']],
  ['/dev/shm', ['tmpfs']],
  ['/dev/mqueue', ['mqueue']],
  ['/sys', ['sysfs', 'bind', 'none']],
])

/**
 * sysfs shows the network namespace of its mounter, and a user namespace may mount it with a network of its own alone (mount_namespaces(7)).
 * Read-only is the new mount, never the file system, which may be the host's own.
 */
function sysMount(config: ContainerConfig): Mount {
  if (namespaceOf(config, 'NEWUSER') !== 'shared' && namespaceOf(config, 'NEWNET') !== 'new') {
    return { destination: '/sys', type: 'bind', source: '/sys', options: ['rbind', 'rro', ...KERNEL] }
  }
  const readOnly = config.restrictions === 'default' ? ['ro'] : []
  return { destination: '/sys', type: 'sysfs', source: 'sysfs', options: [...KERNEL, ...readOnly] }
}

/** A mount of container.json. Binds are recursive, and read-only with all that is below. */
export function ociMount({ type, source, destination, writable, private: isPrivate }: ContainerMount): Mount {
  if (type === 'tmpfs') {
    return { destination, type, source: 'tmpfs', options: [...KERNEL, ...(isPrivate ? ['private'] : [])] }
  }
  const options = ['rbind', ...(writable ? [] : ['rro']), ...(isPrivate ? ['rprivate'] : [])]
  return { destination, type, source, options }
}

/** The nearest that container.json has, in its words; undefined: it has none. */
export function mountDocument({ destination, type, source, options = [] }: Mount): object | undefined {
  const isPrivate = options.includes('private') || options.includes('rprivate')
  const rest = isPrivate ? { private: true } : {}
  if (type === 'bind' || options.includes('rbind') || options.includes('bind')) {
    const writable = !options.includes('ro') && !options.includes('rro')
    return { type: 'bind', source, destination, ...(writable && { writable }), ...rest }
  }
  return type === 'tmpfs' ? { type, destination, ...rest } : undefined
}
