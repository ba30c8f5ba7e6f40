import assert from 'node:assert/strict'
import { test } from 'node:test'
import { mergeUsage, parseReading } from './readings.ts'

test('parseReading() tells OOM kills from both versions', () => {
  assert.deepEqual(parseReading('memory.oom_control', 'oom_kill_disable 0\nunder_oom 0\noom_kill 3\n'), { oomKills: 3 })
  assert.deepEqual(parseReading('memory.events', 'low 0\nhigh 0\nmax 12\noom 2\noom_kill 1\noom_group_kill 1\n'), {
    oomKills: 1,
  })
})

test('parseReading() leaves out what an older kernel does not say', () => {
  assert.deepEqual(parseReading('memory.oom_control', 'oom_kill_disable 0\nunder_oom 0\n'), {})
  assert.deepEqual(parseReading('memory.peak', ''), {})
  assert.deepEqual(parseReading('pids.events', 'junk\nmax -1\nmax 1x\n'), {})
})

test('parseReading() gives microseconds whatever the file counts in', () => {
  assert.deepEqual(parseReading('cpuacct.usage', '1234567890\n'), { cpuUs: 1234568 })
  assert.deepEqual(parseReading('cpuacct.usage_user', '1500\n'), { cpuUserUs: 2 })
  assert.deepEqual(parseReading('cpu.stat', 'nr_periods 5\nnr_throttled 2\nthrottled_time 7000000\n'), {
    throttledPeriods: 2,
    throttledUs: 7000,
  })
  assert.deepEqual(
    parseReading('cpu.stat', 'usage_usec 30\nuser_usec 20\nsystem_usec 10\ncore_sched.force_idle_usec 0\n'),
    {
      ...{ cpuUs: 30, cpuUserUs: 20, cpuSystemUs: 10 },
    },
  )
})

test('mergeUsage() puts the files of one run together', () => {
  const parts = [parseReading('memory.max_usage_in_bytes', '4096\n'), parseReading('pids.events', 'max 9\n'), {}]
  assert.deepEqual(mergeUsage(parts), { memoryPeakBytes: 4096, forksRefused: 9 })
})
