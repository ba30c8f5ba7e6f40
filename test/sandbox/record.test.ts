import assert from 'node:assert/strict'
import { existsSync, readFileSync, rmSync, statSync } from 'node:fs'
import { dirname } from 'node:path'
import { after, test } from 'node:test'
import { ownOwner } from '../../src/cgroup/owner.ts'
import { listRecords, type StoredRecord } from '../../src/container/records.ts'
import { Sandbox } from '../../src/sandbox/index.ts'
import { openFolder } from './build.ts'

// Each file of this folder runs in a process of its own, so the directory is this file's alone.

const directory = openFolder('records')
process.env['CARREL_RUNTIME_DIR'] = directory
after(() => rmSync(directory, { recursive: true, force: true }))

const recordOf = ({ id }: Sandbox): StoredRecord =>
  listRecords().records.find(({ record }) => record.id === id) ?? assert.fail(`no record of ${id}`)

test('a live sandbox has a record: its owner, its groups and its first process as the kernel sees them', async () => {
  const box = await Sandbox.create({ name: 'reading-room', pids: 20, memory: '64M' })
  const { file, record, pid } = recordOf(box)
  assert.equal(record.name, 'reading-room')
  assert.deepEqual(record.owner, ownOwner())
  assert.equal(pid, box.pid)
  assert.equal(statSync(file).mode & 0o777, 0o600)
  assert(record.places.length > 0)
  for (const { directory: group } of record.places) {
    assert.match(readFileSync(`${group}/cgroup.procs`, 'utf8'), new RegExp(`^${box.pid}$`, 'm'), group)
  }
  await box.close()
  assert.equal(existsSync(file), false)
  for (const { directory: group } of record.places) assert.equal(existsSync(group), false, group)
})

test('a sandbox that is born in a cradle has its record too, with the pid that the host knows it by', async () => {
  for (let i = 0; i < 4; i++) {
    await using box = await Sandbox.create({})
    assert.equal(recordOf(box).pid, box.pid)
    await new Promise((resolve) => setTimeout(resolve, 100))
  }
  assert.deepEqual(listRecords().records, [])
})

test('a sandbox whose directory of records was removed is made all the same, and leaves nothing', async () => {
  const boxes = [await Sandbox.create({}), await Sandbox.create({})]
  const groups = boxes.flatMap((box) => recordOf(box).record.places.map((place) => place.directory))
  rmSync(directory, { recursive: true })
  const another = await Sandbox.create({})
  assert.equal((await another.run('echo', ['works'])).stdout, 'works\n')
  for (const box of [...boxes, another]) await box.close()
  assert.deepEqual(
    groups.filter((group) => existsSync(group)),
    [],
  )
  assert.equal(existsSync(dirname(directory)), true)
})
