import { yes } from './answer.ts'
import { findPath, writeAnswer } from './cgroup-context.ts'
import type { CgroupContext } from './cgroup-context.ts'
import type { Answer, Controller, ControllerFacts } from './facts.ts'
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
} as const satisfies Record<Controller, string>

/** Controllers that are mounted as v1 hierarchies, each with the place below this process's own group of that hierarchy. */
export function readV1Controllers(context: CgroupContext): Partial<Record<Controller, ControllerFacts>> {
  const mounts = visibleMounts(context.mounts).filter(({ type }) => type === 'cgroup')
  const found: Partial<Record<Controller, ControllerFacts>> = {}
  for (const [controller, name] of Object.entries(V1_NAMES) as [Controller, string][]) {
    const candidates = mounts.filter(({ superOptions }) => superOptions.includes(name))
    const path = context.memberships.find(({ controllers }) => controllers.includes(name))?.path
    const parent = candidates.length ? findParent(context, candidates, path ?? '/') : undefined
    if (parent === undefined) continue
    const usable = readUsable(context, parent, name)
    found[controller] = { version: 1, parent, usable, ...(controller === 'cpuset' ? readSets(context, parent) : {}) }
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

function readUsable({ source, root }: CgroupContext, parent: string, name: string): Answer {
  const errno = source.write(parent)
  if (errno === 'ok') return yes
  const given = `run inside a group that belongs to this user: cgcreate -a USER -t USER -g ${name}:carrel; cgexec -g ${name}:carrel carrel …`
  return writeAnswer(
    parent,
    errno,
    root ? 'run with CAP_DAC_OVERRIDE over the cgroup file system' : `run as root, or ${given}`,
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
