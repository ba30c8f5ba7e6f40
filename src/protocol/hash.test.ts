import assert from 'node:assert/strict'
import { test } from 'node:test'
import { fnv1a64, protocolHash } from './hash.ts'

test('fnv1a64() agrees with the published vectors', () => {
  assert.equal(fnv1a64(''), 0xcbf29ce484222325n)
  assert.equal(fnv1a64('a'), 0xaf63dc4c8601ec8cn)
  assert.equal(fnv1a64('foobar'), 0x85944171f73967e8n)
})

test('protocolHash() is a 64-bit number and always the same', () => {
  assert.equal(protocolHash(), protocolHash())
  assert.equal(BigInt.asUintN(64, protocolHash()), protocolHash())
})
