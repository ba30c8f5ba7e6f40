import assert from 'node:assert/strict'
import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { readFileSync, statSync } from 'node:fs'
import { test } from 'node:test'
import { parseGroupName } from '../features/cgroups/owner.ts'
import { lifeOf, ownerSuffix, ownOwner } from './owner.ts'

test('X03: a name with ownerSuffix() leads back to this process, which lives', () => {
  const parsed = parseGroupName(`carrel-x.${ownerSuffix()}`)
  assert.deepEqual(parsed, { id: 'x', owner: ownOwner() })
  assert.equal(parsed.owner.pid, process.pid)
  assert.equal(parsed.owner.pidns, statSync('/proc/self/ns/pid').ino)
  assert.equal(lifeOf(parsed.owner), 'alive')
})

test('X03: lifeOf() tells a process from a later one with its pid', () => {
  const owner = ownOwner()
  assert.equal(lifeOf({ ...owner, start: owner.start - 2 }), 'dead')
  assert.equal(lifeOf({ ...owner, start: owner.start + 2 }), 'dead')
})

test('X03: lifeOf() knows nothing about processes of other pid namespaces', () => {
  const owner = ownOwner()
  assert.equal(lifeOf({ ...owner, pidns: owner.pidns - 1 }), 'unknown')
})

test('X03: an owner is dead once it has ended', async () => {
  const child = spawn('sleep', ['60'])
  const owner = { ...ownOwner(), pid: child.pid ?? 0, start: startOf(child.pid ?? 0) }
  assert.equal(lifeOf(owner), 'alive')
  child.kill('SIGKILL')
  await once(child, 'exit')
  assert.equal(lifeOf(owner), 'dead')
})

/** Field 22, of a process whose name holds no parenthesis. */
const startOf = (pid: number): number =>
  Number(readFileSync(`/proc/${pid}/stat`, 'utf8').split(') ')[1]?.split(' ')[19])
