import assert from 'node:assert/strict'
import { test } from 'node:test'
import type { TestRecord } from '../test-run.ts'
import type { FileEnded } from './job.ts'
import { describeStages, judgeFiles, judgeStagedSkips, judgeStages } from './judge-lanes.ts'

const record = (name: string, outcome: TestRecord['outcome'], where: string) => ({
  ...{ name, outcome, where, file: 'test/x.test.ts' },
  reason: outcome === 'skipped' ? 'needs v1' : '',
})

const ended = (code: number | string, records: readonly TestRecord[]): FileEnded => ({
  ...{ kind: 'file', stage: 'v2', file: 'test/x.test.ts', seconds: 1, effects: [], output: '' },
  ...{ code, records },
})

test('judgeStagedSkips() accepts a skip of a test that ran elsewhere, on this host too, and no other', () => {
  const here: TestRecord = { name: 'b', outcome: 'passed', file: `${process.cwd()}/test/x.test.ts`, reason: '' }
  const records = [record('a', 'skipped', 'v2'), record('a', 'passed', 'v1'), record('b', 'skipped', 'v2'), here]
  assert.deepEqual(judgeStagedSkips(records), [])
  const lost = [...records, record('c', 'skipped', 'v2'), record('c', 'skipped', 'v1')]
  assert.deepEqual(judgeStagedSkips(lost), ['test/x.test.ts: c was skipped everywhere (v1: needs v1)'])
})

test('judgeStages() finds a stage that ran nothing', () => {
  const stages = ['v1', 'v2'].map((name) => ({ name, as: 'root', files: [] }) as const)
  const records = [record('a', 'passed', 'v1'), record('a', 'skipped', 'v2')]
  assert.deepEqual(judgeStages(stages, records), ['v2: no test ran'])
})

test('judgeFiles() finds an end that no failed test explains, and a file without tests', () => {
  assert.deepEqual(judgeFiles([ended(0, [record('a', 'passed', 'v2')]), ended(1, [record('a', 'failed', 'v2')])]), [])
  assert.deepEqual(judgeFiles([ended('SIGKILL', [record('a', 'passed', 'v2')]), ended(0, [])]), [
    'v2: test/x.test.ts ended with SIGKILL',
    'v2: test/x.test.ts holds no test',
  ])
})

test('describeStages() counts by place, and skips by reason', () => {
  const records = [record('a', 'passed', 'v1'), record('a', 'skipped', 'v2'), record('b', 'skipped', 'v2')]
  assert.deepEqual(describeStages(records), [
    'v1: 1 passed, 0 failed, 0 skipped',
    'v2: 0 passed, 0 failed, 2 skipped',
    '  2 skipped: needs v1',
  ])
})
