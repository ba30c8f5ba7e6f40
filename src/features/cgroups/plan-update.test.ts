import assert from 'node:assert/strict'
import { test } from 'node:test'
import { hybridFacts, v1Facts, v2Facts } from '../../../test/host/plain-cgroup-facts.ts'
import { InvalidInputError } from '../../base/errors.ts'
import type { CgroupFacts } from '../../host/facts.ts'
import type { GroupPlace } from './group-place.ts'
import { planUpdate, updateReads } from './plan-update.ts'
import type { Resources } from './resources.ts'

const V1: readonly GroupPlace[] = (['memory', 'cpu', 'cpuset', 'pids', 'devices', 'freezer'] as const).map((name) => ({
  directory: `/cg/${name}/box`,
  version: 1,
  controllers: [name],
}))
const V2: readonly GroupPlace[] = [
  { directory: '/cg/box', version: 2, controllers: ['memory', 'cpu', 'cpuset', 'pids', 'io'] },
]

/** Writes in order, when the group's files say this; files of other names are not there. */
function order(
  resources: Resources,
  places: readonly GroupPlace[],
  now: Readonly<Record<string, string>> = {},
  facts: CgroupFacts = places === V1 ? v1Facts() : v2Facts(),
): string[] {
  const reads = updateReads(resources, places)
  const texts = reads.flatMap((path): [string, string][] => {
    const text = now[path.slice(path.lastIndexOf('/') + 1)]
    return text === undefined ? [] : [[path, `${text}\n`]]
  })
  const { writes, notApplied } = planUpdate(resources, places, facts, new Map(texts))
  return [
    ...writes.map(({ path, value }) => `${path.slice(path.lastIndexOf('/') + 1)} = ${value}`),
    ...notApplied.map(({ limit }) => `not ${limit}`),
  ]
}

const refuses = (
  field: string,
  resources: Resources,
  places: readonly GroupPlace[],
  now: Readonly<Record<string, string>>,
): void =>
  assert.throws(
    () => order(resources, places, now),
    (error) => error instanceof InvalidInputError && error.field === field,
    JSON.stringify(resources),
  )

test('planUpdate() on v1 raises the bound of both before that of memory, and lowers it after', () => {
  const now = { 'memory.limit_in_bytes': '8192', 'memory.memsw.limit_in_bytes': '16384' }
  assert.deepEqual(order({ memory: { limit: 32768, swap: 65536 } }, V1, now), [
    'memory.memsw.limit_in_bytes = 65536',
    'memory.limit_in_bytes = 32768',
  ])
  assert.deepEqual(order({ memory: { limit: 4096, swap: 4096 } }, V1, now), [
    'memory.limit_in_bytes = 4096',
    'memory.memsw.limit_in_bytes = 4096',
  ])
  assert.deepEqual(order({ memory: { limit: -1 } }, V1, now), [
    'memory.memsw.limit_in_bytes = -1',
    'memory.limit_in_bytes = -1',
  ])
  assert.deepEqual(order({ memory: { swap: 8192 } }, V1, now), ['memory.memsw.limit_in_bytes = 8192'])
})

test('planUpdate() on v2 counts swap from the limit that the group has', () => {
  assert.deepEqual(order({ memory: { swap: 12288 } }, V2, { 'memory.max': '8192' }), ['memory.swap.max = 4096'])
  assert.deepEqual(order({ memory: { swap: -1 } }, V2, { 'memory.max': '8192' }), ['memory.swap.max = max'])
  assert.deepEqual(order({ memory: { limit: 4096, swap: 12288 } }, V2, { 'memory.max': '8192' }), [
    'memory.max = 4096',
    'memory.swap.max = 8192',
  ])
})

test('planUpdate() refuses what the group’s present bounds forbid, naming the field', () => {
  const now = { 'memory.limit_in_bytes': '8192', 'memory.memsw.limit_in_bytes': '8192', 'memory.max': '8192' }
  const unlimited = { 'memory.limit_in_bytes': '9223372036854771712', 'memory.max': 'max' }
  for (const places of [V1, V2]) {
    refuses('memory.swap', { memory: { swap: 4096 } }, places, now)
    refuses('memory.swap', { memory: { swap: 4096 } }, places, unlimited)
  }
  refuses('memory.limit', { memory: { limit: 16384 } }, V1, now)
  const free = { 'memory.limit_in_bytes': '8192', 'memory.memsw.limit_in_bytes': '9223372036854771712' }
  assert.deepEqual(order({ memory: { limit: 16384 } }, V1, free), ['memory.limit_in_bytes = 16384'])
})

test('planUpdate() with checkBeforeUpdate refuses a limit below what is in use', () => {
  const used = { 'memory.usage_in_bytes': '10000', 'memory.current': '10000' }
  for (const places of [V1, V2]) {
    refuses('memory.limit', { memory: { limit: 8192, checkBeforeUpdate: true } }, places, used)
    assert.equal(order({ memory: { limit: 12288, checkBeforeUpdate: true } }, places, used).length, 1)
    assert.equal(order({ memory: { limit: 8192 } }, places, used).length, 1)
  }
})

test('planUpdate() on v1 changes period and quota so that the share is never above both the old and the new one', () => {
  const wanted = { cpu: { quota: 5_000, period: 10_000 } }
  assert.deepEqual(order(wanted, V1, { 'cpu.cfs_period_us': '100000' }), [
    'cpu.cfs_quota_us = 5000',
    'cpu.cfs_period_us = 10000',
  ])
  assert.deepEqual(order(wanted, V1, { 'cpu.cfs_period_us': '5000' }), [
    'cpu.cfs_period_us = 10000',
    'cpu.cfs_quota_us = 5000',
  ])
  const realtime = { cpu: { realtimePeriod: 1000, realtimeRuntime: 500 } }
  assert.deepEqual(order(realtime, V1, { 'cpu.rt_period_us': '1000000' }), [
    'cpu.rt_runtime_us = 500',
    'cpu.rt_period_us = 1000',
  ])
  assert.deepEqual(order(realtime, V1, { 'cpu.rt_period_us': '1000' }), [
    'cpu.rt_period_us = 1000',
    'cpu.rt_runtime_us = 500',
  ])
})

test('planUpdate() on v2 leaves the period where only the quota changes, and the quota where only the period does', () => {
  const now = { 'cpu.max': '20000 50000', 'cpu.max.burst': '0' }
  assert.deepEqual(order({ cpu: { quota: 30_000 } }, V2, now), ['cpu.max = 30000'])
  assert.deepEqual(order({ cpu: { quota: -1 } }, V2, now), ['cpu.max = max'])
  assert.deepEqual(order({ cpu: { period: 40_000 } }, V2, now), ['cpu.max = 20000 40000'])
  assert.deepEqual(order({ cpu: { quota: 1_000, period: 2_000 } }, V2, now), ['cpu.max = 1000 2000'])
})

test('planUpdate() makes a burst smaller before the quota and larger after it', () => {
  for (const [places, file, max] of [
    [V1, 'cpu.cfs_burst_us', 'cpu.cfs_quota_us'],
    [V2, 'cpu.max.burst', 'cpu.max'],
  ] as const) {
    const smaller = order({ cpu: { quota: 2_000, burst: 1_000 } }, places, { [file]: '4000' })
    assert.deepEqual(smaller, [`${file} = 1000`, `${max} = 2000`])
    const larger = order({ cpu: { quota: 9_000, burst: 8_000 } }, places, { [file]: '4000' })
    assert.deepEqual(larger, [`${max} = 9000`, `${file} = 8000`])
    refuses('cpu.quota', { cpu: { quota: 2_000 } }, places, { [file]: '4000' })
  }
})

test('planUpdate() turns off again what a new group has turned off', () => {
  const off: Resources = { memory: { disableOOMKiller: false }, cpu: { idle: 0 }, freezer: 'thawed' }
  assert.deepEqual(order(off, V1), ['memory.oom_control = 0', 'cpu.idle = 0', 'freezer.state = THAWED'])
  assert.deepEqual(order({ memory: { oomGroup: false }, freezer: 'thawed' }, V2), [
    'memory.oom.group = 0',
    'cgroup.freeze = 0',
  ])
})

test('planUpdate() writes only the cpuset list that changes', () => {
  assert.deepEqual(order({ cpu: { cpus: '1' } }, V1), ['cpuset.cpus = 1'])
  assert.deepEqual(order({ cpu: { mems: '0' } }, V1), ['cpuset.mems = 0'])
})

test('planUpdate() refuses by name what the group was made without, though the host has it', () => {
  const tree: readonly GroupPlace[] = [{ directory: '/cg/unified/box', version: 2, controllers: [] }]
  const wanted: Resources = { pids: { limit: 5 }, cpu: { weight: 5 }, freezer: 'frozen' }
  assert.deepEqual(order(wanted, tree, {}, hybridFacts()), ['cgroup.freeze = 1', 'not pids.limit', 'not cpu.weight'])
  const [refused] = planUpdate(wanted, tree, hybridFacts(), new Map()).notApplied
  assert.match(refused?.reason ?? '', /the group was made without the pids controller/)
  const alone = V1.filter(({ controllers }) => controllers.includes('pids'))
  assert.deepEqual(order({ freezer: 'frozen', unified: { 'pids.max': '1' } }, alone, {}, v1Facts()), [
    'not unified.pids.max',
    'not freezer',
  ])
})

test('planUpdate() moves v1’s device list from what it is, and gives v2’s rules to whoever has the program', () => {
  const devices = [{ allow: false }, { allow: true, type: 'c', major: 1, minor: 3, access: 'r' }] as const
  assert.deepEqual(order({ devices }, V1, { 'devices.list': 'c 1:5 r' }), [
    'devices.deny = c 1:5 r',
    'devices.allow = c 1:3 r',
  ])
  assert.deepEqual(updateReads({ devices }, V1), ['/cg/devices/box/devices.list'])
  assert.deepEqual(planUpdate({ devices }, V2, v2Facts(), new Map()).devices, devices)
})

test('updateReads() asks only for files that decide something', () => {
  assert.deepEqual(updateReads({ pids: { limit: 1 }, cpu: { shares: 2 }, memory: { reservation: 1 } }, V1), [])
  assert.deepEqual(updateReads({ memory: { limit: 4096 }, cpu: { quota: 1000 } }, []), [])
})

test('G06: a live v2 group is frozen and takes files of v2 though nobody knows where groups of the tree are made', () => {
  const { unified: _, ...facts } = v2Facts()
  assert.deepEqual(order({ freezer: 'frozen', unified: { 'cgroup.max.depth': '3' } }, V2, {}, facts), [
    'cgroup.freeze = 1',
    'cgroup.max.depth = 3',
  ])
})
