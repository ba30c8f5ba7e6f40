import assert from 'node:assert/strict'
import { test } from 'node:test'
import { creditLeft, creditOf } from './credit.ts'

const none = { stdout: null, stderr: null }

test('creditOf() takes 0, a whole number of bytes, or Infinity', () => {
  for (const bytes of [0, 1, 2 ** 40, Infinity]) assert.deepEqual(creditOf(bytes, none), [])
  for (const bytes of [-1, 0.5, NaN, '7' as unknown as number, null as unknown as number]) {
    assert.throws(() => creditOf(bytes, none), { name: 'InvalidInputError', field: 'credit' })
  }
  assert.throws(() => creditOf({ stderr: -1 }, none), { field: 'credit.stderr' })
})

test('creditOf(): a stream that is named must be a pipe; one that is not has no credit', () => {
  assert.throws(() => creditOf({ stdout: 5 }, none), { name: 'InvalidInputError', field: 'credit.stdout' })
  assert.deepEqual(creditLeft(none), {})
})
