import assert from 'node:assert/strict'
import { test } from 'node:test'
import type { InterfaceCounters } from '../network/counters.ts'
import { containerStatistics } from './container-statistics.ts'
import { statisticsLines } from './statistics-lines.ts'

const counters = (name: string, host: string, factor: number): InterfaceCounters => ({
  ...{ name, host },
  ...{ rx_bytes: 2048 * factor, rx_packets: 3 * factor, rx_errors: 0, rx_dropped: factor },
  ...{ tx_bytes: 10 * factor, tx_packets: factor, tx_errors: factor, tx_dropped: 0 },
})

const FULL = containerStatistics(
  {
    cpu: { usageUs: 2_500_000, userUs: 2_000_000, systemUs: 500_000, periods: 9, throttledPeriods: 4, throttledUs: 7 },
    memory: {
      currentBytes: 1_572_864,
      peakBytes: 3_145_728,
      limitBytes: null,
      failures: 5,
      oomKills: 1,
      stat: { rss: 3 },
    },
    pids: { current: 3, limit: null },
    io: { devices: [{ major: 8, minor: 16, readBytes: 4096, writeBytes: 1, reads: 2 }] },
    freezer: 'frozen',
  },
  {
    sample: { usedUs: 150_000, duringUs: 100_000 },
    freezer: { self_state: '1', parent_state: '0' },
    networks: [counters('eth0', 'veth0', 1), counters('eth1', 'veth4', 10)],
  },
)

test('L59: containerStatistics() has the form of 2014, times in ns, the CPU in per cent of one', () => {
  const { cpu_stats: cpu, memory_stats: memory, blkio_stats: io, ...rest } = FULL.cgroup_stats
  assert.deepEqual(cpu, {
    cpu_usage: {
      ...{ percent_usage: 150, current_usage: 150_000_000, total_usage: 2_500_000_000 },
      ...{ usage_in_kernelmode: 500_000_000, usage_in_usermode: 2_000_000_000 },
    },
    throttling_data: { periods: 9, throttled_periods: 4, throttled_time: 7000 },
  })
  assert.deepEqual(memory, {
    ...{ usage: 1_572_864, max_usage: 3_145_728, limit: null, failcnt: 5, oom_kills: 1, stats: { rss: 3 } },
  })
  const at = { major: 8, minor: 16 }
  assert.deepEqual(io, {
    io_service_bytes_recursive: [
      { ...at, op: 'Read', value: 4096 },
      { ...at, op: 'Write', value: 1 },
    ],
    io_serviced_recursive: [
      { ...at, op: 'Read', value: 2 },
      { ...at, op: 'Write', value: 0 },
    ],
  })
  assert.deepEqual(rest, {
    pids_stats: { current: 3, limit: null },
    freezer_stats: { state: 'FROZEN', self_state: '1', parent_state: '0' },
  })
  const { interfaces, ...sums } = FULL.network_stats ?? { interfaces: [] }
  assert.deepEqual(sums, {
    ...{ rx_bytes: 22_528, rx_packets: 33, rx_errors: 0, rx_dropped: 11 },
    ...{ tx_bytes: 110, tx_packets: 11, tx_errors: 11, tx_dropped: 0 },
  })
  assert.deepEqual(
    interfaces.map(({ host }) => host),
    ['veth0', 'veth4'],
  )
})

test('L59: what a host does not tell is not there', () => {
  const stats = containerStatistics({}, { freezer: {}, networks: [] })
  assert.deepEqual(stats, { cgroup_stats: { freezer_stats: {} } })
  assert.equal(statisticsLines(stats), '')
})

test('L59: statisticsLines() says the same to people', () => {
  assert.deepEqual(statisticsLines(FULL).split('\n'), [
    'cpu      150 % of one CPU now, 2.50 s used (user 2.00 s, system 0.50 s), throttled in 4 of 9 periods, 0.00 s',
    'memory   1.5 MiB, at most 3.0 MiB, limit reached 5 times',
    'pids     3 of any number',
    'blkio    read 4.0 KiB, written 1 B',
    'eth0     received 2.0 KiB in 3 packets, sent 10 B in 1 (veth0 on the host)',
    'eth1     received 20.0 KiB in 30 packets, sent 100 B in 10 (veth4 on the host)',
    'freezer  FROZEN',
    '',
  ])
})
