import type { Controller } from '../../host/facts.ts'
import { readText } from '../../kernel/files.ts'
import type { Kernel } from '../../kernel/kernel.ts'
import { exists } from './group-spot.ts'

/** A cgroup hierarchy of this host, as it is mounted here. */
export interface Hierarchy {
  readonly version: 1 | 2
  /** Of v1; those of v2 are in its files */
  readonly controllers: readonly Controller[]
  /** `/sys/fs/cgroup/memory` */
  readonly mount: string
  /** The group of this process as the kernel says it, from the root of its cgroup namespace */
  readonly own: string
}

const TOP = '/sys/fs/cgroup'
/** A file that groups of this version alone have, the root too: it tells a hierarchy from a directory where none is mounted. */
const MARK = { 1: 'tasks', 2: 'cgroup.controllers' } as const

/**
 * The hierarchies that this process is in and that are mounted at their usual places: a v2 tree at /sys/fs/cgroup or, beside v1, at
 * /sys/fs/cgroup/unified; v1 by the names of its controllers, joined ones (`cpu,cpuacct`) also by one of them. Mount tables are not
 * read: their length is that of all containers of the host.
 * @throws SyscallError
 */
export function findHierarchies(kernel: Kernel): readonly Hierarchy[] {
  const memberships = readMemberships(kernel, 'self')
  const isPure = isMounted(kernel, TOP, 2)
  return memberships.flatMap(({ version, names, path }): Hierarchy[] => {
    if (version === 2) {
      const mount = isPure ? TOP : firstMounted(kernel, ['unified'], 2)
      return mount === undefined ? [] : [{ version, controllers: [], mount, own: path }]
    }
    if (isPure || !isKept(names)) return []
    const mount = firstMounted(kernel, placesOf(names), 1)
    return mount === undefined ? [] : [{ version, controllers: names.flatMap(controllerOf), mount, own: path }]
  })
}

/** A line of /proc/PID/cgroup. */
export interface MembershipLine {
  readonly version: 1 | 2
  /** Kernel names; `name=systemd` for a hierarchy without controllers */
  readonly names: readonly string[]
  readonly path: string
}

/** The groups of a process, cgroups(7); none when there is no such process. @throws SyscallError */
export function readMemberships(kernel: Kernel, pid: number | 'self'): readonly MembershipLine[] {
  const text = readText(kernel, `/proc/${pid}/cgroup`) ?? ''
  const lines: MembershipLine[] = []
  for (const line of text.split('\n')) {
    // ID:CONTROLLERS:PATH, of which the path may hold a colon.
    const first = line.indexOf(':')
    const second = line.indexOf(':', first + 1)
    if (first < 0 || second < 0) continue
    const names = line.slice(first + 1, second)
    const version = line.startsWith('0:') ? 2 : 1
    lines.push({ version, names: names === '' ? [] : names.split(','), path: line.slice(second + 1) })
  }
  return lines
}

/** systemd keeps its units in a hierarchy without controllers; other named ones are nobody's business here. */
const isKept = (names: readonly string[]): boolean => names.every((name) => !name.includes('=') || name === SYSTEMD)

const SYSTEMD = 'name=systemd'

function placesOf(names: readonly string[]): readonly string[] {
  const plain = names.map((name) => (name === SYSTEMD ? 'systemd' : name))
  return plain.length > 1 ? [plain.join(), plain.toReversed().join(), ...plain] : plain
}

function firstMounted(kernel: Kernel, names: readonly string[], version: 1 | 2): string | undefined {
  return names.map((name) => `${TOP}/${name}`).find((path) => isMounted(kernel, path, version))
}

const isMounted = (kernel: Kernel, path: string, version: 1 | 2): boolean => exists(kernel, `${path}/${MARK[version]}`)

/** Controllers by the kernel's name on v1. */
const CONTROLLERS: readonly Controller[] = [
  ...(['memory', 'pids', 'cpu', 'cpuacct', 'cpuset', 'hugetlb', 'rdma', 'misc'] as const),
  ...(['devices', 'freezer', 'net_cls', 'net_prio', 'perf_event'] as const),
]

/** A controller by either version's name for it; none for what is not known here. */
export function controllerOf(name: string): Controller[] {
  if (name === 'blkio' || name === 'io') return ['io']
  return CONTROLLERS.filter((each) => each === name)
}
