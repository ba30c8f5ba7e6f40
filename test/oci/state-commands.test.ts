import assert from 'node:assert/strict'
import { chmodSync, mkdirSync, rmSync } from 'node:fs'
import { join } from 'node:path'
import { test } from 'node:test'
import { requires } from '../support/requires.ts'
import { oci, ociOk, stateRoot, undoAfterTest, useOci } from '../support/oci.ts'
import { freezerGroup, removeEmptyGroup, storedProcess } from './stored-process.ts'

useOci()

test('state prints the state of the specification', async () => {
  const { id, record, ended } = storedProcess()
  const { ociVersion, pid, bundle, rootfs, created, annotations } = record
  const wanted = { ociVersion, id, status: 'running', pid, bundle, rootfs, created, owner: 'root', annotations }
  assert.deepEqual(JSON.parse(ociOk(['state', id]).stdout), wanted)
  process.kill(pid, 'SIGKILL')
  await ended
  assert.deepEqual(JSON.parse(ociOk(['state', id]).stdout), { ...wanted, status: 'stopped', pid: 0 })
})

test('state of what does not exist says so, as podman looks for it', () => {
  const { status, stderr, stdout } = oci(['state', 'nobody'])
  assert.equal(status, 1)
  assert.match(stderr, /"nobody\\?" does not exist/)
  assert.equal(stdout, '')
  assert.match(oci(['state', '../x']).stderr, /The id of a container must be/)
})

test('list prints containers as a table, as JSON, and as ids', async () => {
  assert.equal(ociOk(['list', '-q']).stdout, '')
  assert.deepEqual(JSON.parse(ociOk(['list', '--format', 'json']).stdout), [])
  const one = storedProcess({ id: 'b-one' })
  const two = storedProcess({ id: 'a-two', startTime: 1, owner: 1234567 })
  const states = JSON.parse(ociOk(['list', '-f', 'json']).stdout) as Record<string, unknown>[]
  assert.deepEqual(
    states.map(({ id, status, pid, owner }) => [id, status, pid, owner]),
    [
      ['a-two', 'stopped', 0, '1234567'],
      ['b-one', 'running', one.record.pid, 'root'],
    ],
  )
  assert.equal(ociOk(['list', '-q', '--format', 'json']).stdout, 'a-two\nb-one\n')
  const lines = ociOk(['list']).stdout.trimEnd().split('\n')
  assert.match(lines[0]!, /^ID +PID +STATUS +BUNDLE +CREATED +OWNER$/)
  assert.match(lines[2]!, new RegExp(`^b-one +${one.record.pid} +running +/bundle +2026-01-02T03:04:05.678Z +root$`))
  assert.equal(two.record.id, 'a-two')
})

test('list warns of what is no container, and lists the others', () => {
  const { id } = storedProcess()
  const broken = join(stateRoot(), 'broken')
  mkdirSync(broken, { mode: 0o700 })
  undoAfterTest(() => rmSync(broken, { recursive: true }))
  const { stdout, stderr } = ociOk(['list', '-q'])
  assert.equal(stdout, `${id}\n`)
  assert.match(stderr, /level=warning msg="broken: .*delete --force broken/)
})

test('a root that others may write to is refused by every command', requires({ root: true }), () => {
  const { id } = storedProcess()
  chmodSync(stateRoot(), 0o777)
  try {
    for (const words of [['state', id], ['kill', id], ['list'], ['ps', id]]) {
      const { status, stderr } = oci(words)
      assert.equal(status, 1, words.join(' '))
      assert.match(stderr, /can be written to by others/)
    }
  } finally {
    chmodSync(stateRoot(), 0o700)
  }
})

test(
  'ps prints the pids of the groups, and rows of ps(1)',
  requires({ root: true, hierarchies: ['freezer'] }),
  async () => {
    const { id, record, store, ended } = storedProcess()
    assert.match(oci(['ps', id]).stderr, /no control group/)
    const group = freezerGroup([record.pid])
    store.save({ ...record, groups: [group] })
    assert.deepEqual(JSON.parse(ociOk(['ps', '--format', 'json', id]).stdout), [record.pid])
    const rows = ociOk(['ps', id]).stdout.trimEnd().split('\n')
    assert.equal(rows.length, 2)
    assert.match(rows[0]!, /\bPID\b.*\bCMD\b/)
    assert.match(rows[1]!, /sleep 1000/)
    assert.match(ociOk(['ps', id, '-o', 'pid,comm']).stdout, new RegExp(`^ *PID COMMAND\\n *${record.pid} sleep\\n$`))
    assert.match(oci(['ps', id, '-o', 'comm']).stderr, /must let it print the column PID/)
    process.kill(record.pid, 'SIGKILL')
    await ended
    await removeEmptyGroup(group)
  },
)
