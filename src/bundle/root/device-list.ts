import { containerPath, type MountFacts, type PlannedMount, plannedMounts } from '../mounts/mount-facts.ts'
import type { Config, Device } from '../spec.ts'

/** A node that the container gets. */
export interface Node {
  readonly path: string
  /** S_IFCHR, S_IFBLK or S_IFIFO */
  readonly type: number
  readonly major: number
  readonly minor: number
  readonly mode: number
  readonly uid: number
  readonly gid: number
}

const CHARACTER = 0o020000
const TYPES: Readonly<Record<string, number>> = { c: CHARACTER, u: CHARACTER, b: 0o060000, p: 0o010000 }

/** What every container has (config-linux.md, "Default Devices"); the console is the terminal’s, ptmx a link. */
const DEFAULTS: readonly (readonly [name: string, major: number, minor: number])[] = [
  ['null', 1, 3],
  ['zero', 1, 5],
  ['full', 1, 7],
  ['random', 1, 8],
  ['urandom', 1, 9],
  ['tty', 5, 0],
]

/** The null device’s numbers (admin-guide/devices.txt) */
export const NULL_NODE = { path: '/dev/null', type: CHARACTER, major: 1, minor: 3 } as const

/** The last mount on /dev, which decides whose nodes are seen there. */
export const deviceMount = (config: Config): PlannedMount | undefined =>
  plannedMounts(config).findLast(({ destination, options }) => destination === '/dev' && !options.remount)

/** Whether the container is shown a /dev that was made elsewhere: nothing is added to it. Of a devtmpfs there is one, the host's. */
export function devIsShared(config: Config): boolean {
  const dev = deviceMount(config)
  return dev !== undefined && (dev.options.bind !== 'no' || dev.mount.type === 'devtmpfs')
}

/** The multiplexer of the container’s own terminals is a link whatever the configuration says: privileged ones list the host’s node. */
const PTMX = '/dev/ptmx'

/** Nodes of a container; those of the configuration stand for defaults of the same path, and a node that is listed twice is one. */
export function containerNodes(config: Config): readonly Node[] {
  const listed = (config.linux?.devices ?? []).map(asNode).filter(({ path }) => path !== PTMX)
  const asked = listed.filter((node, index) => listed.findIndex((each) => isSameNode(each, node)) === index)
  const paths = new Set(asked.map(({ path }) => path))
  const defaults = DEFAULTS.map(([name, major, minor]) => ({
    path: `/dev/${name}`,
    type: CHARACTER,
    major,
    minor,
    mode: 0o666,
    uid: 0,
    gid: 0,
  }))
  const all = [...defaults.filter(({ path }) => !paths.has(path)), ...asked]
  return devIsShared(config) ? all.filter(({ path }) => !path.startsWith('/dev/')) : all
}

const isSameNode = (one: Node, other: Node): boolean =>
  one.path === other.path && one.type === other.type && one.major === other.major && one.minor === other.minor

function asNode({ path, type, major = 0, minor = 0, fileMode = 0o666, uid = 0, gid = 0 }: Device): Node {
  // The mode may come with the type’s own bits, as Go’s os.FileMode does.
  return { path: containerPath(path), type: TYPES[type] ?? CHARACTER, major, minor, mode: fileMode & 0o7777, uid, gid }
}

/** Host nodes that are shown because a user namespace makes none. A path that something is mounted on is not one of them. */
export function hostNodes(config: Config, facts: MountFacts): readonly string[] {
  if (!facts.nodesOfHost) return []
  const mounted = new Set(plannedMounts(config).map(({ destination }) => destination))
  return containerNodes(config)
    .filter(({ type, path }) => type !== TYPES['p'] && !mounted.has(path))
    .map(({ path }) => path)
}
