import type { Controller } from '../../../host/facts.ts'
import type { GroupPlace } from '../group-place.ts'

/** Groups of files, so that a table need not read what it does not show. `memory-stat` is apart because the kernel has to sum it up. */
export type StatisticsKind =
  'cpu' | 'memory' | 'swap' | 'memory-stat' | 'pids' | 'io' | 'hugetlb' | 'rdma' | 'freezer' | 'pressure'

/** Every kind, in the order of the files. */
export const STATISTICS_KINDS: readonly StatisticsKind[] = [
  ...(['cpu', 'memory', 'swap', 'memory-stat', 'pids', 'io'] as const),
  ...(['hugetlb', 'rdma', 'freezer', 'pressure'] as const),
]

/** Files of one size of huge page stand for all of them here: `hugetlb.2MB.max` is read as `hugetlb.*.max`. */
export type StatisticsFormat = (typeof ROWS)[number][2]

/** A file of a group that tells something; what a kernel does not have is simply not there. */
export interface StatisticsFile {
  readonly path: string
  /** How `parseStatistics` reads it */
  readonly format: StatisticsFormat
  /** Enough for all of it in one read(2), so that it shows one moment */
  readonly bytes: number
  /** Of the pages that it counts, `2MB` */
  readonly pageSize?: string
}

/** Where a row's file is: in groups of this version that have the controller; `any` needs none. */
type Owner = Controller | 'any'

const ONE_VALUE = 64
const FEW_LINES = 1024
const MEMORY_STAT = 16_384
const LINE_PER_DEVICE = 32_768

const ROWS = [
  [1, 'cpuacct', 'cpuacct.usage', 'cpu', ONE_VALUE],
  // These two came with 4.6.
  [1, 'cpuacct', 'cpuacct.usage_user', 'cpu', ONE_VALUE],
  [1, 'cpuacct', 'cpuacct.usage_sys', 'cpu', ONE_VALUE],
  [1, 'cpu', 'cpu.stat', 'cpu', FEW_LINES],
  [1, 'memory', 'memory.usage_in_bytes', 'memory', ONE_VALUE],
  [1, 'memory', 'memory.max_usage_in_bytes', 'memory', ONE_VALUE],
  [1, 'memory', 'memory.limit_in_bytes', 'memory', ONE_VALUE],
  [1, 'memory', 'memory.failcnt', 'memory', ONE_VALUE],
  [1, 'memory', 'memory.memsw.usage_in_bytes', 'swap', ONE_VALUE],
  [1, 'memory', 'memory.memsw.limit_in_bytes', 'swap', ONE_VALUE],
  [1, 'memory', 'memory.memsw.failcnt', 'swap', ONE_VALUE],
  // The oom_kill line came with 4.13.
  [1, 'memory', 'memory.oom_control', 'memory', FEW_LINES],
  [1, 'memory', 'memory.kmem.usage_in_bytes', 'memory-stat', ONE_VALUE],
  [1, 'memory', 'memory.stat', 'memory-stat', MEMORY_STAT],
  // pids.events came with 4.8, pids.peak with 6.1.
  [1, 'pids', 'pids.current', 'pids', ONE_VALUE],
  [1, 'pids', 'pids.peak', 'pids', ONE_VALUE],
  [1, 'pids', 'pids.max', 'pids', ONE_VALUE],
  [1, 'pids', 'pids.events', 'pids', FEW_LINES],
  [1, 'io', 'blkio.throttle.io_service_bytes_recursive', 'io', LINE_PER_DEVICE],
  [1, 'io', 'blkio.throttle.io_serviced_recursive', 'io', LINE_PER_DEVICE],
  [1, 'io', 'blkio.bfq.io_service_bytes_recursive', 'io', LINE_PER_DEVICE],
  [1, 'io', 'blkio.bfq.io_serviced_recursive', 'io', LINE_PER_DEVICE],
  [1, 'hugetlb', 'hugetlb.*.usage_in_bytes', 'hugetlb', ONE_VALUE],
  [1, 'hugetlb', 'hugetlb.*.max_usage_in_bytes', 'hugetlb', ONE_VALUE],
  [1, 'hugetlb', 'hugetlb.*.limit_in_bytes', 'hugetlb', ONE_VALUE],
  [1, 'hugetlb', 'hugetlb.*.failcnt', 'hugetlb', ONE_VALUE],
  [1, 'rdma', 'rdma.current', 'rdma', LINE_PER_DEVICE],
  [1, 'freezer', 'freezer.state', 'freezer', ONE_VALUE],
  [2, 'any', 'cpu.stat', 'cpu', FEW_LINES],
  [2, 'memory', 'memory.current', 'memory', ONE_VALUE],
  // memory.peak came with 5.19.
  [2, 'memory', 'memory.peak', 'memory', ONE_VALUE],
  [2, 'memory', 'memory.max', 'memory', ONE_VALUE],
  [2, 'memory', 'memory.swap.current', 'swap', ONE_VALUE],
  [2, 'memory', 'memory.swap.max', 'swap', ONE_VALUE],
  [2, 'memory', 'memory.events', 'memory', FEW_LINES],
  [2, 'memory', 'memory.stat', 'memory-stat', MEMORY_STAT],
  [2, 'pids', 'pids.current', 'pids', ONE_VALUE],
  [2, 'pids', 'pids.peak', 'pids', ONE_VALUE],
  [2, 'pids', 'pids.max', 'pids', ONE_VALUE],
  [2, 'pids', 'pids.events', 'pids', FEW_LINES],
  [2, 'io', 'io.stat', 'io', LINE_PER_DEVICE],
  [2, 'hugetlb', 'hugetlb.*.current', 'hugetlb', ONE_VALUE],
  [2, 'hugetlb', 'hugetlb.*.max', 'hugetlb', ONE_VALUE],
  [2, 'hugetlb', 'hugetlb.*.events', 'hugetlb', FEW_LINES],
  [2, 'rdma', 'rdma.current', 'rdma', LINE_PER_DEVICE],
  [2, 'any', 'cgroup.freeze', 'freezer', ONE_VALUE],
  [2, 'any', 'cgroup.events', 'freezer', FEW_LINES],
  // The kernel keeps these for groups without controllers too.
  [2, 'any', 'cpu.pressure', 'pressure', FEW_LINES],
  [2, 'any', 'memory.pressure', 'pressure', FEW_LINES],
  [2, 'any', 'io.pressure', 'pressure', FEW_LINES],
] as const satisfies readonly (readonly [1 | 2, Owner, string, StatisticsKind, number])[]

/** Sizes that x86 and arm64 kernels can have; what a host does not have is not there to be read. */
const PAGE_SIZES = ['64KB', '2MB', '32MB', '1GB'] as const

/**
 * The files that tell what a group uses, all of them or those of some kinds, wherever its places are. On hybrid hosts the v2 group
 * counts CPU time unless there is a cpuacct group.
 */
export function statisticsFiles(
  places: readonly GroupPlace[],
  kinds: readonly StatisticsKind[] = STATISTICS_KINDS,
  pageSizes: readonly string[] = PAGE_SIZES,
): StatisticsFile[] {
  const hasCpuacct = places.some(({ version, controllers }) => version === 1 && controllers.includes('cpuacct'))
  return places.flatMap(({ directory, version, controllers }) => {
    const owners: readonly Owner[] = [...controllers, 'any']
    return ROWS.flatMap(([rowVersion, owner, format, kind, bytes]): StatisticsFile[] => {
      if (rowVersion !== version || !owners.includes(owner) || !kinds.includes(kind)) return []
      if (version === 2 && format === 'cpu.stat' && hasCpuacct) return []
      if (!format.includes('*')) return [{ path: `${directory}/${format}`, format, bytes }]
      return pageSizes.map((pageSize) => {
        return { path: `${directory}/${format.replace('*', pageSize)}`, format, bytes, pageSize }
      })
    })
  })
}
