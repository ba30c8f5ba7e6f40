import assert from 'node:assert/strict'
import { test } from 'node:test'
import { InvalidInputError } from '../base/errors.ts'
import { integerOrMax, updateResources } from './update-arguments.ts'

const none = (): Uint8Array => assert.fail('nothing is to be read')

test('updateResources() gives only what was asked for, in the words of OCI', () => {
  assert.deepEqual(updateResources({ memory: '512M' }, none), { memory: { limit: 2 ** 29 } })
  assert.deepEqual(
    updateResources({ memory: '1G', memorySwap: '2G', pids: 7, cpus: '0.5', cpuWeight: 50, cpuset: '0-1' }, none),
    {
      memory: { limit: 2 ** 30, swap: 2 ** 31 },
      pids: { limit: 7 },
      cpu: { quota: 50_000, period: 100_000, weight: 50, cpus: '0-1' },
    },
  )
  assert.deepEqual(updateResources({ memory: 'max', memorySwap: '-1', pids: 'max', cpus: 'unlimited' }, none), {
    memory: { limit: -1, swap: -1 },
    pids: { limit: -1 },
    cpu: { quota: -1 },
  })
})

test('updateResources() takes a file, and options beside it that say something else', () => {
  const read = (path: string): Uint8Array =>
    new TextEncoder().encode(
      JSON.stringify({ memory: { limit: 8192, reservation: 4096 }, unified: { 'memory.high': path } }),
    )
  assert.deepEqual(updateResources({ resources: '-', pids: 3, memorySwap: '16k' }, read), {
    memory: { limit: 8192, swap: 16_384, reservation: 4096 },
    pids: { limit: 3 },
    unified: { 'memory.high': '-' },
  })
  assert.throws(
    () => updateResources({ resources: '-', memory: '2M' }, read),
    /memory and resources.memory.limit say the/,
  )
})

test('updateResources() leaves alone what is not named', () => {
  assert.deepEqual(updateResources({ memorySwap: '2G' }, none), { memory: { swap: 2 ** 31 } })
  assert.deepEqual(updateResources({ memorySwap: 'max' }, none), { memory: { swap: -1 } })
})

test('updateResources() names the option that it refuses', () => {
  const cases: readonly (readonly [Parameters<typeof updateResources>[0], string])[] = [
    [{}, 'resources'],
    [{ memory: 'much' }, 'memory'],
    [{ memory: '1' }, 'memory'],
    [{ memorySwap: '-2' }, 'memorySwap'],
    [{ memory: '2G', memorySwap: '1G' }, 'memorySwap'],
    [{ memory: 'max', memorySwap: '1G' }, 'memorySwap'],
    [{ pids: 0 }, 'pids'],
    [{ cpus: '0' }, 'cpus'],
    [{ cpuWeight: 0 }, 'cpu.weight'],
    [{ cpuset: 'x' }, 'cpu.cpus'],
    [{ resources: 'a' }, 'resources'],
  ]
  const list = (): Uint8Array => new TextEncoder().encode('[]')
  for (const [given, field] of cases) {
    const named = (error: unknown) => error instanceof InvalidInputError && error.field === field
    assert.throws(() => updateResources(given, list), named, JSON.stringify(given))
  }
  const broken = (): Uint8Array => new TextEncoder().encode('{')
  assert.throws(() => updateResources({ resources: '/x' }, broken), /resources cannot be read from \/x: /)
  const missing = (): never => {
    throw new Error('ENOENT')
  }
  assert.throws(() => updateResources({ resources: '-' }, missing), /from stdin: ENOENT/)
})

test('integerOrMax() is a whole number, or none', () => {
  assert.deepEqual(['7', 'max', '-1', 'unlimited'].map(integerOrMax), [7, 'max', 'max', 'max'])
  for (const text of ['1.5', '', '-5', 'x', '1e3']) assert.throws(() => integerOrMax(text), /whole number/)
})
