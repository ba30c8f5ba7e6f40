import assert from 'node:assert/strict'
import { test } from 'node:test'
import { formatGroupName, parseGroupName } from './owner.ts'

const OWNER = { pid: 4711, start: 1_234_567, pidns: 4_026_531_836 }

test('X03: parseGroupName() gives back what formatGroupName() was given', () => {
  for (const id of ['1', 'box', 'a.b', '0-9:_', 'x.1-2-3']) {
    assert.deepEqual(parseGroupName(formatGroupName(id, OWNER)), { id, owner: OWNER })
  }
})

test('formatGroupName() writes pid and start as /proc shows them', () => {
  assert.equal(formatGroupName('box', OWNER), 'carrel-box.4711-1234567-1ulajuk')
})

test("X03: parseGroupName() knows nothing about names of others, and of carrel's without an owner", () => {
  const names = [
    ...['', 'box', 'carrel', 'carrel-', 'carrel-1', 'carrel-4711-1', 'carrel-test-1-x', 'carrel-self'],
    ...['carrel-box.1-2', 'carrel-box.0-2-3', 'carrel-box.01-2-3', 'carrel-box.1-2-0', 'carrel-box.1-2-zzzzzzz'],
    ...['carrel-box.1-2-3 ', 'carrel-box.1-2-3/x', 'xcarrel-box.1-2-3', 'carrel-box.1-2-3\n', 'carrel-.1-2-3'],
  ]
  for (const name of names) assert.equal(parseGroupName(name), undefined, JSON.stringify(name))
})
