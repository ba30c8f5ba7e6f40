import assert from 'node:assert/strict'
import { test } from 'node:test'
import { FINISHED, idsOf, ROW_RANGES } from './row-ids.ts'
import { rowProblems, rowTests } from './row-tests.ts'

test('every row of the finished prefixes has a test, and every title names rows that there are', () => {
  assert.deepEqual(rowProblems(rowTests()), [])
})

test('rowProblems() names a finished row without a test, a row that is none, and no row of an unfinished prefix', () => {
  const finished = ROW_RANGES.filter(({ prefix }) => FINISHED.includes(prefix)).flatMap((range) => idsOf(range))
  assert.equal(finished.length, 74 + 100 + 9 + 12 + 65 + 22 + 27 + 11 + 31 + 19 + 13 + 5)
  const tests = finished.map((row) => ({ title: `${row}: x`, file: 'x.test.ts', rows: [row] }))
  assert.deepEqual(rowProblems(tests), [])
  const [first, ...rest] = tests
  assert.deepEqual(rowProblems(rest), [`${first?.rows[0]}: no test has it in its title any more`])
  const none = { title: 'A99: x', file: 'x.test.ts', rows: ['A99'] }
  assert.deepEqual(rowProblems([...tests, none]), ['x.test.ts: no such row: A99: x'])
})
