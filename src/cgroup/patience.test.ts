import assert from 'node:assert/strict'
import { test } from 'node:test'
import { Patience } from './patience.ts'

test('what is left of a patience without an end has none either', () => {
  assert.equal(new Patience(() => '', { timeoutMs: Infinity }).left().timeoutMs, Infinity)
  assert.equal(new Patience(() => '', { timeoutMs: 0 }).left().timeoutMs, 1)
})
