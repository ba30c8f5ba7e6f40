import assert from 'node:assert/strict'
import { join } from 'node:path'
import { test } from 'node:test'
import { ROOT } from './project-files.ts'
import { runAgain } from './second-run.ts'
import type { TestRecord } from './test-run.ts'

const record = (file: string, name: string, outcome: TestRecord['outcome'], where?: string): TestRecord => ({
  ...{ file: join(ROOT, file), name, outcome, reason: outcome === 'failed' ? 'late' : '' },
  ...(where === undefined ? {} : { where }),
})
const answer = (records: readonly TestRecord[]) => (files: readonly string[]) => {
  asked.push([...files])
  return Promise.resolve({ records, problems: [], output: '' })
}
const asked: string[][] = []

test('a file whose test failed runs again, and what passes only then is said', async () => {
  const first = [record('test/a.test.ts', 'one', 'failed'), record('test/b.test.ts', 'two', 'passed')]
  const { records, lines } = await runAgain(first, answer([record('test/a.test.ts', 'one', 'passed')]))
  assert.deepEqual(asked.splice(0), [['test/a.test.ts']])
  assert.deepEqual(
    records.map(({ name, outcome }) => [name, outcome]),
    [
      ['two', 'passed'],
      ['one', 'passed'],
    ],
  )
  assert.deepEqual(lines, ['passed only alone: one (test/a.test.ts): late'])
})

test('what fails alone too runs once more, without the files that passed, and each failure is said', async () => {
  const [a, b] = ['test/a.test.ts', 'test/b.test.ts'] as const
  const first = [record(a, 'one', 'failed'), record(b, 'two', 'failed')]
  const answers = [
    [record(a, 'one', 'passed'), record(b, 'two', 'passed'), record(b, 'other', 'failed')],
    [record(b, 'two', 'passed'), record(b, 'other', 'passed')],
  ]
  const { records, lines } = await runAgain(first, (files) => answer(answers.shift() ?? [])(files))
  assert.deepEqual(asked.splice(0), [[a, b], [b]])
  assert.deepEqual(
    records.map(({ name, outcome }) => [name, outcome]),
    [
      ['one', 'passed'],
      ['two', 'passed'],
      ['other', 'passed'],
    ],
  )
  assert.deepEqual(lines, [
    `passed only alone: one (${a}): late`,
    `passed only alone: two (${b}): late`,
    `failed alone too, passed then: other (${b}): late`,
  ])
})

test('what fails three times has failed, and a file that then holds no test too', async () => {
  const first = [record('test/a.test.ts', 'one', 'failed')]
  for (const again of [[record('test/a.test.ts', 'one', 'failed')], []]) {
    assert.deepEqual(await runAgain(first, answer(again)), { records: first, lines: [] })
  }
  assert.equal(asked.splice(0).length, 4)
})

test('what fails after long is not run a third time: CI would end the whole run', async () => {
  const first = [record('test/a.test.ts', 'one', 'failed')]
  let time = 0
  const found = await runAgain(first, answer(first), () => (time += 100_000))
  assert.deepEqual(found, { records: first, lines: [] })
  assert.equal(asked.splice(0).length, 1)
})

test('failures of units, examples and machines, and of many files, stay what they are', async () => {
  const many = ['a', 'b', 'c', 'd', 'e', 'f', 'g'].map((name) => record(`test/${name}.test.ts`, name, 'failed'))
  const others = [
    record('src/a.test.ts', 'unit', 'failed'),
    record('examples/1.ts', 'example', 'failed'),
    record('test/vm/a.test.ts', 'machine', 'failed', 'v2'),
  ]
  for (const first of [many, others]) {
    assert.deepEqual(await runAgain(first, answer([])), { records: first, lines: [] })
  }
  assert.deepEqual(asked, [])
})
