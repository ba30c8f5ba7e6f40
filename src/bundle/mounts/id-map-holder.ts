import { InvalidInputError } from '../../base/errors.ts'
import { idMapSteps } from '../../features/users/id-map.ts'
import { pathWithPid } from '../../linux/decimal-path.ts'
import type { Fd, Ref } from '../../linux/ref.ts'
import type { Program } from '../../program/builder.ts'
import { cloneStep } from '../../program/special.ts'
import type { Config, IdMapping } from '../spec.ts'
import type { PlannedMount } from './mount-facts.ts'

interface Maps {
  readonly uids: readonly IdMapping[]
  readonly gids: readonly IdMapping[]
}

/** User namespaces that hold nothing but a map, which is what an idmapped mount takes (mount_setattr(2)). One for each pair of maps. */
export class IdMapHolders {
  readonly #made = new Map<string, Ref<Fd>>()
  readonly #p: Program
  readonly #config: Config

  constructor(p: Program, config: Config) {
    this.#p = p
    this.#config = config
  }

  /** @throws InvalidInputError when there is no mapping to take */
  of(planned: PlannedMount): Ref<Fd> {
    const path = this.#config.linux?.namespaces?.find(({ type }) => type === 'user')?.path
    const own = ownMaps(planned)
    if (!own && path !== undefined) return this.#openOnce(path)
    const maps = own ?? containerMaps(this.#config, planned)
    const key = JSON.stringify(maps)
    const holder = this.#made.get(key) ?? holderSteps(this.#p, maps)
    this.#made.set(key, holder)
    return holder
  }

  #openOnce(path: string): Ref<Fd> {
    const opened = this.#made.get(path) ?? this.#p.openat('AT_FDCWD', path, ['O_RDONLY', 'O_CLOEXEC'])
    this.#made.set(path, opened)
    return opened
  }

  close(): void {
    for (const holder of this.#made.values()) this.#p.close(holder)
  }
}

function ownMaps({ mount }: PlannedMount): Maps | undefined {
  const { uidMappings = [], gidMappings = [] } = mount
  return uidMappings.length + gidMappings.length > 0 ? { uids: uidMappings, gids: gidMappings } : undefined
}

function containerMaps(config: Config, { pointer }: PlannedMount): Maps {
  const { uidMappings = [], gidMappings = [] } = config.linux ?? {}
  if (uidMappings.length > 0 && gidMappings.length > 0) return { uids: uidMappings, gids: gidMappings }
  const field = `${pointer}/uidMappings`
  throw new InvalidInputError(
    `${field} must be there: the mount asks for idmap, and the container has no user namespace whose mappings could be taken`,
    { field },
  )
}

const ranges = (maps: readonly IdMapping[]) =>
  maps.map(({ containerID, hostID, size }) => ({ inside: containerID, outside: hostID, count: size }))

/** A child in a new user namespace, which gets the maps, is held by descriptor, and ends when its socket closes. */
function holderSteps(p: Program, { uids, gids }: Maps): Ref<Fd> {
  p.because(
    'mounts',
    'A map as an object: the user namespace lives as long as its descriptor, its process ends at once',
  )
  const ends = p.socketpair('AF_UNIX', ['SOCK_STREAM', 'SOCK_CLOEXEC'], 0)
  const { pid, pidfd } = cloneStep(p, { flags: ['CLONE_NEWUSER'], control: ends[0] })
  idMapSteps(p, pid, { writer: 'parent', uids: ranges(uids), gids: ranges(gids) })
  const directory = p.openat('AT_FDCWD', pathWithPid('/proc/', pid), ['O_PATH', 'O_DIRECTORY', 'O_CLOEXEC'])
  const holder = p.openat(directory, 'ns/user', ['O_RDONLY', 'O_CLOEXEC'])
  for (const fd of [directory, ends[1], pidfd]) p.close(fd)
  return holder
}
