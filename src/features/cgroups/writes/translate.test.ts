import assert from 'node:assert/strict'
import { test } from 'node:test'
import { hybridFacts, v1Facts, v2Facts } from '../../../../test/host/plain-cgroup-facts.ts'
import type { CgroupFacts } from '../../../host/facts.ts'
import type { Resources } from '../resources.ts'
import { translate } from './translate.ts'

/** Writes as a person would type them, then what cannot be had by name. */
function lines(resources: Resources, facts: CgroupFacts): string[] {
  const { controllers, plain, devices, notApplied } = translate(resources, facts)
  const files = [...[...controllers.values()].flat(), ...plain]
  return [
    ...files.map(({ file, value, optional }) => `${file} = ${value}${optional ? ' || true' : ''}`),
    ...(devices ? [`program of ${devices.length} rules`] : []),
    ...notApplied.map(({ limit }) => `not ${limit}`),
  ]
}

type Row = readonly [resources: Resources, v1: readonly string[], v2: readonly string[]]

function check(rows: readonly Row[], one = v1Facts(), two = v2Facts()): void {
  for (const [resources, v1, v2] of rows) {
    assert.deepEqual(lines(resources, one), v1, `v1: ${JSON.stringify(resources)}`)
    assert.deepEqual(lines(resources, two), v2, `v2: ${JSON.stringify(resources)}`)
  }
}

const MIB = 2 ** 20

test('L21: translate() writes memory, memory_reservation and memory_swap with the meaning of each version', () => {
  check([
    [{ memory: { limit: 4 * MIB } }, ['memory.limit_in_bytes = 4194304'], ['memory.max = 4194304']],
    [
      { memory: { limit: 4 * MIB, swap: 6 * MIB } },
      // v1 refuses a bound of both below that of memory, so memory comes first.
      ['memory.limit_in_bytes = 4194304', 'memory.memsw.limit_in_bytes = 6291456'],
      ['memory.max = 4194304', 'memory.swap.max = 2097152'],
    ],
    [
      { memory: { limit: 4 * MIB, swap: 4 * MIB } },
      ['memory.limit_in_bytes = 4194304', 'memory.memsw.limit_in_bytes = 4194304'],
      ['memory.max = 4194304', 'memory.swap.max = 0'],
    ],
    [
      { memory: { limit: 4 * MIB, swap: -1 } },
      ['memory.limit_in_bytes = 4194304', 'memory.memsw.limit_in_bytes = -1'],
      ['memory.max = 4194304', 'memory.swap.max = max'],
    ],
    [
      { memory: { limit: -1 } },
      ['memory.limit_in_bytes = -1', 'memory.memsw.limit_in_bytes = -1'],
      ['memory.max = max', 'memory.swap.max = max'],
    ],
    [{ memory: { swap: -1 } }, ['memory.memsw.limit_in_bytes = -1'], ['memory.swap.max = max']],
    [{ memory: { reservation: MIB } }, ['memory.soft_limit_in_bytes = 1048576'], ['memory.low = 1048576']],
    [{ memory: { reservation: -1 } }, ['memory.soft_limit_in_bytes = -1'], ['memory.low = max']],
  ])
})

test('translate() says what memory knows on one version only, and what no kernel does any more', () => {
  check([
    [{ memory: { kernel: MIB } }, ['not memory.kernel'], ['not memory.kernel']],
    [{ memory: { kernel: -1 } }, [], []],
    [{ memory: { kernelTCP: MIB } }, ['memory.kmem.tcp.limit_in_bytes = 1048576'], ['not memory.kernelTCP']],
    [{ memory: { kernelTCP: -1 } }, ['memory.kmem.tcp.limit_in_bytes = -1'], []],
    [{ memory: { swappiness: 0 } }, ['memory.swappiness = 0'], ['not memory.swappiness']],
    [{ memory: { disableOOMKiller: true } }, ['memory.oom_control = 1'], ['not memory.disableOOMKiller']],
    [{ memory: { disableOOMKiller: false } }, [], []],
    [{ memory: { useHierarchy: true } }, ['memory.use_hierarchy = 1'], []],
    [{ memory: { useHierarchy: false } }, ['memory.use_hierarchy = 0'], ['not memory.useHierarchy']],
    [{ memory: { oomGroup: true } }, ['not memory.oomGroup'], ['memory.oom.group = 1']],
    [{ memory: { oomGroup: false, checkBeforeUpdate: true } }, [], []],
  ])
})

test('translate() without counted swap bounds memory alone and names swap, unless it is without bounds', () => {
  const uncounted: [CgroupFacts, CgroupFacts] = [v1Facts({}, { swap: false }), v2Facts({}, { swap: false })]
  check(
    [
      [
        { memory: { limit: MIB, swap: 2 * MIB } },
        ['memory.limit_in_bytes = 1048576', 'not memory.swap'],
        ['memory.max = 1048576', 'not memory.swap'],
      ],
      [
        { memory: { limit: MIB, swap: MIB } },
        ['memory.limit_in_bytes = 1048576', 'not memory.swap'],
        ['memory.max = 1048576', 'not memory.swap'],
      ],
      [{ memory: { limit: MIB, swap: -1 } }, ['memory.limit_in_bytes = 1048576'], ['memory.max = 1048576']],
      [{ memory: { limit: -1 } }, ['memory.limit_in_bytes = -1'], ['memory.max = max']],
    ],
    ...uncounted,
  )
})

test('L21: translate() writes cpu_shares, cpu_quota, cpu_period and cpuset_cpus', () => {
  check([
    [{ cpu: { shares: 1024 } }, ['cpu.shares = 1024'], ['cpu.weight = 100']],
    [{ cpu: { shares: 512 } }, ['cpu.shares = 512'], ['cpu.weight = 59']],
    [{ cpu: { weight: 50 } }, ['cpu.shares = 512'], ['cpu.weight = 50']],
    [{ cpu: { quota: 50_000 } }, ['cpu.cfs_quota_us = 50000'], ['cpu.max = 50000 100000']],
    [{ cpu: { period: 20_000 } }, ['cpu.cfs_period_us = 20000'], ['cpu.max = max 20000']],
    [
      { cpu: { quota: 5_000, period: 20_000 } },
      ['cpu.cfs_period_us = 20000', 'cpu.cfs_quota_us = 5000'],
      ['cpu.max = 5000 20000'],
    ],
    [{ cpu: { quota: -1 } }, ['cpu.cfs_quota_us = -1'], ['cpu.max = max 100000']],
    [
      { cpu: { cpus: '1-2' } },
      // A v1 cpuset takes no process until both of its lists are filled.
      ['cpuset.mems = 0', 'cpuset.cpus = 1-2'],
      ['cpuset.cpus = 1-2'],
    ],
    [{ cpu: { mems: '0' } }, ['cpuset.mems = 0', 'cpuset.cpus = 0-3'], ['cpuset.mems = 0']],
    [{ cpu: { cpus: '3', mems: '0' } }, ['cpuset.mems = 0', 'cpuset.cpus = 3'], ['cpuset.mems = 0', 'cpuset.cpus = 3']],
  ])
})

test('translate() writes burst after the quota, idle before the weight, and realtime on v1 alone', () => {
  check([
    [
      { cpu: { quota: 50_000, burst: 20_000 } },
      ['cpu.cfs_quota_us = 50000', 'cpu.cfs_burst_us = 20000'],
      ['cpu.max = 50000 100000', 'cpu.max.burst = 20000'],
    ],
    [{ cpu: { idle: 1 } }, ['cpu.idle = 1'], ['cpu.idle = 1']],
    [{ cpu: { idle: 0, weight: 1 } }, ['cpu.shares = 10'], ['cpu.weight = 1']],
    [
      { cpu: { realtimePeriod: 1_000_000, realtimeRuntime: 950_000 } },
      ['cpu.rt_period_us = 1000000', 'cpu.rt_runtime_us = 950000'],
      ['not cpu.realtimePeriod', 'not cpu.realtimeRuntime'],
    ],
  ])
  const old = { cpu: { files: ['cpu.shares', 'cpu.cfs_quota_us', 'cpu.max', 'cpu.weight'] } }
  const wanted: Resources = { cpu: { burst: 1, idle: 1, realtimeRuntime: 1 } }
  check(
    [
      [
        wanted,
        ['not cpu.idle', 'not cpu.burst', 'not cpu.realtimeRuntime'],
        ['not cpu.idle', 'not cpu.burst', 'not cpu.realtimeRuntime'],
      ],
    ],
    v1Facts(old),
    v2Facts(old),
  )
})

test('translate() refuses CPUs and memory nodes that are not there: v2 would take them and use all', () => {
  check([
    [{ cpu: { cpus: '0,9' } }, ['not cpu.cpus'], ['not cpu.cpus']],
    [{ cpu: { mems: '1' } }, ['not cpu.mems'], ['not cpu.mems']],
    [
      { cpu: { cpus: '0', mems: '1' } },
      ['cpuset.mems = 0', 'cpuset.cpus = 0', 'not cpu.mems'],
      ['cpuset.cpus = 0', 'not cpu.mems'],
    ],
  ])
  const { cpuset } = v1Facts().controllers
  const { mems: _, ...unread } = cpuset ?? {}
  const facts = v1Facts()
  const blind = { ...facts, controllers: { ...facts.controllers, cpuset: unread } } as CgroupFacts
  assert.match(translate({ cpu: { cpus: '0' } }, blind).notApplied[0]?.reason ?? '', /^the CPUs of .* cannot be read$/)
})

test('translate() writes pids.max, where 0 and -1 are no limit', () => {
  check([
    [{ pids: { limit: 7 } }, ['pids.max = 7'], ['pids.max = 7']],
    [{ pids: { limit: 0 } }, ['pids.max = 1'], ['pids.max = 1']],
    [{ pids: { limit: -1 } }, ['pids.max = max'], ['pids.max = max']],
  ])
})

const DISK = { major: 8, minor: 16 }

test('translate() throttles disks: a write per rule on v1, one per disk on v2, and 0 takes a rule away', () => {
  check([
    [
      {
        blockIO: {
          throttleReadBpsDevice: [{ ...DISK, rate: 1048576 }],
          throttleWriteBpsDevice: [
            { ...DISK, rate: 0 },
            { major: 253, minor: 0, rate: 5 },
          ],
          throttleReadIOPSDevice: [{ ...DISK, rate: 10 }],
          throttleWriteIOPSDevice: [{ ...DISK, rate: 20 }],
        },
      },
      [
        'blkio.throttle.read_bps_device = 8:16 1048576',
        'blkio.throttle.write_bps_device = 8:16 0',
        'blkio.throttle.write_bps_device = 253:0 5',
        'blkio.throttle.read_iops_device = 8:16 10',
        'blkio.throttle.write_iops_device = 8:16 20',
      ],
      ['io.max = 8:16 rbps=1048576 wbps=max riops=10 wiops=20', 'io.max = 253:0 wbps=5'],
    ],
  ])
})

test('translate() weighs disks by the file that groups have', () => {
  const wanted: Resources = { blockIO: { weight: 100, weightDevice: [{ ...DISK, weight: 1000 }] } }
  const bfq: [CgroupFacts, CgroupFacts] = [
    v1Facts({ io: { files: ['blkio.bfq.weight', 'blkio.bfq.weight_device'] } }),
    v2Facts({ io: { files: ['io.bfq.weight', 'io.max', 'io.weight'] } }),
  ]
  check(
    [
      [
        wanted,
        ['blkio.bfq.weight = 100', 'blkio.bfq.weight_device = 8:16 1000'],
        ['io.bfq.weight = 100', 'io.bfq.weight = 8:16 1000'],
      ],
      [{ blockIO: { leafWeight: 10 } }, ['not blockIO.leafWeight'], ['not blockIO.leafWeight']],
    ],
    ...bfq,
  )
  const others: [CgroupFacts, CgroupFacts] = [
    v1Facts({
      io: { files: ['blkio.leaf_weight', 'blkio.leaf_weight_device', 'blkio.weight', 'blkio.weight_device'] },
    }),
    v2Facts({ io: { files: ['io.max', 'io.weight'] } }),
  ]
  check(
    [
      [
        wanted,
        ['blkio.weight = 100', 'blkio.weight_device = 8:16 1000'],
        ['io.weight = 910', 'io.weight = 8:16 10000'],
      ],
      [
        { blockIO: { leafWeight: 10, weightDevice: [{ ...DISK, leafWeight: 20 }] } },
        ['blkio.leaf_weight = 10', 'blkio.leaf_weight_device = 8:16 20'],
        ['not blockIO.leafWeight', 'not blockIO.weightDevice'],
      ],
    ],
    ...others,
  )
  const none = { io: { files: ['blkio.throttle.read_bps_device', 'io.max'] } }
  check(
    [[wanted, ['not blockIO.weight', 'not blockIO.weightDevice'], ['not blockIO.weight', 'not blockIO.weightDevice']]],
    v1Facts(none),
    v2Facts(none),
  )
  // Nobody knows the files: one write has to succeed, so that the weight is not lost in silence.
  check([[{ blockIO: { weight: 10 } }, ['blkio.bfq.weight = 10'], ['io.bfq.weight = 10 || true', 'io.weight = 1']]])
})

test('translate() bounds huge pages in use and reserved, of sizes that the machine has', () => {
  const wanted: Resources = { hugepageLimits: [{ pageSize: '2MB', limit: 4 * MIB }] }
  check([
    [
      wanted,
      ['hugetlb.2MB.limit_in_bytes = 4194304', 'hugetlb.2MB.rsvd.limit_in_bytes = 4194304 || true'],
      ['hugetlb.2MB.max = 4194304', 'hugetlb.2MB.rsvd.max = 4194304 || true'],
    ],
    [
      { hugepageLimits: [{ pageSize: '1GB', limit: -1 }] },
      ['hugetlb.1GB.limit_in_bytes = -1', 'hugetlb.1GB.rsvd.limit_in_bytes = -1 || true'],
      ['hugetlb.1GB.max = max', 'hugetlb.1GB.rsvd.max = max || true'],
    ],
  ])
  const { notApplied } = translate(wanted, v2Facts({ hugetlb: { files: ['hugetlb.1GB.max', 'hugetlb.64KB.max'] } }))
  assert.deepEqual(
    notApplied.map(({ limit, remedy }) => [limit, remedy]),
    [['hugepageLimits.2MB', 'choose from 1GB, 64KB']],
  )
})

test('translate() writes rdma on both versions, network classes and priorities on v1 alone', () => {
  check([
    [
      { rdma: { mlx5_0: { hcaHandles: 3, hcaObjects: 10 }, rxe3: { hcaObjects: -1 } } },
      ['rdma.max = mlx5_0 hca_handle=3 hca_object=10', 'rdma.max = rxe3 hca_object=max'],
      ['rdma.max = mlx5_0 hca_handle=3 hca_object=10', 'rdma.max = rxe3 hca_object=max'],
    ],
    [
      { network: { classID: 1048577, priorities: [{ name: 'eth0', priority: 5 }] } },
      ['net_cls.classid = 1048577', 'net_prio.ifpriomap = eth0 5'],
      ['not network.classID', 'not network.priorities'],
    ],
  ])
})

test('L21, L60: translate() freezes by what the host has', () => {
  check([
    [{ freezer: 'frozen' }, ['freezer.state = FROZEN'], ['cgroup.freeze = 1']],
    [{ freezer: 'thawed' }, [], []],
  ])
  assert.deepEqual(lines({ freezer: 'frozen' }, hybridFacts()), ['cgroup.freeze = 1'])
  const old = { unified: { parent: '/cg/own', usable: { ok: true }, kill: false, freeze: false } } as const
  assert.deepEqual(lines({ freezer: 'frozen' }, hybridFacts({}, old)), ['freezer.state = FROZEN'])
  assert.deepEqual(lines({ freezer: 'frozen' }, v2Facts({}, old)), ['not freezer'])
})

test('translate() writes unified files as they are on v2, a line at a time, and refuses them on v1', () => {
  const unified = { 'memory.high': '1M', 'io.max': '8:0 rbps=1\n8:16 rbps=2\n', 'cgroup.max.depth': '3' }
  const expected = ['memory.high = 1M', 'io.max = 8:0 rbps=1', 'io.max = 8:16 rbps=2', 'cgroup.max.depth = 3']
  check([
    [{ unified }, ['not unified.memory.high', 'not unified.io.max', 'not unified.cgroup.max.depth'], expected],
    [{ unified: { 'dmem.max': '1' } }, ['not unified.dmem.max'], ['not unified.dmem.max']],
  ])
  assert.deepEqual(lines({ unified }, hybridFacts()), [
    'cgroup.max.depth = 3',
    'not unified.memory.high',
    'not unified.io.max',
  ])
})

test('translate() gives devices to v1’s lists where there are any, else to a program', () => {
  const devices = [{ allow: false }, { allow: true, type: 'c', major: 1, minor: 3, access: 'rwm' }] as const
  check([[{ devices }, ['devices.deny = a', 'devices.allow = c 1:3 rwm'], ['program of 2 rules']]])
  assert.deepEqual(lines({ devices }, hybridFacts({ devices: null })), ['program of 2 rules'])
  assert.deepEqual(lines({ devices }, v1Facts({ devices: null })), ['not devices'])
  const deviceRules = { ok: false, reason: 'device rules need CAP_BPF', remedy: 'run as root' } as const
  const [refused] = translate({ devices }, v2Facts({}, { deviceRules })).notApplied
  assert.deepEqual([refused?.limit, refused?.reason], ['devices', 'device rules need CAP_BPF'])
})

test('translate() names everything that a missing or unusable controller would have enforced, once', () => {
  const wanted: Resources = {
    memory: { limit: MIB, swap: MIB, swappiness: 1 },
    pids: { limit: 5 },
    cpu: { quota: 1000, period: 2000, cpus: '0' },
    blockIO: { throttleReadBpsDevice: [{ ...DISK, rate: 1 }], throttleWriteBpsDevice: [{ ...DISK, rate: 1 }] },
    unified: { 'misc.max': 'res_a 1' },
  }
  const names = [
    ...['memory.limit', 'memory.swappiness', 'pids.limit', 'cpu.quota', 'cpu.cpus'],
    ...['blockIO.throttleReadBpsDevice', 'blockIO.throttleWriteBpsDevice', 'unified.misc.max'],
  ]
  const none: CgroupFacts = { ...v1Facts(), mode: 'none', controllers: {} }
  const bare: CgroupFacts = { ...v2Facts(), controllers: {} }
  for (const [facts, reason] of [
    [none, /^no cgroup file system is mounted here$/],
    [bare, /^this host has no \w+ controller$/],
  ] as const) {
    const { controllers, notApplied } = translate(wanted, facts)
    assert.equal(controllers.size, 0)
    assert.deepEqual(
      notApplied.map(({ limit }) => limit),
      names,
    )
    for (const each of notApplied) {
      assert.match(each.reason, reason)
      assert(each.remedy)
    }
  }
  const instead = translate(wanted, none).notApplied.flatMap((each) => (each.instead ? [each.instead] : []))
  assert.deepEqual(
    instead.map(({ rlimit, value }) => [rlimit, value]),
    [
      ['RLIMIT_DATA', MIB],
      ['RLIMIT_NPROC', 5],
    ],
  )
})

test('no device rules restrict nothing: a new group is not told so, which a restricted group above would refuse', () => {
  check([[{ devices: [] }, [], []]])
})
