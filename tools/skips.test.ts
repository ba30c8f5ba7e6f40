import assert from 'node:assert/strict'
import { test } from 'node:test'
import { judgeSkips, readSkipLimit } from './skips.ts'
import type { TestRecord } from './test-run.ts'

const record = (name: string, outcome: TestRecord['outcome'], reason = ''): TestRecord => {
  return { name, file: 'a.test.ts', outcome, reason }
}

test('judgeSkips() names every skipped test with its reason', () => {
  const report = judgeSkips([record('a', 'passed'), record('b', 'skipped', 'needs cgroup v2')], 1)
  assert.deepEqual(report.lines, ['skipped: b (needs cgroup v2)', '1 tests skipped, at most 1 may'])
  assert.deepEqual(report.problems, [])
})

test('judgeSkips() fails when more tests skip than agreed', () => {
  assert.equal(judgeSkips([record('b', 'skipped')], 0).problems.length, 1)
})

test('readSkipLimit() tells root from an ordinary user and refuses a missing number', () => {
  assert.equal(readSkipLimit('{ "root": 1, "user": 40 }', true), 1)
  assert.equal(readSkipLimit('{ "root": 1, "user": 40 }', false), 40)
  assert.throws(() => readSkipLimit('{}', true), /"root" must be the number/)
})
