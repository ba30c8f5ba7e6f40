import assert from 'node:assert/strict'
import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { readFileSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { test } from 'node:test'
import { eventually } from '../support/eventually.ts'
import { isAlive } from '../support/proc.ts'
import { container, created, oci, ociOk, script, useOci } from '../support/oci.ts'
import { requires } from '../support/requires.ts'
import { freezerGroup, removeEmptyGroup, storedProcess } from './stored-process.ts'

useOci()

const SIGNALS: readonly (readonly [readonly string[], string])[] = [
  [[], 'SIGTERM'],
  [[''], 'SIGTERM'],
  [['9'], 'SIGKILL'],
  [['KILL'], 'SIGKILL'],
  [['SIGINT'], 'SIGINT'],
  [['usr1'], 'SIGUSR1'],
  [['sighup'], 'SIGHUP'],
  [['10'], 'SIGUSR1'],
]

for (const [words, signal] of SIGNALS) {
  test(`kill ID ${words.map((word) => word || '""').join(' ')} sends ${signal}`, async () => {
    const { id, ended } = storedProcess()
    ociOk(['kill', id, ...words])
    assert.equal(await ended, signal)
  })
}

test('kill sends realtime signals by number and by name', async () => {
  for (const word of ['36', 'RTMIN+2', 'SIGRTMAX-28']) {
    const { id, record } = storedProcess()
    // A stopped process takes no signal: it stays where it can be seen, as bit 35.
    process.kill(record.pid, 'SIGSTOP')
    await eventually(
      () => readFileSync(`/proc/${record.pid}/stat`, 'utf8').includes(') T '),
      () => 'it did not stop',
    )
    ociOk(['kill', id, word])
    assert.match(readFileSync(`/proc/${record.pid}/status`, 'utf8'), /^ShdPnd:\t0000000800000000$/m, word)
  }
})

test('kill refuses what is no signal', () => {
  const { id, record } = storedProcess()
  for (const word of ['65', 'NOPE', '-1x', 'RTMIN+40', '999']) {
    const { status, stderr } = oci(['kill', '--', id, word])
    assert.equal(status, 1, word)
    assert.match(stderr, /signal/i)
  }
  assert.match(oci(['kill', id, 'TERN']).stderr, /SIGTERM/)
  assert.ok(isAlive(record.pid))
})

test('kill of a container that has stopped says what containerd looks for', async () => {
  const { id, ended, record } = storedProcess()
  process.kill(record.pid, 'SIGKILL')
  await ended
  const { status, stderr } = oci(['kill', id, '9'])
  assert.equal(status, 1)
  assert.match(stderr, /container not running/)
  assert.match(oci(['kill', 'nobody', '9']).stderr, /does not exist/)
})

test('kill never signals another process that has the number now', async () => {
  const { id, record, ended } = storedProcess({ startTime: 1 })
  const { status, stderr } = oci(['kill', id, '9'])
  assert.equal(status, 1)
  assert.match(stderr, /container not running/)
  assert.ok(isAlive(record.pid))
  process.kill(record.pid, 'SIGTERM')
  assert.equal(await ended, 'SIGTERM')
})

test('kill waits for no lock: a hook may call it', async () => {
  const { id, store, ended } = storedProcess()
  store.load(id, { lock: true })
  try {
    ociOk(['kill', id, 'KILL'])
    assert.equal(await ended, 'SIGKILL')
  } finally {
    store.release(id)
  }
})

test('kill --all ends every process of the groups', requires({ root: true, hierarchies: ['freezer'] }), async () => {
  const other = spawn('sleep', ['1000'], { stdio: 'ignore' })
  const { id, ended, record, store } = storedProcess()
  const group = freezerGroup([record.pid, other.pid!])
  store.save({ ...record, groups: [group] })
  const otherEnded = once(other, 'exit')
  ociOk(['kill', '--all', id, '9'])
  assert.equal(await ended, 'SIGKILL')
  assert.equal((await otherEnded)[1], 'SIGKILL')
  // The first process is gone: engines call it again to be sure.
  ociOk(['kill', '--all', id, '9'])
  await removeEmptyGroup(group)
  ociOk(['kill', '--all', id, '9'])
})

test('kill ID 9 ends a paused process', requires({ root: true, hierarchies: ['freezer'] }), async () => {
  const { id, ended, record, store } = storedProcess()
  const group = freezerGroup([record.pid])
  store.save({ ...record, groups: [group] })
  writeFileSync(join(group.directory, 'freezer.state'), 'FROZEN')
  assert.equal(store.status(store.load(id)), 'paused')
  ociOk(['kill', id, '9'])
  assert.equal(await ended, 'SIGKILL')
  await removeEmptyGroup(group)
})

test('kill reaches a container that is created, and one that runs', async () => {
  const waiting = created()
  assert.equal(waiting.state().status, 'created')
  waiting.kill('KILL')
  await waiting.ended()
  assert.equal(waiting.state().status, 'stopped')
  const trapped = container({
    process: script("trap 'echo got it; exit 0' USR1; echo ready; while :; do sleep 0.1; done"),
  })
  await eventually(
    () => trapped.output.includes('ready'),
    () => trapped.errors,
  )
  trapped.kill('SIGUSR1')
  assert.match(await trapped.ended(), /got it/)
  assert.match(oci(['kill', trapped.id, '9']).stderr, /container not running/)
})
