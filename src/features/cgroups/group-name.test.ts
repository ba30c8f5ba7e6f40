import assert from 'node:assert/strict'
import { test } from 'node:test'
import { InvalidInputError } from '../../base/errors.ts'
import { checkGroupName } from './group-name.ts'

test('G03: checkGroupName() takes a name, or a segment for each level', () => {
  assert.deepEqual(checkGroupName('carrel-1.2_x:3'), ['carrel-1.2_x:3'])
  assert.deepEqual(checkGroupName(['alcove', 'guest1234']), ['alcove', 'guest1234'])
  assert.deepEqual(checkGroupName(['kubepods-burstable.slice', 'user@1000.service', 'x\\x2dy.scope', 'ä']).length, 4)
})

test('checkGroupName() refuses what leaves its directory or is a file of the kernel, naming the segment', () => {
  const bad = [
    ...['', '.', '..', 'a/b', '../x', 'a\n', 'a\u007f', 'a\0', 'x'.repeat(256), 'ä'.repeat(128)],
    ...['cgroup.procs', 'memory.max', 'tasks', 'notify_on_release', 'release_agent', 'cpu', 'blkio.weight'],
  ]
  for (const name of bad) {
    assert.throws(
      () => checkGroupName(name),
      (error) => error instanceof InvalidInputError && error.field === 'name',
      JSON.stringify(name),
    )
    assert.throws(
      () => checkGroupName(['fine', name]),
      (error) => error instanceof InvalidInputError && error.field === 'name[1]',
      JSON.stringify(name),
    )
  }
  assert.throws(() => checkGroupName([]), /name has no segments/)
})
