import assert from 'node:assert/strict'
import { test } from 'node:test'
import { InvalidInputError } from '../../base/errors.ts'
import { checkResources } from './check-resources.ts'
import type { Resources } from './resources.ts'

const DISK = { major: 8, minor: 0 }

const GOOD: readonly Resources[] = [
  {},
  { memory: { limit: -1, swap: -1, reservation: 0, kernel: -1, kernelTCP: 1, swappiness: 100, oomGroup: true } },
  { memory: { limit: 4096, swap: 4096 } },
  { memory: { swap: -1 } },
  { cpu: { shares: 2, quota: 1000, period: 1_000_000, burst: 1000, cpus: '0-3,8', mems: '0', idle: 0 } },
  { cpu: { weight: 10_000, quota: -1, burst: 5 } },
  { cpu: { idle: 1, realtimePeriod: 10, realtimeRuntime: 10 } },
  { pids: { limit: 0 } },
  {
    blockIO: {
      weight: 10,
      weightDevice: [{ ...DISK, leafWeight: 1000 }],
      throttleReadBpsDevice: [{ ...DISK, rate: 0 }],
    },
  },
  {
    hugepageLimits: [
      { pageSize: '64KB', limit: 0 },
      { pageSize: '1GB', limit: -1 },
    ],
  },
  { network: { classID: 0xffff_ffff, priorities: [{ name: 'eth0', priority: 0 }] } },
  { rdma: { mlx5_0: { hcaHandles: 0 } } },
  { devices: [{ allow: false }] },
  {
    unified: {
      'memory.high': '1',
      'hugetlb.1GB.max': '1',
      'io.max': '8:0 rbps=1\n8:1 rbps=1',
      'cgroup.max.depth': '1',
    },
  },
  { freezer: 'thawed' },
]

/** What cannot be meant, with the path that the error names. */
const BAD: readonly (readonly [field: string, resources: unknown])[] = [
  ['resources', []],
  ['memroy', { memroy: {} }],
  [
    'blockIO.throttleReadIOPSDevice[0].rate',
    { blockIO: { throttleReadIOPSDevice: [{ major: 8, minor: 0, rate: 2 ** 32 }] } },
  ],
  [
    'blockIO.throttleWriteIOPSDevice[0].rate',
    { blockIO: { throttleWriteIOPSDevice: [{ major: 8, minor: 0, rate: 2 ** 32 }] } },
  ],
  ['memory', { memory: 5 }],
  ['memory.limt', { memory: { limt: 1 } }],
  ['memory.limit', { memory: { limit: 4095 } }],
  ['memory.limit', { memory: { limit: 0 } }],
  ['memory.limit', { memory: { limit: -2 } }],
  ['memory.limit', { memory: { limit: 4096.5 } }],
  ['memory.limit', { memory: { limit: '4096' } }],
  ['memory.limit', { memory: { limit: 2 ** 63 } }],
  ['memory.limit', { memory: { limit: null } }],
  ['memory.reservation', { memory: { reservation: -2 } }],
  ['memory.swap', { memory: { swap: 2 ** 30 } }],
  ['memory.swap', { memory: { limit: 2 ** 30, swap: 2 ** 29 } }],
  ['memory.swap', { memory: { limit: -1, swap: 2 ** 29 } }],
  ['memory.kernel', { memory: { kernel: 1.5 } }],
  ['memory.swappiness', { memory: { swappiness: 101 } }],
  ['memory.oomGroup', { memory: { oomGroup: 1 } }],
  ['cpu.shares', { cpu: { shares: 1 } }],
  ['cpu.shares', { cpu: { shares: 262_145 } }],
  ['cpu.weight', { cpu: { weight: 0 } }],
  ['cpu.weight', { cpu: { weight: 10_001 } }],
  ['cpu.weight', { cpu: { weight: 1, shares: 2 } }],
  ['cpu.quota', { cpu: { quota: 999 } }],
  ['cpu.quota', { cpu: { quota: 0 } }],
  ['cpu.period', { cpu: { period: 999 } }],
  ['cpu.period', { cpu: { period: 1_000_001 } }],
  ['cpu.period', { cpu: { period: -1 } }],
  ['cpu.burst', { cpu: { burst: -1 } }],
  ['cpu.burst', { cpu: { quota: 1000, burst: 1001 } }],
  ['cpu.burst', { cpu: { quota: 2 ** 44 - 1, burst: 1 } }],
  ['cpu.realtimePeriod', { cpu: { realtimePeriod: 0 } }],
  ['cpu.realtimeRuntime', { cpu: { realtimeRuntime: 2, realtimePeriod: 1 } }],
  ['cpu.cpus', { cpu: { cpus: '' } }],
  ['cpu.cpus', { cpu: { cpus: '0\n1' } }],
  ['cpu.cpus', { cpu: { cpus: '3-1' } }],
  ['cpu.mems', { cpu: { mems: 'all' } }],
  ['cpu.idle', { cpu: { idle: 2 } }],
  ['cpu.idle', { cpu: { idle: 1, shares: 2 } }],
  ['cpu.idle', { cpu: { idle: 1, weight: 1 } }],
  ['pids.limit', { pids: {} }],
  ['pids.limit', { pids: { limit: 4_194_305 } }],
  ['pids.limit', { pids: { limit: -2 } }],
  ['blockIO.weight', { blockIO: { weight: 9 } }],
  ['blockIO.weightDevice[0]', { blockIO: { weightDevice: [DISK] } }],
  ['blockIO.weightDevice[0].minor', { blockIO: { weightDevice: [{ major: 8, weight: 10 }] } }],
  ['blockIO.weightDevice[0].leafWeight', { blockIO: { weightDevice: [{ ...DISK, leafWeight: 1001 }] } }],
  ['blockIO.throttleReadBpsDevice', { blockIO: { throttleReadBpsDevice: {} } }],
  [
    'blockIO.throttleReadBpsDevice[0].major',
    { blockIO: { throttleReadBpsDevice: [{ major: 4096, minor: 0, rate: 1 }] } },
  ],
  ['blockIO.throttleReadIOPSDevice[0].rate', { blockIO: { throttleReadIOPSDevice: [DISK] } }],
  [
    'blockIO.throttleWriteBpsDevice[1]',
    {
      blockIO: {
        throttleWriteBpsDevice: [
          { ...DISK, rate: 1 },
          { ...DISK, rate: 2 },
        ],
      },
    },
  ],
  ['hugepageLimits[0].pageSize', { hugepageLimits: [{ pageSize: '2M', limit: 0 }] }],
  ['hugepageLimits[0].pageSize', { hugepageLimits: [{ pageSize: '3MB', limit: 0 }] }],
  ['hugepageLimits[0].pageSize', { hugepageLimits: [{ pageSize: '2048KB', limit: 0 }] }],
  ['hugepageLimits[0].limit', { hugepageLimits: [{ pageSize: '2MB' }] }],
  [
    'hugepageLimits[1].pageSize',
    {
      hugepageLimits: [
        { pageSize: '2MB', limit: 0 },
        { pageSize: '2MB', limit: 1 },
      ],
    },
  ],
  ['network.classID', { network: { classID: 2 ** 32 } }],
  ['network.priorities[0].name', { network: { priorities: [{ name: 'a b', priority: 0 }] } }],
  ['network.priorities[0].priority', { network: { priorities: [{ name: 'eth0' }] } }],
  ['rdma.mlx5_0', { rdma: { mlx5_0: {} } }],
  ['rdma.a b', { rdma: { 'a b': { hcaHandles: 1 } } }],
  ['rdma.mlx5_0.hcaHandles', { rdma: { mlx5_0: { hcaHandles: -2 } } }],
  ['devices[0].allow', { devices: [{}] }],
  ['unified.memory', { unified: { memory: '1' } }],
  ['unified.../memory.max', { unified: { '../memory.max': '1' } }],
  ['unified.cgroup.procs', { unified: { 'cgroup.procs': '1' } }],
  ['unified.cgroup.subtree_control', { unified: { 'cgroup.subtree_control': '+pids' } }],
  ['unified.cgroup.freeze', { unified: { 'cgroup.freeze': '1' } }],
  ['unified.memory.high', { unified: { 'memory.high': 5 } }],
  ['unified.memory.high', { unified: { 'memory.high': '' } }],
  ['unified.memory.high', { unified: { 'memory.high': '\n' } }],
  ['freezer', { freezer: 'cold' }],
]

test('checkResources() takes every field in its range', () => {
  for (const resources of GOOD) assert.doesNotThrow(() => checkResources(resources), JSON.stringify(resources))
})

test('checkResources() refuses what cannot be meant, naming the path', () => {
  for (const [field, resources] of BAD) {
    assert.throws(
      () => checkResources(resources as Resources),
      (error) => error instanceof InvalidInputError && error.field === field && error.message.startsWith(field),
      `${field}: ${JSON.stringify(resources)}`,
    )
  }
})

test('checkResources() says which key may have been meant', () => {
  const misspelt = { memory: { limt: 1 } } as unknown as Resources
  assert.throws(
    () => checkResources(misspelt),
    /^InvalidInputError: memory\.limt is not a resource: did you mean limit\?$/,
  )
  assert.throws(() => checkResources({ toString: 1 } as unknown as Resources), /toString is not a resource/)
})

test('checkResources() of a change lets swap stand without the limit that the group has already', () => {
  assert.doesNotThrow(() => checkResources({ memory: { swap: 4096 } }, { live: true }))
  assert.throws(() => checkResources({ memory: { limit: 8192, swap: 4096 } }, { live: true }), /memory\.swap/)
})
