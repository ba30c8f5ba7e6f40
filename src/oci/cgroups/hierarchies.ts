import type { Controller } from '../../host/facts.ts'
import { attempt } from '../../kernel/call.ts'
import { close, O, tryOpen } from '../../kernel/descriptors.ts'
import { readText } from '../../kernel/files.ts'
import type { Kernel } from '../../kernel/kernel.ts'

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
/** linux/magic.h */
const MAGIC = { 1: 0x0027_e0eb, 2: 0x6367_7270 } as const
/** struct statfs of statfs(2) on 64-bit machines */
const STATFS_SIZE = 120

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
  return text.split('\n').flatMap((line): MembershipLine[] => {
    const [, number = '', names = '', path] = /^(\d+):([^:]*):(.*)$/.exec(line) ?? []
    if (path === undefined) return []
    return [{ version: number === '0' ? 2 : 1, names: names === '' ? [] : names.split(','), path }]
  })
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

function isMounted(kernel: Kernel, path: string, version: 1 | 2): boolean {
  const fd = tryOpen(kernel, path, O.PATH | O.DIRECTORY)
  if (fd < 0) return false
  const statfs = new Uint8Array(STATFS_SIZE)
  const result = attempt(kernel, 'fstatfs', fd, statfs)
  close(kernel, fd)
  return result === 0 && new DataView(statfs.buffer).getUint32(0, true) === MAGIC[version]
}

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
