import type { Config } from '../../bundle/spec.ts'
import type { DataDirectory } from './data-directory.ts'
import { CONTAINER_JSON } from './read-container-json.ts'

/**
 * Keeps container.json out of reach of the container when it lies in its root: whoever is root there would say by it what the next start
 * mounts and allows. A mount on a file also keeps it from being renamed or removed (EBUSY, rename(2)).
 */
export function withConfigurationKept(config: Config, { path: data }: DataDirectory, rootfs: string): Config {
  const isOwnMounts = config.linux?.namespaces?.some(({ type }) => type === 'mount') ?? false
  if (!isOwnMounts || !(data === rootfs || data.startsWith(`${rootfs}/`))) return config
  const kept = {
    destination: `${data.slice(rootfs.length)}/${CONTAINER_JSON}`,
    type: 'bind',
    source: `${data}/${CONTAINER_JSON}`,
    options: ['bind', 'ro', 'nosuid', 'nodev', 'noexec'],
  }
  return { ...config, mounts: [...(config.mounts ?? []), kept] }
}
