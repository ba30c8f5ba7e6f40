import type { Program } from '../../program/builder.ts'
import type { Fd, Ref } from '../../linux/ref.ts'
import type { FdLike } from '../root/fd-like.ts'
import { hostNodes } from '../root/device-list.ts'
import type { Config } from '../spec.ts'
import { attributeSteps, propagationSteps } from './attributes.ts'
import { cgroupTrees, type CgroupTree } from './cgroup-trees.ts'
import { IdMapHolders } from './id-map-holder.ts'
import { isBind, type MountFacts, type PlannedMount, plannedMounts, type Sources } from './mount-facts.ts'

export type { Sources } from './mount-facts.ts'

/** A tree of the host that the maker opened, because the container's first process could not. */
export interface MadeSource {
  /** What it is for: `root`, `/mounts/3`, `cgroup:memory` */
  readonly key: string
  readonly fd: Ref<Fd>
}

/** Key of the root file system among sources. */
export const ROOT_SOURCE = 'root'

/**
 * Whether the maker opens a source. A process in a user namespace has no rights over the host's directories, and whoever maps the ids
 * of a mount needs them over its file system (mount_setattr(2), MOUNT_ATTR_IDMAP).
 */
const makerOpens = (facts: MountFacts): boolean => facts.userNamespace && facts.privileged

const idmapped = ({ options }: PlannedMount): boolean => options.idmap !== 'no'

/** Keys of what the maker opens, in the order of `sourceSteps`. */
function madeKeys(config: Config, facts: MountFacts): readonly string[] {
  const all = makerOpens(facts)
  return [
    ...(all ? [ROOT_SOURCE] : []),
    ...plannedMounts(config)
      .filter((each) => isBind(each) && (all || idmapped(each)))
      .map(({ pointer }) => pointer),
    ...(all ? cgroupTrees(config, facts).map(({ key }) => key) : []),
  ]
}

/** Absolute path on the host; a relative one is below the bundle (config.md, "Mounts" and "Root"). */
export const hostPath = (facts: MountFacts, path: string): string =>
  path.startsWith('/') ? path : `${facts.bundle}/${path}`

/**
 * In the maker: opens what the container's first process may not, with attributes and maps set before anyone can see it. Often nothing.
 * The child of an id map that was needed ends by itself; its end is reported like any other's.
 * @throws InvalidInputError when a mount asks for a map and there is none
 */
export function sourceSteps(p: Program, config: Config, facts: MountFacts): readonly MadeSource[] {
  const keys = new Set(madeKeys(config, facts))
  const made: MadeSource[] = []
  const holders = new IdMapHolders(p, config)
  if (keys.has(ROOT_SOURCE)) {
    p.because('root', 'The root file system, opened with the rights of the maker')
    const fd = cloneTree(p, hostPath(facts, config.root?.path ?? ''), true)
    slaveSteps(p, fd)
    made.push({ key: ROOT_SOURCE, fd })
  }
  for (const planned of plannedMounts(config).filter(({ pointer }) => keys.has(pointer))) {
    const idmap = idmapped(planned) ? holders.of(planned) : null
    const fd = openBind(p, planned, facts)
    slaveSteps(p, fd)
    if (idmap) mapSteps(p, fd, idmap, planned)
    made.push({ key: planned.pointer, fd })
  }
  if (makerOpens(facts)) for (const tree of cgroupTrees(config, facts)) made.push(openCgroup(p, tree))
  holders.close()
  return made
}

/** What the maker copies belongs to the host's peer groups: nothing that happens to the copy may travel back. */
function slaveSteps(p: Program, fd: Ref<Fd>): void {
  p.mount_setattr(fd, '', ['AT_EMPTY_PATH', 'AT_RECURSIVE'], { propagation: ['MS_SLAVE'] })
}

function mapSteps(p: Program, fd: Ref<Fd>, idmap: Ref<Fd>, { options }: PlannedMount): void {
  p.because('mounts', 'Files are seen with the ids of the mapping, and stay what they are (Linux 5.12)')
  p.mount_setattr(fd, '', options.idmap === 'recursive' ? ['AT_EMPTY_PATH', 'AT_RECURSIVE'] : ['AT_EMPTY_PATH'], {
    attr_set: ['MOUNT_ATTR_IDMAP'],
    userns_fd: idmap,
  })
}

/**
 * In the container's first process, first of all: cuts its mounts off from the host's, then opens everything of the host that it will
 * show, before any of it is covered. `received` are the descriptors of `sourceSteps` in the same order.
 */
export function openSources(p: Program, config: Config, facts: MountFacts, received: readonly FdLike[] = []): Sources {
  propagationSteps(p, config, facts)
  const sources = new Map<string, FdLike>()
  madeKeys(config, facts).forEach((key, index) => sources.set(key, received[index] as FdLike))
  for (const planned of plannedMounts(config).filter(isBind)) {
    if (!sources.has(planned.pointer)) sources.set(planned.pointer, openBind(p, planned, facts))
  }
  for (const tree of cgroupTrees(config, facts))
    if (!sources.has(tree.key)) sources.set(tree.key, openCgroup(p, tree).fd)
  fallbackSteps(p, config, facts, sources)
  for (const path of hostNodes(config, facts)) {
    p.because('devices', `The host’s ${path}: a user namespace cannot make a node (mknod(2) EPERM)`)
    sources.set(`node:${path}`, cloneTree(p, path, false))
  }
  return sources
}

function openBind(p: Program, planned: PlannedMount, facts: MountFacts): Ref<Fd> {
  const { mount, options, destination, pointer } = planned
  p.because('mounts', `${mount.source} as ${destination} (${pointer}): opened before anything is covered`)
  const tree = cloneTree(p, hostPath(facts, mount.source ?? ''), options.bind === 'recursive')
  attributeSteps(p, tree, options, facts)
  return tree
}

function openCgroup(p: Program, { key, path, attributes }: CgroupTree): MadeSource {
  p.because('mounts', `The container’s own group and nothing above it: ${path} (CVE-2023-25809)`)
  const fd = cloneTree(p, path, false)
  if (attributes) p.mount_setattr(fd, '', ['AT_EMPTY_PATH'], attributes)
  return { key, fd }
}

const cloneTree = (p: Program, path: string, recursive: boolean): Ref<Fd> =>
  p.open_tree(
    'AT_FDCWD',
    path,
    recursive ? ['OPEN_TREE_CLONE', 'OPEN_TREE_CLOEXEC', 'AT_RECURSIVE'] : ['OPEN_TREE_CLONE', 'OPEN_TREE_CLOEXEC'],
  )

/** File systems of which a user namespace gets none of its own unless it owns the namespace they show, and where the host has them. */
const FALLBACKS = { sysfs: ['/sys', 'network'], mqueue: ['/dev/mqueue', 'ipc'], proc: ['/proc', 'pid'] } as const

/** With sysfs come the host's control groups: read-only, or whoever owns one could change it (CVE-2023-25809) */
const INSTEAD = ['MOUNT_ATTR_NOSUID', 'MOUNT_ATTR_NODEV', 'MOUNT_ATTR_NOEXEC'] as const

/** Key of what is shown when the kernel refuses a new file system of a type. */
export const fallbackKey = (type: string): string => `instead:${type}`

function fallbackSteps(p: Program, config: Config, facts: MountFacts, sources: Map<string, FdLike>): void {
  if (!facts.userNamespace) return
  for (const [type, [path, namespace]] of Object.entries(FALLBACKS)) {
    const wanted = plannedMounts(config).some((each) => each.mount.type === type && each.options.bind === 'no')
    const owned = config.linux?.namespaces?.some((each) => each.type === namespace && each.path === undefined) ?? false
    if (!wanted || (owned && type !== 'sysfs')) continue
    p.because('mounts', `The host’s ${path}, should the kernel refuse this user namespace its own (EPERM)`)
    // A host without one has nothing to show instead: then the kernel's refusal stands.
    p.tolerate('ENOENT')
    const tree = cloneTree(p, path, true)
    p.tolerate('ENOENT').mount_setattr(tree, '', ['AT_EMPTY_PATH', 'AT_RECURSIVE'], {
      attr_set: type === 'sysfs' ? [...INSTEAD, 'MOUNT_ATTR_RDONLY'] : INSTEAD,
    })
    sources.set(fallbackKey(type), tree)
  }
}
