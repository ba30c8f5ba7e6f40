import assert from 'node:assert/strict'
import { test } from 'node:test'
import { updateResources } from './update-resources.ts'

test('updateResources() reads sizes with units, numbers and lists, and lays them over a file', () => {
  const words = {
    memory: '64m',
    memorySwap: '-1',
    memoryReservation: '1.5KiB',
    cpuShare: '512',
    cpusetCpus: '0-1',
    pidsLimit: '7',
  }
  assert.deepEqual(updateResources(words, { memory: { limit: 1, kernel: 2 }, network: {} }), {
    memory: { limit: 64 * 2 ** 20, kernel: 2, swap: -1, reservation: 1536 },
    cpu: { shares: 512, cpus: '0-1' },
    pids: { limit: 7 },
    network: {},
  })
  assert.deepEqual(updateResources({}), {})
})

test('updateResources() names the option that cannot be read', () => {
  assert.throws(() => updateResources({ memory: 'much' }), { field: '--memory', message: /^--memory must be a size/ })
  assert.throws(() => updateResources({ cpuRtPeriod: '1.5' }), { field: '--cpu-rt-period' })
  assert.throws(() => updateResources({ memory: '9e99' }), { field: '--memory' })
})
