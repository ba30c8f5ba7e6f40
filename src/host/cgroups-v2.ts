import { no, yes } from './answer.ts'
import { findPath, writeAnswer } from './cgroup-context.ts'
import type { CgroupContext } from './cgroup-context.ts'
import { readV2Files } from './controller-files.ts'
import { readDelegation } from './delegation.ts'
import type { Answer, Controller, ControllerFacts, DelegationFacts, UnifiedFacts } from './facts.ts'
import { readGroupRules } from './group-rules.ts'
import { withFiles } from './lazy-files.ts'
import { delegationRemedy, LEAF, lists, type Reach, readReach } from './v2-reach.ts'
import { visibleMounts } from './visible-mounts.ts'

/** Controllers of v2 that this package knows; devices and freezer are no controllers there, cpu counts time by itself. */
const CONTROLLERS = [
  ...(['memory', 'pids', 'cpu', 'cpuset', 'io', 'hugetlb', 'rdma', 'misc'] as const satisfies readonly Controller[]),
]
/** Those that decide which of several places is the best one. */
const WANTED: readonly Controller[] = ['memory', 'pids', 'cpu']

/** The v2 tree as this process may use it. */
export interface UnifiedTree extends Omit<UnifiedFacts, 'kill' | 'freeze'> {
  readonly controllers: Partial<Record<Controller, ControllerFacts>>
  readonly delegated?: DelegationFacts
  /** Where the tree is mounted */
  readonly mountPoint: string
}

/** Where this process is, and where it would make groups if nothing hindered. */
interface Home {
  /** Directories from the mount's root down to the own group */
  readonly chain: readonly string[]
  /** The own group, or the one above when the own is the leaf that an earlier start moved to */
  readonly directory: string
  readonly delegated: DelegationFacts | undefined
}

/** A directory below which groups could be made. */
interface Candidate {
  readonly chain: readonly string[]
  readonly directory: string
  readonly usable: Answer
  readonly reach: ReadonlyMap<Controller, Reach>
}

/**
 * Finds the one place for groups of this process: its own group, whose limits then bind what is made; for root also the nearest
 * ancestor that gives more of what limits need. One place for all, because a process is in one v2 group only.
 */
export function readUnified(context: CgroupContext): UnifiedTree | undefined {
  const mounts = visibleMounts(context.mounts, ['cgroup2'])
  const [first] = mounts
  if (!first) return undefined
  const home = findHome(context, mounts)
  if (!home) return { parent: first.mountPoint, mountPoint: first.mountPoint, usable: outside, controllers: {} }
  const best = chooseCandidate(context, home)
  const own = home.chain.at(-1)
  const vacate = [...best.reach.values()].map((reach) => ('vacate' in reach ? reach.vacate : undefined)).find(Boolean)
  return {
    parent: best.directory,
    usable: best.usable,
    mountPoint: home.chain[0] ?? first.mountPoint,
    ...(own === undefined ? {} : { own }),
    ...(best.directory === home.directory ? {} : { escapes: true as const }),
    ...(vacate ? { vacate } : {}),
    ...(home.delegated ? { delegated: home.delegated } : {}),
    controllers: Object.fromEntries(
      [...best.reach].map(([name, reach]) => [name, toFacts(context, best, home, name, reach)]),
    ),
  }
}

/** With the option nsdelegate the kernel answers ENOENT and EPERM to writes across the border of a cgroup namespace. */
const outside = no(
  'the group of this process is not visible here',
  'mount the cgroup tree that this process is in (mount -t cgroup2 none /sys/fs/cgroup)',
)

function findHome(context: CgroupContext, mounts: CgroupContext['mounts']): Home | undefined {
  const path = context.memberships.find(({ version }) => version === 2)?.path
  if (path === undefined) return undefined
  for (const mount of mounts) {
    const names = findPath(mount, path)
    if (!names) continue
    const chain = names.reduce<string[]>((above, name) => [...above, `${above.at(-1)}/${name}`], [mount.mountPoint])
    if (context.source.entry(chain.at(-1) ?? '')) return toHome(context, chain, path)
  }
  return undefined
}

function toHome(context: CgroupContext, chain: readonly string[], path: string): Home {
  const up = chain.length > 1 && path.endsWith(`/${LEAF}`)
  const directory = chain.at(up ? -2 : -1) ?? ''
  const homePath = up ? path.slice(0, -LEAF.length - 1) || '/' : path
  return { chain, directory, delegated: readDelegation(context, { directory, path: homePath }) }
}

/** Home, with as little as it may give; a place above it only where it gives nothing, and only root may leave its own limits behind. */
function chooseCandidate(context: CgroupContext, home: Home): Candidate {
  const depth = home.chain.indexOf(home.directory)
  const first = readCandidate(context, home, depth)
  if (context.uid !== 0 || score(first) > 1) return first
  let best = first
  for (let above = depth - 1; above >= 0 && score(best) <= WANTED.length; above--) {
    const candidate = readCandidate(context, home, above)
    if (score(candidate) > score(best)) best = candidate
  }
  return best
}

/** Being able to make groups at all counts most, then each controller that limits need. */
function score({ usable, reach }: Candidate): number {
  if (!usable.ok) return 0
  return 1 + WANTED.filter((name) => 'enable' in (reach.get(name) ?? {})).length
}

function readCandidate(context: CgroupContext, home: Home, depth: number): Candidate {
  const chain = home.chain.slice(0, depth + 1)
  const directory = chain.at(-1) ?? ''
  const usable = readUsable(context, chain)
  const known = CONTROLLERS.filter((name) => chain.some((above) => lists(context, above, 'cgroup.controllers', name)))
  const top = context.systemd && home.delegated ? { top: home.delegated.directory } : {}
  const place = { chain, home: home.directory, ...top }
  const reach = known.map((name) => [name, usable.ok ? readReach(context, place, name) : { refused: usable }] as const)
  return { chain, directory, usable, reach: new Map(reach) }
}

/**
 * Making a group needs the directory; moving a process from the own group into it needs cgroup.procs of their common
 * ancestor, which is this directory too (cgroups(7), "Delegation containment").
 */
function readUsable({ source, uid }: CgroupContext, chain: readonly string[]): Answer {
  const directory = chain.at(-1) ?? ''
  for (const path of [directory, `${directory}/cgroup.procs`]) {
    const errno = source.write(path)
    if (errno !== 'ok') return writeAnswer(path, errno, delegationRemedy(uid === 0))
  }
  return readGroupRules(source, chain)
}

function toFacts(
  { source }: CgroupContext,
  best: Candidate,
  home: Home,
  name: Controller,
  reach: Reach,
): ControllerFacts {
  const refused = 'refused' in reach
  // Where the controller has to be enabled first, the groups above tell what there will be.
  const read = (file: string): string | undefined => {
    const texts = best.chain.toReversed().map((directory) => source.text(`${directory}/${file}`)?.trim())
    return texts.find((text) => text !== undefined) || undefined
  }
  const cpus = name === 'cpuset' ? read('cpuset.cpus.effective') : undefined
  const mems = name === 'cpuset' ? read('cpuset.mems.effective') : undefined
  const facts: ControllerFacts = {
    version: 2,
    parent: best.directory,
    usable: refused ? reach.refused : yes,
    ...(!refused && reach.enable.length ? { enable: reach.enable } : {}),
    ...(cpus === undefined ? {} : { cpus }),
    ...(mems === undefined ? {} : { mems }),
  }
  return refused ? facts : withFiles(facts, () => readV2Files(source, home.chain, name))
}
