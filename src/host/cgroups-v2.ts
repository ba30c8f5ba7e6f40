import { no, yes } from './answer.ts'
import { findPath, isInnerGroup, writeAnswer } from './cgroup-context.ts'
import type { CgroupContext } from './cgroup-context.ts'
import type { Answer, Controller, ControllerFacts } from './facts.ts'
import { visibleMounts } from './visible-mounts.ts'

/** Controllers of v2 that this package knows; devices and freezer are no controllers there, cpu counts time by itself. */
const CONTROLLERS = ['memory', 'pids', 'cpu', 'cpuset', 'io'] as const satisfies readonly Controller[]
/** Those that decide which of several places is the best one. */
const WANTED: readonly Controller[] = ['memory', 'pids', 'cpu']

/** The v2 tree as this process may use it. */
export interface UnifiedFacts {
  /** Directory of this process's own group, when it can be seen */
  readonly own?: string
  readonly parent: string
  readonly usable: Answer
  readonly controllers: Partial<Record<Controller, ControllerFacts>>
}

/** What one controller needs to work in groups below a directory. */
type Reach = { readonly enable: readonly string[] } | { readonly refused: Answer }

/** A directory below which groups could be made. */
interface Candidate {
  readonly directory: string
  readonly usable: Answer
  readonly reach: ReadonlyMap<Controller, Reach>
}

/**
 * Finds the one place for groups of this process: its own group, or the nearest ancestor that can give the most of the
 * controllers that limits need. One place for all, because a process is in one v2 group only.
 */
export function readUnified(context: CgroupContext): UnifiedFacts | undefined {
  const mounts = visibleMounts(context.mounts).filter(({ type }) => type === 'cgroup2')
  const [first] = mounts
  if (!first) return undefined
  const chain = findChain(context, mounts)
  if (!chain) {
    const remedy = 'mount the cgroup tree that this process is in (mount -t cgroup2 none /sys/fs/cgroup)'
    return {
      parent: first.mountPoint,
      usable: no('the group of this process is not visible here', remedy),
      controllers: {},
    }
  }
  const candidates = chain.map((_, depth) => readCandidate(context, chain.slice(0, depth + 1))).reverse()
  const best = candidates.reduce((a, b) => (score(b) > score(a) ? b : a))
  return {
    ...ownOf(chain),
    parent: best.directory,
    usable: best.usable,
    controllers: Object.fromEntries(
      [...best.reach].map(([name, reach]) => [name, toFacts(context, best, name, reach)]),
    ),
  }
}

/** Directories from the mount's root down to the own group. */
function findChain({ source, memberships }: CgroupContext, mounts: CgroupContext['mounts']): string[] | undefined {
  const path = memberships.find(({ version }) => version === 2)?.path
  if (path === undefined) return undefined
  for (const mount of mounts) {
    const names = findPath(mount, path)
    if (!names) continue
    const chain = [mount.mountPoint]
    for (const name of names) chain.push(`${chain.at(-1)}/${name}`)
    if (source.entry(chain.at(-1) ?? '')) return chain
  }
  return undefined
}

const ownOf = (chain: readonly string[]): { own?: string } => {
  const own = chain.at(-1)
  return own === undefined ? {} : { own }
}

/** Being able to make groups at all counts most, then each controller that limits need. */
function score({ usable, reach }: Candidate): number {
  if (!usable.ok) return 0
  return 1 + WANTED.filter((name) => 'enable' in (reach.get(name) ?? {})).length
}

/** `chain` ends with the candidate. */
function readCandidate(context: CgroupContext, chain: readonly string[]): Candidate {
  const directory = chain.at(-1) ?? ''
  const usable = readUsable(context, directory)
  const known = CONTROLLERS.filter((name) => chain.some((above) => lists(context, above, 'cgroup.controllers', name)))
  const reach = known.map((name) => [name, usable.ok ? readReach(context, chain, name) : { refused: usable }] as const)
  return { directory, usable, reach: new Map(reach) }
}

/**
 * Making a group needs the directory; moving a process from the own group into it needs cgroup.procs of their common
 * ancestor, which is this directory too (cgroups(7), "Delegation containment").
 */
function readUsable({ source, root }: CgroupContext, directory: string): Answer {
  const type = source.text(`${directory}/cgroup.type`)?.trim()
  if (type !== undefined && type !== 'domain') {
    return no(`${directory} is a threaded group`, 'start carrel in a group whose cgroup.type is "domain"')
  }
  for (const path of [directory, `${directory}/cgroup.procs`]) {
    const errno = source.write(path)
    if (errno !== 'ok') return writeAnswer(path, errno, delegationRemedy(root))
  }
  return yes
}

const delegationRemedy = (root: boolean): string =>
  root
    ? 'give this container a writable cgroup tree of its own (podman and docker: --cgroupns=private with a writable /sys/fs/cgroup)'
    : 'start it in a group delegated to this user: systemd-run --user --scope -p Delegate=yes carrel …, or run as root'

/** What systemd gives to users by default is less than what it can give: cpuset and io are left out, cpu too before 252. */
const controllerRemedy = (root: boolean): string =>
  root
    ? delegationRemedy(root)
    : 'let systemd delegate it: `systemctl edit user@.service`, [Service] Delegate=cpu cpuset io memory pids, then log in again'

function readReach(context: CgroupContext, chain: readonly string[], name: Controller): Reach {
  const { source, root } = context
  const directory = chain.at(-1) ?? ''
  if (lists(context, directory, 'cgroup.subtree_control', name)) return { enable: [] }
  const above = lists(context, directory, 'cgroup.controllers', name) ? { enable: [] } : readAbove(context, chain, name)
  if ('refused' in above) return above
  const errno = source.write(`${directory}/cgroup.subtree_control`)
  if (errno !== 'ok') {
    return { refused: writeAnswer(`${directory}/cgroup.subtree_control`, errno, controllerRemedy(root)) }
  }
  // cgroups(7): a group that is not the root of the tree either holds processes or gives controllers to its children.
  if (isInnerGroup(source, directory) && source.text(`${directory}/cgroup.procs`)?.trim()) {
    const remedy = `move its processes into a group of their own: mkdir ${directory}/init; for p in $(cat ${directory}/cgroup.procs); do echo $p > ${directory}/init/cgroup.procs; done`
    return { refused: no(`${directory} holds processes itself, so it cannot give ${name} to groups below it`, remedy) }
  }
  return { enable: [...above.enable, directory] }
}

function readAbove(context: CgroupContext, chain: readonly string[], name: Controller): Reach {
  if (chain.length > 1) return readReach(context, chain.slice(0, -1), name)
  const remedy = `enable it from outside: echo +${name} > cgroup.subtree_control of the parent group, or Delegate=${name} in the systemd unit`
  return { refused: no(`${name} is not delegated to ${chain[0] ?? ''}`, remedy) }
}

function toFacts({ source }: CgroupContext, best: Candidate, name: Controller, reach: Reach): ControllerFacts {
  const refused = 'refused' in reach
  const read = (file: string): string | undefined => source.text(`${best.directory}/${file}`)?.trim() || undefined
  const cpus = name === 'cpuset' ? read('cpuset.cpus.effective') : undefined
  const mems = name === 'cpuset' ? read('cpuset.mems.effective') : undefined
  return {
    version: 2,
    parent: best.directory,
    usable: refused ? reach.refused : yes,
    ...(!refused && reach.enable.length ? { enable: reach.enable } : {}),
    ...(cpus === undefined ? {} : { cpus }),
    ...(mems === undefined ? {} : { mems }),
  }
}

const lists = ({ source }: CgroupContext, directory: string, file: string, name: string): boolean =>
  source.text(`${directory}/${file}`)?.trim().split(' ').includes(name) ?? false
