import type { FdLike } from '../root/fd-like.ts'
import type { Config, Mount, NamespaceType } from '../spec.ts'
import { type MountOptions, parseMountOptions } from './mount-options.ts'

/** The container's own control groups as directories of the host. */
export type ContainerCgroups =
  | {
      readonly version: 2
      /** Where the hierarchy is mounted on the host, `/sys/fs/cgroup` */
      readonly root: string
      /** The container's own group, absolute */
      readonly path: string
    }
  | {
      readonly version: 1
      /** `name` is a directory of /sys/fs/cgroup (`cpu,cpuacct`, `systemd`, `unified`), `path` the container's own group in it */
      readonly hierarchies: readonly { readonly name: string; readonly path: string }[]
    }

/** What planning has to know of the machine. */
export interface MountFacts {
  /** Absolute path of the bundle */
  readonly bundle: string
  /** Kinds of the paths that `mountFacts` asked for */
  readonly kinds: Readonly<Record<string, SourceKind>>
  /** Destinations of files that are links to nothing yet, with the places in the root that they name */
  readonly links?: Readonly<Record<string, string>>
  /** Whether the container's first process is in a user namespace other than its maker's */
  readonly userNamespace: boolean
  /** Whether the kernel lets nobody here make device nodes: outside of the initial user namespace (mknod(2) EPERM) */
  readonly nodesOfHost: boolean
  /** Whether the maker has CAP_SYS_ADMIN over the mount namespace that holds the sources */
  readonly privileged: boolean
  readonly cgroups?: ContainerCgroups
  /** Mount point of the mount that holds the root, when it was asked for */
  readonly rootMount?: string
  /** Mount points of type proc and sysfs outside of the root, deepest first, when the root is not pivoted into */
  readonly visibleProc?: readonly string[]
}

export type SourceKind = 'directory' | 'file' | 'missing'

/** What the caller finds out before it plans. */
export interface MountQuestions {
  /** Paths on the host, relative ones to the bundle; links are followed */
  readonly sources: readonly string[]
  readonly cgroups: boolean
  readonly rootMount: boolean
}

/** A mount of the configuration with what its words mean. */
export interface PlannedMount {
  readonly mount: Mount
  readonly options: MountOptions
  /** Absolute and without `.`, `..` and double slashes, `/dev/pts` */
  readonly destination: string
  /** JSON pointer, `/mounts/3` */
  readonly pointer: string
}

const plans = new WeakMap<Config, readonly PlannedMount[]>()

/** The mounts of a configuration; the words of each are read once. */
export function plannedMounts(config: Config): readonly PlannedMount[] {
  const known = plans.get(config)
  if (known) return known
  const planned = (config.mounts ?? []).map((mount, index) => {
    const pointer = `/mounts/${index}`
    return { mount, pointer, options: parseMountOptions(mount, pointer), destination: containerPath(mount.destination) }
  })
  plans.set(config, planned)
  return planned
}

/** A path of the container in its shortest form: `..` never leads above the root, as for a process in it. */
export function containerPath(path: string): string {
  const parts: string[] = []
  for (const part of path.split('/')) {
    if (part === '..') parts.pop()
    else if (part !== '' && part !== '.') parts.push(part)
  }
  return `/${parts.join('/')}`
}

export const isBind = ({ options }: PlannedMount): boolean => options.bind !== 'no' && !options.remount
export const isCgroup = ({ mount, options }: PlannedMount): boolean =>
  options.bind === 'no' && !options.remount && (mount.type === 'cgroup' || mount.type === 'cgroup2')

/** Whether the container gets a new namespace of a type. */
export const makesNamespace = (config: Config, type: NamespaceType): boolean =>
  config.linux?.namespaces?.some((each) => each.type === type && each.path === undefined) ?? false

/** Whether the container is in a namespace of a type that is not the maker's. */
export const hasNamespace = (config: Config, type: NamespaceType): boolean =>
  config.linux?.namespaces?.some((each) => each.type === type) ?? false

/** What has to be known before the mounts of a configuration are planned. */
export function mountFacts(config: Config): MountQuestions {
  const planned = plannedMounts(config)
  return {
    sources: planned.filter(isBind).map(({ mount }) => mount.source ?? ''),
    cgroups: planned.some(isCgroup),
    rootMount: config.linux?.rootfsPropagation?.endsWith('shared') ?? false,
  }
}

/** Descriptors of host trees by what they are for: `root`, `/mounts/3`, `cgroup:memory`, `node:/dev/null`. */
export type Sources = ReadonlyMap<string, FdLike>

/** What the mounts of a configuration are made from. */
export interface MountInput {
  readonly config: Config
  readonly facts: MountFacts
  readonly sources: Sources
}

/** Whether a directory is a kernel file system's: in an image it must be a directory, and no link (CVE-2023-27561, CVE-2026-41579). */
export const mustBePlain = ({ mount, destination }: PlannedMount): boolean =>
  mount.type === 'proc' || mount.type === 'sysfs' || ['/proc', '/sys', '/dev'].includes(destination)
