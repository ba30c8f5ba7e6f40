import { yes } from './answer.ts'
import { findPath, writeAnswer } from './cgroup-context.ts'
import type { CgroupContext } from './cgroup-context.ts'
import { readV1Files } from './controller-files.ts'
import { readDelegation } from './delegation.ts'
import type { Answer, Controller, ControllerFacts, DelegationFacts } from './facts.ts'
import { withFiles } from './lazy-files.ts'
import { visibleMounts } from './visible-mounts.ts'

/** Kernel names on v1 of the controllers that this package knows. */
const V1_NAMES = {
  memory: 'memory',
  pids: 'pids',
  cpu: 'cpu',
  cpuacct: 'cpuacct',
  cpuset: 'cpuset',
  io: 'blkio',
  devices: 'devices',
  freezer: 'freezer',
  hugetlb: 'hugetlb',
  rdma: 'rdma',
  misc: 'misc',
  net_cls: 'net_cls',
  net_prio: 'net_prio',
  perf_event: 'perf_event',
} as const satisfies Record<Controller, string>

/** Controllers that are mounted as v1 hierarchies, each with the place below this process's own group of that hierarchy. */
export function readV1Controllers(context: CgroupContext): Partial<Record<Controller, ControllerFacts>> {
  const mounts = visibleMounts(context.mounts, ['cgroup'])
  const found: Partial<Record<Controller, ControllerFacts>> = {}
  for (const [controller, name] of Object.entries(V1_NAMES) as [Controller, string][]) {
    const candidates = mounts.filter(({ superOptions }) => superOptions.includes(name))
    const path = context.memberships.find(({ controllers }) => controllers.includes(name))?.path
    const parent = candidates.length ? findParent(context, candidates, path ?? '/') : undefined
    if (parent === undefined) continue
    const usable = readUsable(context, parent, name)
    const facts = { version: 1, parent, usable, ...(controller === 'cpuset' ? readSets(context, parent) : {}) } as const
    found[controller] = usable.ok ? withFiles(facts, () => readV1Files(context.source, parent, name)) : facts
  }
  return found
}

/** The own group where a mount shows it, else the mount itself: v1 asks no rights at a common ancestor to move a process. */
function findParent(context: CgroupContext, mounts: CgroupContext['mounts'], path: string): string | undefined {
  for (const mount of mounts) {
    const names = findPath(mount, path)
    const directory = names && [mount.mountPoint, ...names].join('/')
    if (directory !== undefined && context.source.entry(directory)) return directory
  }
  return mounts[0]?.mountPoint
}

function readUsable({ source, uid }: CgroupContext, parent: string, name: string): Answer {
  const errno = source.write(parent)
  if (errno === 'ok') return yes
  const given = `run inside a group that belongs to this user: cgcreate -a USER -t USER -g ${name}:carrel; cgexec -g ${name}:carrel carrel …`
  return writeAnswer(
    parent,
    errno,
    uid === 0 ? 'run with CAP_DAC_OVERRIDE over the cgroup file system' : `run as root, or ${given}`,
  )
}

/** A new v1 cpuset is empty and takes no process before both lists are filled, cpuset(7). */
function readSets({ source }: CgroupContext, parent: string): Pick<ControllerFacts, 'cpus' | 'mems'> {
  const read = (file: string): string | undefined => source.text(`${parent}/${file}`)?.trim() || undefined
  // With cpuset_v2_mode the effective lists differ from the configured ones; children may only use the effective.
  const cpus = read('cpuset.effective_cpus') ?? read('cpuset.cpus')
  const mems = read('cpuset.effective_mems') ?? read('cpuset.mems')
  return { ...(cpus === undefined ? {} : { cpus }), ...(mems === undefined ? {} : { mems }) }
}

/** The own group in systemd's hierarchy, where the unit that it is of was given to this process. */
export function findV1Delegation(context: CgroupContext): DelegationFacts | undefined {
  if (!context.systemd) return undefined
  const name = 'name=systemd'
  const path = context.memberships.find(({ controllers }) => controllers.includes(name))?.path
  const mounts = visibleMounts(context.mounts, ['cgroup']).filter(({ superOptions }) => superOptions.includes(name))
  const directory = path === undefined || !mounts.length ? undefined : findParent(context, mounts, path)
  return directory === undefined || path === undefined ? undefined : readDelegation(context, { directory, path })
}
