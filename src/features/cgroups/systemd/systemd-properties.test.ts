import assert from 'node:assert/strict'
import { test } from 'node:test'
import { InvalidInputError } from '../../../base/errors.ts'
import type { Resources } from '../resources.ts'
import { accounting, systemdProperties } from './systemd-properties.ts'
import { NO_LIMIT, type SystemdTarget } from './systemd-property.ts'

const V2: SystemdTarget = { version: 2, systemd: 252 }
const V1: SystemdTarget = { version: 1, systemd: 252 }

/** Properties by name, as systemctl(1) would take them; repeated ones in their order. */
function listing(resources: Resources, target = V2): readonly unknown[] {
  return systemdProperties(resources, target).properties.map(({ name, value }) => [
    name,
    value === NO_LIMIT ? 'infinity' : value,
  ])
}

const byHand = (resources: Resources, target = V2): Resources => systemdProperties(resources, target).byHand

test('L58: memory is a limit, a reservation and swap alone on v2', () => {
  const resources = { memory: { limit: 100, reservation: 50, swap: 130 } }
  assert.deepEqual(listing(resources), [
    ['MemoryMax', 100n],
    ['MemoryLow', 50n],
    ['MemorySwapMax', 30n],
  ])
  assert.deepEqual(byHand(resources), {})
})

test('L58: on v1 memory is a limit, and memsw and the reservation are written by hand', () => {
  const resources = { memory: { limit: 100, reservation: 50, swap: 130 } }
  assert.deepEqual(listing(resources, V1), [['MemoryLimit', 100n]])
  assert.deepEqual(byHand(resources, V1), { memory: { limit: 100, reservation: 50, swap: 130 } })
  assert.deepEqual(byHand({ memory: { limit: 100 } }, V1), {})
})

test('L58: no limit is infinity, and of memory of swap as well', () => {
  assert.deepEqual(listing({ memory: { limit: -1 } }), [
    ['MemoryMax', 'infinity'],
    ['MemorySwapMax', 'infinity'],
  ])
  assert.deepEqual(listing({ memory: { limit: 5, swap: -1 } }), [
    ['MemoryMax', 5n],
    ['MemorySwapMax', 'infinity'],
  ])
  assert.deepEqual(listing({ pids: { limit: -1 } }), [['TasksMax', 'infinity']])
  assert.deepEqual(listing({ pids: { limit: 0 } }), [['TasksMax', 1n]])
  assert.deepEqual(listing({ pids: { limit: 7 } }), [['TasksMax', 7n]])
})

test('L58: swap below memory, or without it, is refused', () => {
  for (const memory of [{ limit: 100, swap: 99 }, { swap: 100 }, { limit: -1, swap: 100 }]) {
    assert.throws(
      () => systemdProperties({ memory }, V2),
      (error) => error instanceof InvalidInputError && error.field === 'memory.swap',
    )
  }
})

test('L58: memory that systemd has no property for is written by hand', () => {
  const memory = {
    kernel: 1,
    kernelTCP: 2,
    swappiness: 3,
    disableOOMKiller: true,
    oomGroup: true,
    checkBeforeUpdate: true,
  }
  assert.deepEqual(listing({ memory }), [])
  assert.deepEqual(byHand({ memory: { ...memory, useHierarchy: true } }), { memory })
  assert.deepEqual(byHand({ memory: { useHierarchy: false } }), { memory: { useHierarchy: false } })
  assert.deepEqual(byHand({ memory: { useHierarchy: true } }, V1), { memory: { useHierarchy: true } })
})

test('L58: CPU shares are a weight on v2, a weight is shares on v1', () => {
  assert.deepEqual(listing({ cpu: { shares: 1024 } }), [['CPUWeight', 100n]])
  assert.deepEqual(listing({ cpu: { shares: 1024 } }, V1), [['CPUShares', 1024n]])
  assert.deepEqual(listing({ cpu: { weight: 50 } }), [['CPUWeight', 50n]])
  assert.deepEqual(listing({ cpu: { weight: 50 } }, V1), [['CPUShares', 512n]])
})

test('L58: an idle CPU is a weight of 0 from systemd 252 on, by hand before', () => {
  assert.deepEqual(listing({ cpu: { idle: 1, weight: 50 } }), [['CPUWeight', 0n]])
  assert.deepEqual(byHand({ cpu: { idle: 1, weight: 50 } }), {})
  assert.deepEqual(byHand({ cpu: { idle: 1 } }, { ...V2, systemd: 251 }), { cpu: { idle: 1 } })
  assert.deepEqual(byHand({ cpu: { idle: 0 } }), { cpu: { idle: 0 } })
  assert.deepEqual(byHand({ cpu: { idle: 1 } }, V1), { cpu: { idle: 1 } })
})

test('L58: a quota is time in a second, in whole percents upwards, and by hand too where that is not exact', () => {
  const exact = { cpu: { quota: 25_000, period: 50_000 } }
  assert.deepEqual(listing(exact), [
    ['CPUQuotaPeriodUSec', 50_000n],
    ['CPUQuotaPerSecUSec', 500_000n],
  ])
  assert.deepEqual(byHand(exact), {})
  assert.deepEqual(listing({ cpu: { quota: 12_345 } }), [['CPUQuotaPerSecUSec', 130_000n]])
  assert.deepEqual(byHand({ cpu: { quota: 12_345 } }), { cpu: { quota: 12_345 } })
  assert.deepEqual(listing({ cpu: { quota: -1 } }), [['CPUQuotaPerSecUSec', 'infinity']])
  assert.deepEqual(listing({ cpu: { period: 20_000 } }), [['CPUQuotaPeriodUSec', 20_000n]])
})

test('L58: a period that an old systemd does not know is written by hand, with its quota', () => {
  const old = { version: 2, systemd: 241 } as const
  const cpu = { quota: 25_000, period: 50_000 }
  assert.deepEqual(listing({ cpu }, old), [['CPUQuotaPerSecUSec', 500_000n]])
  assert.deepEqual(byHand({ cpu }, old), { cpu })
  assert.deepEqual(byHand({ cpu: { period: 50_000 } }, old), { cpu: { period: 50_000 } })
})

test('L58: burst and realtime are written by hand', () => {
  const cpu = { burst: 1, realtimeRuntime: 2, realtimePeriod: 3 }
  assert.deepEqual(listing({ cpu }), [])
  assert.deepEqual(byHand({ cpu }), { cpu })
})

test('L58: CPUs and memory nodes are bit masks on v2, and by hand on v1 and for an old systemd', () => {
  const cpu = { cpus: '0-2,9', mems: '1' }
  assert.deepEqual(listing({ cpu }), [
    ['AllowedCPUs', Uint8Array.of(7, 2)],
    ['AllowedMemoryNodes', Uint8Array.of(2)],
  ])
  assert.deepEqual(byHand({ cpu }), {})
  for (const target of [V1, { ...V2, systemd: 243 }]) {
    assert.deepEqual(listing({ cpu }, target), [])
    assert.deepEqual(byHand({ cpu }, target), { cpu })
  }
  assert.throws(
    () => listing({ cpu: { cpus: '2-1' } }),
    (error) => error instanceof InvalidInputError && error.field === 'cpu.cpus',
  )
})

const DISK = { major: 8, minor: 16 }
const BLOCK_IO = {
  weight: 1000,
  weightDevice: [{ ...DISK, weight: 10, leafWeight: 20 }],
  throttleReadBpsDevice: [{ ...DISK, rate: 1 }],
  throttleWriteBpsDevice: [{ ...DISK, rate: 2 }],
  throttleReadIOPSDevice: [{ ...DISK, rate: 3 }],
  throttleWriteIOPSDevice: [{ ...DISK, rate: 0 }],
}
const DEVICE = '/dev/block/8:16'

test('L58: disks have weights and rates by their numbers on v2, leaf weights by hand', () => {
  assert.deepEqual(listing({ blockIO: BLOCK_IO }), [
    ['IOWeight', 10_000n],
    ['IODeviceWeight', [[DEVICE, 1n]]],
    ['IOReadBandwidthMax', [[DEVICE, 1n]]],
    ['IOWriteBandwidthMax', [[DEVICE, 2n]]],
    ['IOReadIOPSMax', [[DEVICE, 3n]]],
    ['IOWriteIOPSMax', [[DEVICE, NO_LIMIT]]],
  ])
  assert.deepEqual(byHand({ blockIO: BLOCK_IO }), { blockIO: { weightDevice: [{ ...DISK, leafWeight: 20 }] } })
})

test('L58: on v1 disks have weights as they are and bandwidths; operations are by hand', () => {
  assert.deepEqual(listing({ blockIO: BLOCK_IO }, V1), [
    ['BlockIOWeight', 1000n],
    ['BlockIODeviceWeight', [[DEVICE, 10n]]],
    ['BlockIOReadBandwidth', [[DEVICE, 1n]]],
    ['BlockIOWriteBandwidth', [[DEVICE, 2n]]],
  ])
  const { throttleReadIOPSDevice, throttleWriteIOPSDevice } = BLOCK_IO
  assert.deepEqual(byHand({ blockIO: { ...BLOCK_IO, leafWeight: 5 } }, V1), {
    blockIO: {
      leafWeight: 5,
      weightDevice: [{ ...DISK, leafWeight: 20 }],
      throttleReadIOPSDevice,
      throttleWriteIOPSDevice,
    },
  })
})

const NONE = { allow: false } as const

test('L58: device rules are a strict policy and a list, numbers and classes', () => {
  const devices = [
    NONE,
    { allow: true, type: 'c', major: 1, minor: 3, access: 'rw' },
    { allow: true, type: 'c', major: 136 },
    { allow: true, type: 'b', access: 'm' },
  ] as const
  const { properties } = systemdProperties({ devices }, V2)
  assert.deepEqual(
    properties.slice(0, 2).map(({ name, value }) => [name, value]),
    [
      ['DevicePolicy', 'strict'],
      ['DeviceAllow', []],
    ],
  )
  assert.deepEqual(
    new Map(properties[2]?.value as [string, string][]),
    new Map([
      ['block-*', 'm'],
      ['/dev/char/1:3', 'rw'],
      ['char-136', 'rwm'],
    ]),
  )
  assert.deepEqual(byHand({ devices }), {})
})

test('L58: terminals and tun are on v1 written by hand as well', () => {
  const rules = { pts: { major: 136 }, tun: { major: 10, minor: 200 } }
  for (const rule of Object.values(rules)) {
    const devices = [NONE, { allow: true, type: 'c', ...rule }] as const
    assert.deepEqual(byHand({ devices }, V1), { devices })
    assert.deepEqual(byHand({ devices }), {})
  }
  const null_ = [NONE, { allow: true, type: 'c', major: 1, minor: 3 }] as const
  assert.deepEqual(byHand({ devices: null_ }, V1), {})
})

test('L58: what a list of allowed devices cannot say is by hand, and systemd leaves the group open for it', () => {
  const open = [
    ['DevicePolicy', 'auto'],
    ['DeviceAllow', []],
  ]
  const denials = [{ allow: true }, { allow: false, type: 'c', major: 1, minor: 5 }] as const
  const minors = [NONE, { allow: true, type: 'c', minor: 5 }] as const
  for (const devices of [denials, minors]) {
    assert.deepEqual(listing({ devices }), open)
    assert.deepEqual(byHand({ devices }), { devices })
  }
  assert.deepEqual(listing({ devices: [{ allow: true }] }), open)
  assert.deepEqual(byHand({ devices: [{ allow: true }] }), {})
})

test('L58: files of v2 that systemd keeps itself are told to it, others are by hand', () => {
  const unified = {
    ...{ 'memory.max': '5', 'memory.high': 'max', 'memory.low': '1', 'memory.min': '2', 'memory.swap.max': '3' },
    ...{ 'cpu.weight': '77', 'cpu.max': '50000 100000', 'pids.max': 'max', 'cpuset.cpus': '1', 'cpuset.mems': '0' },
    ...{ 'memory.oom.group': '1', 'io.latency': '8:16 target=10' },
  }
  assert.deepEqual(listing({ unified }), [
    ['MemoryMax', 5n],
    ['MemoryHigh', 'infinity'],
    ['MemoryLow', 1n],
    ['MemoryMin', 2n],
    ['MemorySwapMax', 3n],
    ['CPUWeight', 77n],
    ['CPUQuotaPeriodUSec', 100_000n],
    ['CPUQuotaPerSecUSec', 500_000n],
    ['TasksMax', 'infinity'],
    ['AllowedCPUs', Uint8Array.of(2)],
    ['AllowedMemoryNodes', Uint8Array.of(1)],
  ])
  assert.deepEqual(byHand({ unified }), { unified: { 'memory.oom.group': '1', 'io.latency': '8:16 target=10' } })
  assert.deepEqual(byHand({ unified }, V1), { unified })
})

test('L58: files with values that systemd rounds, or does not know, are by hand', () => {
  assert.deepEqual(listing({ unified: { 'cpu.max': '12345' } }), [['CPUQuotaPerSecUSec', 130_000n]])
  for (const unified of [{ 'cpu.max': '12345' }, { 'cpu.max': 'none' }, { 'memory.max': '5M' }]) {
    assert.deepEqual(byHand({ unified }), { unified })
  }
  assert.deepEqual(listing({ unified: { 'cpu.max': 'max' } }), [['CPUQuotaPerSecUSec', 'infinity']])
  const old = { 'cpuset.cpus': '1', 'memory.min': '2' }
  assert.deepEqual(byHand({ unified: old }, { ...V2, systemd: 239 }), { unified: old })
})

test('L58: the rest of the resources is by hand', () => {
  const rest = {
    hugepageLimits: [{ pageSize: '2MB', limit: 1 }],
    network: { classID: 1 },
    rdma: { mlx5_0: { hcaHandles: 1 } },
    freezer: 'frozen',
  } as const
  assert.deepEqual(listing(rest), [])
  assert.deepEqual(byHand(rest), rest)
})

test('L58: the controllers that the properties need are named, each once', () => {
  const all = {
    memory: { limit: 1, reservation: 1 },
    cpu: { shares: 2, cpus: '0' },
    pids: { limit: 1 },
    blockIO: { weight: 10 },
  }
  assert.deepEqual(systemdProperties(all, V2).controllers, ['memory', 'cpu', 'cpuset', 'pids', 'io'])
  assert.deepEqual(systemdProperties(all, V1).controllers, ['memory', 'cpu', 'pids', 'io'])
  assert.deepEqual(systemdProperties({ devices: [NONE] }, V2).controllers, [])
})

test('L58: accounting is on for memory, CPU, tasks and disks, by the name of each version', () => {
  const names = (target: SystemdTarget) => accounting(target).map(({ name, value }) => `${name}=${String(value)}`)
  const both = ['MemoryAccounting=true', 'CPUAccounting=true', 'TasksAccounting=true']
  assert.deepEqual(names(V2), [...both, 'IOAccounting=true'])
  assert.deepEqual(names(V1), [...both, 'BlockIOAccounting=true'])
})
