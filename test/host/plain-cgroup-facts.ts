import type { CgroupFacts, Controller, ControllerFacts } from '../../src/host/facts.ts'

/** Hosts as plans see them, where nothing is in the way: what a test wants otherwise it says. */

const V1: readonly Controller[] = [
  ...(['memory', 'pids', 'cpu', 'cpuacct', 'cpuset', 'io', 'hugetlb', 'rdma'] as const),
  ...(['devices', 'freezer', 'net_cls', 'net_prio', 'perf_event'] as const),
]
const V2: readonly Controller[] = ['memory', 'pids', 'cpu', 'cpuset', 'io', 'hugetlb', 'rdma', 'misc']

/** Changes to what one controller of a host is. */
type Changes = Partial<Record<Controller, Partial<ControllerFacts> | null>>

/** A host with cgroup v1 alone: `/cg/CONTROLLER/own`, without a v2 tree. */
export const v1Facts = (changes: Changes = {}, also: Partial<CgroupFacts> = {}): CgroupFacts => ({
  ...base('v1'),
  controllers: controllers(V1, 1, (name) => `/cg/${name === 'io' ? 'blkio' : name}/own`, changes),
  ...also,
})

/** The same with a v2 tree without controllers beside it. */
export const hybridFacts = (changes: Changes = {}, also: Partial<CgroupFacts> = {}): CgroupFacts => ({
  ...v1Facts(changes),
  mode: 'hybrid',
  unified: { parent: '/cg/unified/own', usable: { ok: true }, kill: true, freeze: true },
  ...also,
})

/** A host with cgroup v2 alone: `/cg/own`. */
export const v2Facts = (changes: Changes = {}, also: Partial<CgroupFacts> = {}): CgroupFacts => ({
  ...base('v2'),
  controllers: controllers(V2, 2, () => '/cg/own', changes),
  unified: { parent: '/cg/own', usable: { ok: true }, kill: true, freeze: true },
  ...also,
})

const base = (mode: CgroupFacts['mode']) =>
  ({
    mode,
    swap: true,
    manager: 'files',
    managerBecause: 'this is a test',
    deviceRules: { ok: true },
  }) as const satisfies Partial<CgroupFacts>

function controllers(
  names: readonly Controller[],
  version: 1 | 2,
  parentOf: (name: Controller) => string,
  changes: Changes,
): CgroupFacts['controllers'] {
  const entries = names.flatMap((name): [Controller, ControllerFacts][] => {
    const change = changes[name]
    if (change === null) return []
    const sets = name === 'cpuset' ? { cpus: '0-3', mems: '0' } : {}
    return [[name, { version, parent: parentOf(name), usable: { ok: true }, ...sets, ...change }]]
  })
  return Object.fromEntries(entries)
}
