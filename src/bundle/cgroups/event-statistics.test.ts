import assert from 'node:assert/strict'
import { test } from 'node:test'
import { eventStatistics } from './event-statistics.ts'

test('L59: eventStatistics() counts time in ns, memory and swap together, and has no number that Go cannot read', () => {
  const data = eventStatistics(
    {
      cpu: { usageUs: 7, userUs: 4, systemUs: 3, periods: 2, throttledPeriods: 1, throttledUs: 5 },
      memory: {
        currentBytes: 100,
        limitBytes: 4096,
        swapBytes: 11,
        swapLimitBytes: 1000,
        peakBytes: 200,
        fileBytes: 50,
        failures: 3,
      },
      pids: { current: 2, limit: null },
      io: { devices: [{ major: 8, minor: 0, readBytes: 512, writes: 3 }] },
      hugetlb: [{ pageSize: '2MB', currentBytes: 0, limitBytes: null }],
    },
    { cpus: [0, 1] },
  )
  assert.deepEqual(data.cpu, {
    usage: { total: 7000, kernel: 3000, user: 4000 },
    throttling: { periods: 2, throttledPeriods: 1, throttledTime: 5000 },
  })
  assert.deepEqual(data.memory.usage, { limit: 4096, usage: 100, max: 200, failcnt: 3 })
  assert.deepEqual(data.memory.swap, { limit: 5096, usage: 111, failcnt: 0 })
  assert.deepEqual(data.pids, { current: 2, limit: 0 })
  assert.deepEqual(data.blkio.ioServiceBytesRecursive, [
    { major: 8, minor: 0, op: 'Read', value: 512 },
    { major: 8, minor: 0, op: 'Write', value: 0 },
  ])
  assert.deepEqual(data.cpuset.cpus, [0, 1])
  assert.deepEqual(data.hugetlb['2MB'], { usage: 0, max: 0, failcnt: 0 })
})

test('eventStatistics() says no limit by a number below 2^64, also where nothing is known', () => {
  for (const memory of [{}, { limitBytes: null, swapLimitBytes: null }, { limitBytes: 4096, swapLimitBytes: null }]) {
    const { usage, swap, kernel } = eventStatistics({ memory }).memory
    for (const { limit } of [usage, swap, kernel]) assert.ok(limit > 0 && BigInt(limit) < 2n ** 64n)
  }
})
