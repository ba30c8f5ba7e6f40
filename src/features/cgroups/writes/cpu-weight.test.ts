import assert from 'node:assert/strict'
import { test } from 'node:test'
import { parseCpuList } from '../cpu-list.ts'
import { quotaOf, sharesOf, weightOf } from './cpu-weight.ts'
import { ioWeightOf } from './io-writes.ts'

test('weightOf() goes through the least, the usual and the most of both versions, and never falls', () => {
  assert.deepEqual([2, 1024, 262_144].map(weightOf), [1, 100, 10_000])
  assert.deepEqual([3, 10, 128, 512, 2048, 10_240].map(weightOf), [2, 4, 21, 59, 174, 639])
  for (let shares = 2; shares < 262_144; shares += 97) assert(weightOf(shares + 97) >= weightOf(shares))
})

test('sharesOf() keeps ratios and stays in the range of the kernel', () => {
  assert.deepEqual([1, 100, 200, 10_000].map(sharesOf), [10, 1024, 2048, 102_400])
})

test('ioWeightOf() stretches 10 to 1000 over 1 to 10000', () => {
  assert.deepEqual([10, 100, 500, 1000].map(ioWeightOf), [1, 910, 4950, 10_000])
})

test('quotaOf() keeps the ratio and the limits of the kernel', () => {
  for (let cpus = 0.001; cpus < 200; cpus *= 1.37) {
    const { quota, period } = quotaOf(cpus)
    assert(Number.isInteger(quota) && quota >= 1000 && period >= 1000 && period <= 1_000_000)
    assert(Math.abs(quota / period / cpus - 1) < 0.001 || quota === 1000)
  }
})

test('parseCpuList() reads lists and refuses what is none', () => {
  assert.deepEqual([...(parseCpuList('0-2,8') ?? [])], [0, 1, 2, 8])
  for (const text of ['', ',', '1,', '-1', '1-', 'a', '0-99999', '0-3:1/2']) assert.equal(parseCpuList(text), undefined)
})
