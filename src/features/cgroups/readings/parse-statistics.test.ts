import assert from 'node:assert/strict'
import { test } from 'node:test'
import type { Controller } from '../../../host/facts.ts'
import type { GroupPlace } from '../group-place.ts'
import { parseStatistics } from './parse-statistics.ts'
import { STATISTICS_KINDS, statisticsFiles } from './statistics-files.ts'
import type { StatisticsKind } from './statistics-files.ts'
import type { Statistics } from './statistics.ts'

const place = (directory: string, version: 1 | 2, controllers: readonly Controller[]): GroupPlace => {
  return { directory, version, controllers }
}

/** What files say whose texts are these, by path; files beyond them are not there. */
function statisticsOf(
  places: readonly GroupPlace[],
  texts: Readonly<Record<string, string>>,
  kinds?: readonly StatisticsKind[],
): Statistics {
  return parseStatistics(new Map(Object.entries(texts)), statisticsFiles(places, kinds))
}

/** Every controller in its own hierarchy beside a v2 tree without controllers, Linux 6.18. */
const HYBRID = [
  place('/m', 1, ['memory']),
  place('/c', 1, ['cpu']),
  place('/p', 1, ['pids']),
  place('/b', 1, ['io']),
  place('/f', 1, ['freezer']),
  place('/u', 2, []),
]

/** Recorded on such a machine after a process of 200 MB met a limit of 64 MiB; failures and I/O are put in, for there were none. */
const HYBRID_TEXTS = {
  '/m/memory.usage_in_bytes': '585728\n',
  '/m/memory.max_usage_in_bytes': '67108864\n',
  '/m/memory.limit_in_bytes': '67108864\n',
  '/m/memory.failcnt': '3\n',
  '/m/memory.memsw.usage_in_bytes': '585728\n',
  '/m/memory.memsw.limit_in_bytes': '67108864\n',
  '/m/memory.memsw.failcnt': '4\n',
  '/m/memory.oom_control': 'oom_kill_disable 0\nunder_oom 0\noom_kill 1\n',
  '/m/memory.kmem.usage_in_bytes': '28672\n',
  '/m/memory.stat': `cache 49152
rss 0
swap 0
inactive_file 20480
hierarchical_memory_limit 67108864
total_cache 49152
total_rss 4096
total_dirty 4096
`,
  '/c/cpu.stat': 'nr_periods 17\nnr_throttled 16\nthrottled_time 1256531771\nnr_bursts 0\nburst_time 0\n',
  '/p/pids.current': '0\n',
  '/p/pids.peak': '7\n',
  '/p/pids.max': '20\n',
  '/p/pids.events': 'max 0\n',
  '/b/blkio.throttle.io_service_bytes_recursive':
    '254:0 Read 8388608\n254:0 Write 4194304\n254:0 Sync 12582912\n254:0 Async 0\n254:0 Discard 0\n254:0 Total 12582912\nTotal 12582912\n',
  '/b/blkio.throttle.io_serviced_recursive':
    '254:0 Read 8\n254:0 Write 4\n254:0 Sync 12\n254:0 Async 0\n254:0 Discard 0\n254:0 Total 12\nTotal 12\n',
  '/b/blkio.bfq.io_service_bytes_recursive': 'Total 0\n',
  '/f/freezer.state': 'THAWED\n',
  '/u/cpu.stat': 'usage_usec 333982\nuser_usec 208370\nsystem_usec 125612\nnice_usec 0\n',
  '/u/cgroup.freeze': '0\n',
  '/u/cgroup.events': 'populated 0\nfrozen 0\n',
  '/u/cpu.pressure':
    'some avg10=0.00 avg60=0.00 avg300=0.00 total=638947\nfull avg10=0.00 avg60=0.00 avg300=0.00 total=637167\n',
}

test('L59: parseStatistics() reads the hierarchies of v1, and CPU time from the v2 group beside them', () => {
  const { memory, ...others } = statisticsOf(HYBRID, HYBRID_TEXTS)
  const { stat, ...numbers } = memory ?? {}
  assert.equal(stat?.['inactive_file'], 20_480)
  assert.deepEqual(numbers, {
    ...{ currentBytes: 585_728, peakBytes: 67_108_864, limitBytes: 67_108_864, swapBytes: 0, swapLimitBytes: 0 },
    ...{ failures: 7, oomKills: 1, anonBytes: 4096, fileBytes: 49_152, kernelBytes: 28_672 },
  })
  assert.deepEqual(others, {
    cpu: {
      ...{ usageUs: 333_982, userUs: 208_370, systemUs: 125_612 },
      ...{ periods: 17, throttledPeriods: 16, throttledUs: 1_256_532, burstPeriods: 0, burstUs: 0 },
      pressure: {
        some: { avg10: 0, avg60: 0, avg300: 0, totalUs: 638_947 },
        full: { avg10: 0, avg60: 0, avg300: 0, totalUs: 637_167 },
      },
    },
    pids: { current: 0, peak: 7, limit: 20, failures: 0 },
    io: {
      devices: [
        {
          ...{ major: 254, minor: 0, readBytes: 8_388_608, writeBytes: 4_194_304, discardBytes: 0 },
          ...{ reads: 8, writes: 4, discards: 0 },
        },
      ],
    },
    freezer: 'thawed',
  })
})

/** Recorded on a Linux 6.1 that has cgroup v2 alone, after 64 MiB were read and 8 MiB written. */
const V2_TEXTS = {
  '/g/cpu.stat':
    'usage_usec 4447298\nuser_usec 587060\nsystem_usec 3860237\nnr_periods 228\nnr_throttled 224\nthrottled_usec 29131195\nnr_bursts 0\nburst_usec 0\n',
  '/g/memory.current': '8589312\n',
  '/g/memory.peak': '67108864\n',
  '/g/memory.max': '67108864\n',
  '/g/memory.swap.current': '0\n',
  '/g/memory.swap.max': 'max\n',
  '/g/memory.events': 'low 0\nhigh 2\nmax 125\noom 3\noom_kill 1\noom_group_kill 0\n',
  '/g/memory.stat': 'anon 0\nfile 8491008\nkernel 32768\nkernel_stack 0\nshmem 8388608\npgfault 15076\n',
  '/g/memory.pressure':
    'some avg10=1.53 avg60=0.39 avg300=0.08 total=275418\nfull avg10=1.53 avg60=0.39 avg300=0.08 total=275418\n',
  '/g/pids.current': '0\n',
  '/g/pids.peak': '4\n',
  '/g/pids.max': 'max\n',
  '/g/pids.events': 'max 2\n',
  '/g/io.stat': '7:0 rbytes=67108864 wbytes=8388608 rios=64 wios=8 dbytes=0 dios=0\n',
  '/g/io.pressure': 'some avg10=0.09 avg60=0.11 avg300=0.02 total=121695\n',
  '/g/hugetlb.2MB.current': '0\n',
  '/g/hugetlb.2MB.max': 'max\n',
  '/g/hugetlb.2MB.events': 'max 1\n',
  '/g/rdma.current': 'mlx4_0 hca_handle=2 hca_object=2000\nocrdma1 hca_handle=3 hca_object=0\n',
  '/g/cgroup.freeze': '1\n',
  '/g/cgroup.events': 'populated 1\nfrozen 0\n',
}
const V2 = [place('/g', 2, ['cpu', 'memory', 'pids', 'io', 'hugetlb', 'rdma'])]

test('L59, X33: parseStatistics() reads a group of v2, the pressure of each resource included', () => {
  const { memory, cpu, ...others } = statisticsOf(V2, V2_TEXTS)
  const pressure = { avg10: 1.53, avg60: 0.39, avg300: 0.08, totalUs: 275_418 }
  const { stat, ...numbers } = memory ?? {}
  assert.equal(stat?.['pgfault'], 15_076)
  assert.deepEqual(numbers, {
    ...{ currentBytes: 8_589_312, peakBytes: 67_108_864, limitBytes: 67_108_864, swapBytes: 0, swapLimitBytes: null },
    ...{ failures: 125, highEvents: 2, oomEvents: 3, oomKills: 1 },
    ...{ anonBytes: 0, fileBytes: 8_491_008, kernelBytes: 32_768 },
    pressure: { some: pressure, full: pressure },
  })
  assert.deepEqual([cpu?.usageUs, cpu?.throttledUs, cpu?.periods], [4_447_298, 29_131_195, 228])
  assert.deepEqual(others, {
    pids: { current: 0, peak: 4, limit: null, failures: 2 },
    io: {
      devices: [
        {
          ...{ major: 7, minor: 0, readBytes: 67_108_864, writeBytes: 8_388_608, discardBytes: 0 },
          ...{ reads: 64, writes: 8, discards: 0 },
        },
      ],
      pressure: { some: { avg10: 0.09, avg60: 0.11, avg300: 0.02, totalUs: 121_695 } },
    },
    hugetlb: [{ pageSize: '2MB', currentBytes: 0, limitBytes: null, failures: 1 }],
    rdma: [
      { device: 'mlx4_0', hcaHandles: 2, hcaObjects: 2000 },
      { device: 'ocrdma1', hcaHandles: 3, hcaObjects: 0 },
    ],
    freezer: 'freezing',
  })
})

test('parseStatistics() leaves out what no file has told, whole parts included', () => {
  assert.deepEqual(statisticsOf(HYBRID, {}), {})
  assert.deepEqual(statisticsOf(V2, {}), {})
  assert.deepEqual(statisticsOf(V2, { '/g/memory.current': 'junk\n', '/g/pids.events': 'max -1\nmax 1x\n' }), {})
  assert.deepEqual(statisticsOf(V2, { '/g/memory.peak': '' }), {})
})

test('parseStatistics() tells no limit from every spelling of it', () => {
  const texts = {
    '/m/memory.usage_in_bytes': '0\n',
    '/m/memory.limit_in_bytes': '9223372036854771712\n',
    '/m/memory.memsw.limit_in_bytes': '9223372036854710272\n',
    '/p/pids.max': 'max\n',
  }
  assert.deepEqual(statisticsOf(HYBRID, texts, ['memory', 'swap', 'pids']), {
    memory: { currentBytes: 0, limitBytes: null, swapLimitBytes: null },
    pids: { limit: null },
  })
})

test('parseStatistics() counts swap of v1 as what is above memory, never below zero', () => {
  const swapOf = (usage: number, memsw: number) =>
    statisticsOf(HYBRID, {
      '/m/memory.usage_in_bytes': `${usage}\n`,
      '/m/memory.memsw.usage_in_bytes': `${memsw}\n`,
      '/m/memory.limit_in_bytes': '100\n',
      '/m/memory.memsw.limit_in_bytes': '300\n',
    }).memory
  assert.deepEqual([swapOf(100, 150)?.swapBytes, swapOf(100, 150)?.swapLimitBytes], [50, 200])
  assert.equal(swapOf(100, 96)?.swapBytes, 0)
})

test('parseStatistics() takes from BFQ what the throttle does not count', () => {
  const bytes = (file: string, text: string) => ({ [`/b/blkio.${file}.io_service_bytes_recursive`]: text })
  const devices = (texts: Record<string, string>) => statisticsOf(HYBRID, texts).io?.devices
  const bfq = bytes('bfq', '8:0 Read 10\n8:0 Write 20\n')
  assert.deepEqual(devices({ ...bytes('throttle', 'Total 0\n'), ...bfq }), [
    { major: 8, minor: 0, readBytes: 10, writeBytes: 20 },
  ])
  assert.deepEqual(devices({ ...bytes('throttle', '8:0 Read 30\n'), ...bfq }), [
    { major: 8, minor: 0, readBytes: 30, writeBytes: 20 },
  ])
})

test('parseStatistics() leaves out a line that was cut, and devices that are only named', () => {
  assert.deepEqual(statisticsOf(V2, { '/g/io.stat': '7:0 rbytes=1 wbytes=2\n8:0 rbytes=123' }).io?.devices, [
    { major: 7, minor: 0, readBytes: 1, writeBytes: 2 },
  ])
  assert.deepEqual(statisticsOf(V2, { '/g/io.stat': '254:16 254:0 rbytes=5 rios=1\n7:1\n' }).io?.devices, [
    { major: 254, minor: 0, readBytes: 5, reads: 1 },
  ])
})

test('L60: parseStatistics() tells a frozen group from one on its way there, by whichever freezer', () => {
  const freezer = (texts: Record<string, string>) => statisticsOf(HYBRID, texts).freezer
  const thawed = { '/u/cgroup.freeze': '0\n', '/u/cgroup.events': 'populated 1\nfrozen 0\n' }
  assert.equal(freezer({ '/f/freezer.state': 'FROZEN\n', ...thawed }), 'frozen')
  assert.equal(freezer({ '/f/freezer.state': 'FREEZING\n', ...thawed }), 'freezing')
  assert.equal(freezer({ '/u/cgroup.freeze': '1\n', '/u/cgroup.events': 'populated 1\nfrozen 1\n' }), 'frozen')
  // Frozen by the group above it.
  assert.equal(freezer({ '/u/cgroup.freeze': '0\n', '/u/cgroup.events': 'populated 1\nfrozen 1\n' }), 'frozen')
})

test('statisticsFiles() reads only what was asked for, from the group that has it', () => {
  const paths = (kinds: readonly StatisticsKind[], places = HYBRID) =>
    statisticsFiles(places, kinds).map(({ path }) => path)
  assert.deepEqual(paths(['cpu']), ['/c/cpu.stat', '/u/cpu.stat'])
  assert.deepEqual(paths(['cpu'], [place('/a', 1, ['cpuacct']), place('/u', 2, [])]), [
    ...['/a/cpuacct.usage', '/a/cpuacct.usage_user', '/a/cpuacct.usage_sys'],
  ])
  assert.deepEqual(paths(['pids'], V2), ['/g/pids.current', '/g/pids.peak', '/g/pids.max', '/g/pids.events'])
  assert.deepEqual(paths(['hugetlb'], [place('/h', 1, ['hugetlb'])]).slice(0, 2), [
    ...['/h/hugetlb.64KB.usage_in_bytes', '/h/hugetlb.2MB.usage_in_bytes'],
  ])
  assert.deepEqual(
    paths(STATISTICS_KINDS),
    statisticsFiles(HYBRID).map(({ path }) => path),
  )
})

test('statisticsFiles() gives each file a buffer that holds what a kernel has said in it', () => {
  const files = [...statisticsFiles(HYBRID), ...statisticsFiles(V2)]
  const texts = Object.entries({ ...HYBRID_TEXTS, ...V2_TEXTS })
  for (const [path, text] of texts) {
    const bytes = files.find((file) => file.path === path)?.bytes ?? 0
    assert(bytes > text.length, `${path}: ${bytes} for ${text.length}`)
  }
})
