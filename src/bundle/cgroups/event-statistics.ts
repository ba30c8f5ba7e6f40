import type { DeviceIo, MemoryStatistics, Statistics } from '../../features/cgroups/readings/statistics.ts'

/** What no limit is in v1's files on 4 KiB pages: containerd and docker read 64 unsigned bits, and 2^64 is one too many for them. */
const NO_LIMIT = 2 ** 63 - 4096

/** CPUs and memory nodes that a container may use. */
export interface EventSets {
  readonly cpus?: readonly number[]
  readonly mems?: readonly number[]
}

/**
 * `data` of a `stats` event, in the shape that runc introduced and that containerd, docker and their clients parse: times in ns, sizes in
 * bytes, every number unsigned. What this host does not tell is left out, or 0 where they want a number.
 */
export const eventStatistics = (statistics: Statistics, sets: EventSets = {}) => ({
  cpu: cpuOf(statistics),
  cpuset: {
    ...sets,
    ...{ cpu_exclusive: 0, mem_hardwall: 0, mem_exclusive: 0, memory_migrate: 0 },
    ...{ memory_spread_page: 0, memory_spread_slab: 0, memory_pressure: 0 },
    ...{ sched_load_balance: 0, sched_relax_domain_level: 0 },
  },
  memory: memoryOf(statistics.memory ?? {}),
  pids: { current: statistics.pids?.current ?? 0, limit: statistics.pids?.limit ?? 0 },
  blkio: {
    ioServiceBytesRecursive: operations(statistics, 'readBytes', 'writeBytes'),
    ioServicedRecursive: operations(statistics, 'reads', 'writes'),
  },
  hugetlb: Object.fromEntries(
    (statistics.hugetlb ?? []).map(({ pageSize, currentBytes = 0, peakBytes = 0, failures = 0 }) => [
      pageSize,
      { usage: currentBytes, max: peakBytes, failcnt: failures },
    ]),
  ),
  intel_rdt: {},
  network_interfaces: null,
})

const NS = 1000

function cpuOf({ cpu = {} }: Statistics) {
  const { usageUs = 0, userUs = 0, systemUs = 0, periods = 0, throttledPeriods = 0, throttledUs = 0 } = cpu
  return {
    usage: { total: usageUs * NS, kernel: systemUs * NS, user: userUs * NS },
    throttling: { periods, throttledPeriods, throttledTime: throttledUs * NS },
  }
}

function memoryOf(memory: MemoryStatistics) {
  const { currentBytes = 0, peakBytes = 0, limitBytes, swapBytes = 0, swapLimitBytes, failures = 0 } = memory
  const limit = limitBytes ?? NO_LIMIT
  const bothLimit = limitBytes === null || swapLimitBytes === null ? NO_LIMIT : limit + (swapLimitBytes ?? 0)
  return {
    cache: memory.fileBytes ?? 0,
    usage: { limit, usage: currentBytes, max: peakBytes, failcnt: failures },
    // Memory and swap together, as v1 counts.
    swap: { limit: Math.min(bothLimit, NO_LIMIT), usage: currentBytes + swapBytes, failcnt: 0 },
    kernel: { limit: NO_LIMIT, usage: memory.kernelBytes ?? 0, failcnt: 0 },
    kernelTCP: { limit: NO_LIMIT, usage: 0, failcnt: 0 },
    raw: memory.stat ?? {},
  }
}

type Count = Exclude<keyof DeviceIo, 'major' | 'minor'>

const operations = ({ io }: Statistics, read: Count, write: Count) =>
  (io?.devices ?? []).flatMap((device) => {
    const { major, minor } = device
    return (
      [
        ['Read', read],
        ['Write', write],
      ] as const
    ).map(([op, key]) => ({ major, minor, op, value: device[key] ?? 0 }))
  })
