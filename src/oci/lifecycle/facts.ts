import { UnsupportedError } from '../../base/errors.ts'
import {
  type ContainerCgroups,
  isBind,
  type MountFacts,
  mountFacts,
  plannedMounts,
} from '../../bundle/mounts/mount-facts.ts'
import type { NamespacePlan } from '../../bundle/namespaces/namespace-plan.ts'
import type { Config, IdMapping } from '../../bundle/spec.ts'
import type { GroupPlace } from '../../features/cgroups/group-place.ts'
import type { IdMap } from '../../features/users/id-map.ts'
import { attempt } from '../../kernel/call.ts'
import { readText } from '../../kernel/files.ts'
import type { Kernel } from '../../kernel/kernel.ts'
import { kindOf } from '../../kernel/stat.ts'
import { decodeMountinfo, type MountEntry } from '../../linux/mountinfo.ts'
import { danglingLinks } from './dangling-links.ts'
import { rootPath } from './record-of.ts'

/** What this process may do, as its /proc/self/status says; asked for only where it matters. */
export class OwnRights {
  readonly #kernel: Kernel
  #status: string | undefined
  #rootless: boolean | undefined

  constructor(kernel: Kernel) {
    this.#kernel = kernel
  }

  get uid(): number {
    return attempt(this.#kernel, 'geteuid')
  }

  get gid(): number {
    return attempt(this.#kernel, 'getegid')
  }

  /** Capabilities as bits by their numbers (capabilities(7)) */
  get effective(): bigint {
    return this.#mask('CapEff')
  }

  #mask(name: string): bigint {
    this.#status ??= readText(this.#kernel, '/proc/self/status') ?? ''
    return BigInt(`0x${new RegExp(`^${name}:\\s*([0-9a-f]+)`, 'm').exec(this.#status)?.[1] ?? '0'}`)
  }

  /** What this process can hand on: what it has and what its bounding set does not take away */
  get grantable(): bigint {
    return this.#mask('CapPrm') & this.#mask('CapBnd')
  }

  /** An ordinary user, or the root of a user namespace of one (podman's, rootlesskit's) */
  get rootless(): boolean {
    this.#rootless ??= this.uid !== 0 || this.#isMapped()
    return this.#rootless
  }

  #isMapped(): boolean {
    const map = readText(this.#kernel, '/proc/self/uid_map')?.trim().split(/\s+/)
    return map?.[2] !== '4294967295'
  }

  has(capability: number): boolean {
    return ((this.effective >> BigInt(capability)) & 1n) === 1n
  }
}

const CAP_SETGID = 6
const CAP_SETUID = 7
export const CAP_SYS_ADMIN = 21

/** Who writes the maps of a new user namespace (user_namespaces(7)). */
export function idWriter(rights: OwnRights, uids: readonly IdMapping[], gids: readonly IdMapping[]): IdMap['writer'] {
  if (rights.has(CAP_SETUID) && rights.has(CAP_SETGID)) return 'parent'
  const onlyOwn = (mappings: readonly IdMapping[], id: number): boolean =>
    mappings.length === 1 && mappings[0]?.size === 1 && mappings[0].hostID === id
  return onlyOwn(uids, rights.uid) && onlyOwn(gids, rights.gid) ? 'single' : 'newuidmap'
}

/** What the user namespace of a process says of setgroups(2): one whose map an ordinary user wrote denies it (user_namespaces(7)). */
export const setgroupsOf = (kernel: Kernel, pid: number | 'self' = 'self'): 'allow' | 'deny' =>
  readText(kernel, `/proc/${pid}/setgroups`)?.startsWith('deny') ? 'deny' : 'allow'

/** Finds out what the plan of the mounts depends on. */
export function findMountFacts(
  kernel: Kernel,
  {
    config,
    bundle,
    namespaces,
    places,
    rights,
    pivot,
  }: {
    readonly config: Config
    readonly bundle: string
    readonly namespaces: NamespacePlan
    readonly places: readonly GroupPlace[]
    readonly rights: OwnRights
    readonly pivot: boolean
  },
): MountFacts {
  const wanted = mountFacts(config)
  const kinds: Record<string, 'directory' | 'file' | 'missing'> = {}
  for (const path of wanted.sources) kinds[path] = sourceKind(kernel, path.startsWith('/') ? path : `${bundle}/${path}`)
  const userNamespace = namespaces.user !== 'runtime'
  const needsMounts = wanted.rootMount || !pivot
  const mounts = needsMounts ? readMounts(kernel) : []
  const rootfs = rootPath({ config, path: bundle })
  return {
    bundle,
    kinds,
    links: danglingLinks(kernel, rootfs, filesMountedOn(config, kinds)),
    userNamespace,
    nodesOfHost: userNamespace || rights.rootless,
    privileged: !userNamespace || rights.has(CAP_SYS_ADMIN),
    ...(wanted.cgroups ? { cgroups: containerCgroups(places) } : {}),
    ...(wanted.rootMount ? { rootMount: mountOf(mounts, rootfs) } : {}),
    ...(pivot ? {} : { visibleProc: visibleProc(mounts, rootfs) }),
  }
}

const filesMountedOn = (config: Config, kinds: MountFacts['kinds']): readonly string[] =>
  plannedMounts(config).flatMap((planned) =>
    isBind(planned) && kinds[planned.mount.source ?? ''] === 'file' ? [planned.destination] : [],
  )

function sourceKind(kernel: Kernel, path: string): 'directory' | 'file' | 'missing' {
  const kind = kindOf(kernel, path)
  return kind === undefined ? 'missing' : kind === 'directory' ? 'directory' : 'file'
}

const ROOT = '/sys/fs/cgroup'

/** The container's own groups as directories of the host; on v1 by the name of the hierarchy's directory. */
function containerCgroups(places: readonly GroupPlace[]): ContainerCgroups {
  const unified = places.find(({ version, directory }) => version === 2 && !directory.startsWith(`${ROOT}/unified/`))
  if (unified) return { version: 2, root: ROOT, path: unified.directory }
  const hierarchies = places.map(({ directory }) => {
    const [name = ''] = directory.slice(ROOT.length + 1).split('/')
    return { name, path: directory }
  })
  return { version: 1, hierarchies }
}

/** Read only for options that cannot be had without: the table grows with the host's containers. */
function readMounts(kernel: Kernel): readonly MountEntry[] {
  const text = readText(kernel, '/proc/self/mountinfo')
  if (text === undefined) throw new UnsupportedError('/proc is not mounted', { fact: 'procfs', remedy: 'mount it' })
  return decodeMountinfo(text)
}

const isBelow = (path: string, above: string): boolean =>
  above === '/' || path === above || path.startsWith(`${above}/`)

const mountOf = (mounts: readonly MountEntry[], path: string): string =>
  mounts.reduce(
    (best, { mountPoint }) => (isBelow(path, mountPoint) && mountPoint.length >= best.length ? mountPoint : best),
    '/',
  )

const visibleProc = (mounts: readonly MountEntry[], root: string): readonly string[] =>
  mounts
    .filter(({ type, mountPoint }) => (type === 'proc' || type === 'sysfs') && !isBelow(mountPoint, root))
    .map(({ mountPoint }) => mountPoint)
    .sort((one, other) => other.length - one.length)
