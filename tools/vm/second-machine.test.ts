import assert from 'node:assert/strict'
import { test } from 'node:test'
import type { FileEnded, Stage } from './job.ts'
import { inSecondMachine } from './second-machine.ts'

const STAGES: readonly Stage[] = [
  { name: 'one', as: 'root', files: ['a.test.ts', 'b.test.ts'] },
  { name: 'two', as: 'delegated user', files: ['a.test.ts'] },
]

const ended = (stage: string, file: string, outcome: 'passed' | 'failed'): FileEnded => ({
  kind: 'file',
  ...{ stage, file, seconds: 1, code: outcome === 'passed' ? 0 : 1, effects: [], output: '' },
  records: [{ name: `test of ${file}`, file, outcome, reason: outcome === 'failed' ? 'why' : '' }],
})

const FIRST = [
  ended('one', 'a.test.ts', 'passed'),
  ended('one', 'b.test.ts', 'failed'),
  ended('two', 'a.test.ts', 'passed'),
]

test('a file that has failed runs again alone, and its pass stands in the place of the failure, by name', async () => {
  const asked: Stage[] = []
  const run = await inSecondMachine({ files: FIRST, problems: [] }, STAGES, (stages) => {
    asked.push(...stages)
    return Promise.resolve({ files: [ended('one', 'b.test.ts', 'passed')], problems: [] })
  })
  assert.deepEqual(asked, [{ name: 'one', as: 'root', files: ['b.test.ts'] }])
  assert.ok(run.files.every(({ code }) => code === 0))
  assert.deepEqual(run.lines, ['passed only alone: one: test of b.test.ts: why (b.test.ts)'])
})

test('what fails again has failed, and what is wrong with the second machine is said', async () => {
  const second = { files: [ended('one', 'b.test.ts', 'failed')], problems: ['no end'] }
  const run = await inSecondMachine({ files: FIRST, problems: [] }, STAGES, () => Promise.resolve(second))
  assert.deepEqual(run, { files: FIRST, problems: ['no end'], lines: [] })
})

test('nothing runs again when nothing failed, too much did, or the machine itself', async () => {
  const never = (): Promise<never> => assert.fail('it runs again')
  const many = ['a', 'b', 'c', 'd'].map((name) => ended('one', name, 'failed'))
  for (const first of [
    { files: FIRST.slice(0, 1), problems: [] },
    { files: many, problems: [] },
    { files: FIRST, problems: ['it was turned off'] },
  ]) {
    assert.deepEqual(await inSecondMachine(first, STAGES, never), { ...first, lines: [] })
  }
})
