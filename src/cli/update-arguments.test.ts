import assert from 'node:assert/strict'
import { test } from 'node:test'
import { InvalidInputError } from '../base/errors.ts'
import { updateResources } from './update-arguments.ts'

const none = (): string => assert.fail('nothing is to be read')

test('updateResources() gives only what was asked for, in the words of OCI', () => {
  assert.deepEqual(updateResources({ memory: '512M' }, none), { memory: { limit: 2 ** 29 } })
  assert.deepEqual(
    updateResources({ memory: '1G', memorySwap: '2G', pids: '7', cpus: '0.5', cpuWeight: '50', cpuset: '0-1' }, none),
    {
      memory: { limit: 2 ** 30, swap: 2 ** 31 },
      pids: { limit: 7 },
      cpu: { quota: 50_000, period: 100_000, weight: 50, cpus: '0-1' },
    },
  )
  assert.deepEqual(updateResources({ memory: 'max', memorySwap: '-1', pids: 'unlimited', cpus: 'max' }, none), {
    memory: { limit: -1, swap: -1 },
    pids: { limit: -1 },
    cpu: { quota: -1 },
  })
})

test('updateResources() takes a file, and options over it', () => {
  const read = (path: string): string => JSON.stringify({ memory: { limit: 1, reservation: 5 }, unified: { path } })
  assert.deepEqual(updateResources({ resources: '-', memory: '2k' }, read), {
    memory: { limit: 2048, reservation: 5 },
    unified: { path: '-' },
  })
})

test('updateResources() names the option that it refuses', () => {
  const cases: readonly (readonly [Parameters<typeof updateResources>[0], string])[] = [
    [{}, 'resources'],
    [{ memory: 'much' }, 'memory'],
    [{ memorySwap: '-2' }, 'memory-swap'],
    [{ pids: '1.5' }, 'pids'],
    [{ cpus: '0' }, 'cpus'],
    [{ cpuWeight: 'x' }, 'cpu-weight'],
    [{ resources: 'a' }, 'resources'],
  ]
  for (const [given, field] of cases) {
    const named = (error: unknown) => error instanceof InvalidInputError && error.field === field
    assert.throws(() => updateResources(given, () => '[]'), named, JSON.stringify(given))
  }
  assert.throws(() => updateResources({ resources: '/x' }, () => '{'), /resources cannot be read from \/x: /)
  assert.throws(
    () =>
      updateResources({ resources: '-' }, () => {
        throw new Error('ENOENT')
      }),
    /from stdin: ENOENT/,
  )
})
