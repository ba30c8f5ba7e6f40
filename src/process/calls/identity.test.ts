import assert from 'node:assert/strict'
import { test } from 'node:test'
import { identityOf, startIn } from './identity.ts'

const stat = (name: string, state: string): string =>
  `12 (${name}) ${state} ${Array.from({ length: 49 }, (_, index) => index + 4).join(' ')}\n`

test('startIn() reads field 22, however the process is named', () => {
  for (const name of ['sh', 'a b', ') S 1 2 3', '']) assert.equal(startIn(stat(name, 'S')), 22)
})

test('startIn() has no start for a process that has ended and was not waited for', () => {
  for (const state of ['Z', 'X', 'x']) assert.equal(startIn(stat('sh', state)), undefined)
})

test('identityOf() is the same at every look, and refuses what is no pid', () => {
  const identity = identityOf(process.pid)
  assert.deepEqual(identityOf(process.pid), identity)
  assert.equal(identity.pid, process.pid)
  assert.match(identity.bootId, /^[0-9a-f-]{36}$/)
  for (const pid of [0, -1, 1.5]) assert.throws(() => identityOf(pid), { name: 'InvalidInputError', field: 'pid' })
  assert.throws(() => identityOf(2 ** 30), { name: 'StateError', state: 'ended' })
})
