import { InvalidInputError } from '../../base/errors.ts'
import type { Config } from '../../bundle/spec.ts'
import type { DataDirectory } from './data-directory.ts'
import { CONTAINER_JSON } from './read-container-json.ts'
import type { RootDirectory } from './root-directory.ts'

/**
 * Keeps container.json out of reach of the container when it lies in its root: whoever is root there would say by it what the next start
 * mounts and allows. A mount on a file also keeps it from being renamed or removed (EBUSY, rename(2)); the directories above it can be
 * renamed all the same, so that it must lie at the top.
 * @throws InvalidInputError for a data directory below the root
 */
export function withConfigurationKept(config: Config, data: DataDirectory, root: RootDirectory): Config {
  // The same directory may have another name, by a mount.
  if (data.identity === root.identity) return withMount(config, data.path)
  if (!data.path.startsWith(`${root.path}/`)) return config
  const rule = `The data directory ${data.path} must not be below the root ${root.path}, where the container could put another one in its place`
  throw new InvalidInputError(`${rule}: give the root itself, or a directory outside of it`, { field: '--data-path' })
}

function withMount(config: Config, data: string): Config {
  const kept = {
    destination: `/${CONTAINER_JSON}`,
    type: 'bind',
    source: `${data}/${CONTAINER_JSON}`,
    options: ['bind', 'ro', 'nosuid', 'nodev', 'noexec'],
  }
  return { ...config, mounts: [...(config.mounts ?? []), kept] }
}
