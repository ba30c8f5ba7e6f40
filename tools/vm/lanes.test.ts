import assert from 'node:assert/strict'
import { test } from 'node:test'
import { LANES, stagesOf } from './lanes.ts'
import { COLUMNS } from './limits-page.ts'

const FILES = [
  'test/cgroup/effects.test.ts',
  'test/vm/machine.test.ts',
  'test/vm/systemd-scope.test.ts',
  'test/cgroup/a.ts',
]

const filesOf = (
  name: string,
  words: readonly string[],
  byName: boolean,
): readonly (readonly [string, readonly string[]])[] =>
  LANES.filter((lane) => lane.name === name).flatMap((lane) =>
    stagesOf(lane, FILES, { words, byName }).map((stage) => [stage.name, stage.files] as const),
  )

test('stagesOf() keeps what needs systemd to the machine that has it', () => {
  assert.ok(filesOf('v2', [], false).every(([, files]) => !files.includes('test/vm/systemd-scope.test.ts')))
  assert.ok(filesOf('systemd', [], false).every(([, files]) => files.includes('test/vm/systemd-scope.test.ts')))
})

test('stagesOf() finds by words what runs there, and anything when the machine was named', () => {
  assert.deepEqual(filesOf('v1', ['machine'], false), [])
  assert.deepEqual(filesOf('v1', ['machine'], true), [['v1', ['test/vm/machine.test.ts']]])
})

test('Every column of the page of limits is a stage that measures them', () => {
  const stages = LANES.flatMap((lane) => stagesOf(lane, FILES, { words: ['effects'], byName: false }))
  assert.deepEqual(stages.map(({ name }) => name).sort(), COLUMNS.map(([stage]) => stage).sort())
})
