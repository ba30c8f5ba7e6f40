import assert from 'node:assert/strict'
import { test } from 'node:test'
import { UnsupportedError } from '../../base/errors.ts'
import type { Resources } from '../../features/cgroups/resources.ts'
import { systemdProperties } from '../../features/cgroups/systemd/systemd-properties.ts'
import { machineSource } from '../../host/source.ts'
import { readBack } from './read-back.ts'

const PLACES = [{ directory: '/g', version: 2, controllers: [] }] as const

/** Asks whether files hold what was asked for. */
function check(resources: Resources, files: Readonly<Record<string, string>>): Promise<void> {
  const source = { ...machineSource, text: (path: string) => files[path.replace('/g/', '')] }
  const { properties } = systemdProperties(resources, { version: 2, systemd: 252 })
  return readBack(source, 'x.scope', properties, PLACES)
}

const DISK = { major: 8, minor: 0 }

const HELD: readonly (readonly [Resources, Readonly<Record<string, string>>])[] = [
  [{ pids: { limit: 5 } }, { 'pids.max': '5\n' }],
  [{ pids: { limit: -1 } }, { 'pids.max': 'max\n' }],
  [{ memory: { limit: 10_000 } }, { 'memory.max': '8192\n' }],
  [{ cpu: { quota: 50_000, weight: 7 } }, { 'cpu.max': '50000 100000\n', 'cpu.weight': '7\n' }],
  [{ cpu: { cpus: '0' } }, { 'cpuset.cpus': '0\n' }],
  [{ blockIO: { weight: 100 } }, { 'io.bfq.weight': 'default 100\n' }],
  [
    { blockIO: { throttleReadBpsDevice: [{ ...DISK, rate: 9 }] } },
    { 'io.max': '8:0 rbps=9 wbps=max riops=max wiops=max\n' },
  ],
  [{ devices: [{ allow: false }] }, {}],
]

const OTHERWISE: readonly (readonly [Resources, Readonly<Record<string, string>>, string])[] = [
  [{ pids: { limit: 5 } }, { 'pids.max': '55\n' }, 'TasksMax'],
  [{ pids: { limit: 5 } }, { 'pids.max': 'max\n' }, 'TasksMax'],
  [{ memory: { limit: 10_000 } }, { 'memory.max': '12288\n' }, 'MemoryMax'],
  [{ memory: { limit: 1_000_000, swap: 1_000_000 } }, { 'memory.max': '1000000\n' }, 'MemorySwapMax'],
  [{ cpu: { quota: 50_000 } }, { 'cpu.max': 'max 100000\n' }, 'CPUQuotaPerSecUSec'],
  [{ cpu: { cpus: '0' } }, { 'cpuset.cpus': '\n' }, 'AllowedCPUs'],
  [{ blockIO: { weight: 100 } }, {}, 'IOWeight'],
  [{ blockIO: { throttleReadBpsDevice: [{ ...DISK, rate: 9 }] } }, { 'io.max': '8:01 rbps=9\n' }, 'IOReadBandwidthMax'],
]

test('L58: readBack() is content with files that hold what systemd was told', async () => {
  for (const [resources, files] of HELD) await check(resources, files)
})

test('L58: readBack() refuses what is not in its file, by name', async () => {
  const checks = OTHERWISE.map(([resources, files, name]) =>
    assert.rejects(
      check(resources, files),
      (error) =>
        error instanceof UnsupportedError &&
        error.fact === 'systemd.enforced' &&
        error.message.includes(`has ${name} of`),
    ),
  )
  await Promise.all(checks)
})

test('L58: readBack() waits for a write that comes late', async () => {
  const files: Record<string, string> = { 'pids.max': 'max\n' }
  setTimeout(() => (files['pids.max'] = '5\n'), 50)
  await check({ pids: { limit: 5 } }, files)
})
