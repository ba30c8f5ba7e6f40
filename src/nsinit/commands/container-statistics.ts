import type { DeviceIo, Statistics } from '../../features/cgroups/readings/statistics.ts'
import type { InterfaceCounters } from '../network/counters.ts'
import type { FreezerFlags } from './freezer-flags.ts'

/** What is known besides the counters of the groups. */
export interface Beside {
  /** How much CPU time was used during how much time, `us` */
  readonly sample?: { readonly usedUs: number; readonly duringUs: number }
  readonly freezer: FreezerFlags
  readonly networks: readonly InterfaceCounters[]
}

const NS = 1000

/**
 * What `stats` prints, in the form of 2014: times in ns, sizes in bytes, `percent_usage` of one CPU, sets of operations by device. Added
 * are pids, limits and the state of the freezer. What the host does not tell is not there.
 */
export const containerStatistics = (statistics: Statistics, beside: Beside) => ({
  ...(beside.networks.length === 0 ? {} : { network_stats: networkOf(beside.networks) }),
  cgroup_stats: {
    ...(statistics.cpu ? { cpu_stats: cpuOf(statistics.cpu, beside.sample) } : {}),
    ...(statistics.memory ? { memory_stats: memoryOf(statistics.memory) } : {}),
    ...(statistics.io
      ? {
          blkio_stats: {
            io_service_bytes_recursive: operations(statistics.io.devices, 'readBytes', 'writeBytes'),
            io_serviced_recursive: operations(statistics.io.devices, 'reads', 'writes'),
          },
        }
      : {}),
    ...(statistics.pids ? { pids_stats: { current: statistics.pids.current, limit: statistics.pids.limit } } : {}),
    freezer_stats: { ...(statistics.freezer ? { state: statistics.freezer.toUpperCase() } : {}), ...beside.freezer },
  },
})

/** As `stats` prints it. */
export type ContainerStatistics = ReturnType<typeof containerStatistics>

const COUNTERS = [
  ...(['rx_bytes', 'rx_packets', 'rx_errors', 'rx_dropped'] as const),
  ...(['tx_bytes', 'tx_packets', 'tx_errors', 'tx_dropped'] as const),
] as const

/** All interfaces together, which 2014 had one of, and each. */
function networkOf(interfaces: readonly InterfaceCounters[]) {
  const sums = COUNTERS.map((key) => [key, interfaces.reduce((sum, each) => sum + each[key], 0)] as const)
  return { ...(Object.fromEntries(sums) as Record<(typeof COUNTERS)[number], number>), interfaces }
}

const nanoseconds = (us: number | undefined): number | undefined => (us === undefined ? undefined : us * NS)

function cpuOf(cpu: NonNullable<Statistics['cpu']>, sample: Beside['sample']) {
  return {
    cpu_usage: {
      ...(sample
        ? {
            percent_usage: Math.round((sample.usedUs / sample.duringUs) * 10_000) / 100,
            current_usage: sample.usedUs * NS,
          }
        : {}),
      total_usage: nanoseconds(cpu.usageUs),
      usage_in_kernelmode: nanoseconds(cpu.systemUs),
      usage_in_usermode: nanoseconds(cpu.userUs),
    },
    throttling_data: {
      periods: cpu.periods,
      throttled_periods: cpu.throttledPeriods,
      throttled_time: nanoseconds(cpu.throttledUs),
    },
  }
}

const memoryOf = (memory: NonNullable<Statistics['memory']>) => ({
  usage: memory.currentBytes,
  max_usage: memory.peakBytes,
  /** null: none */
  limit: memory.limitBytes,
  failcnt: memory.failures,
  oom_kills: memory.oomKills,
  stats: memory.stat,
})

type Count = Exclude<keyof DeviceIo, 'major' | 'minor'>

const operations = (devices: readonly DeviceIo[], read: Count, write: Count) =>
  devices.flatMap((device) =>
    (
      [
        ['Read', read],
        ['Write', write],
      ] as const
    ).map(([op, key]) => ({ major: device.major, minor: device.minor, op, value: device[key] ?? 0 })),
  )
