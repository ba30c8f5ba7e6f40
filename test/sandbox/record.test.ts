import assert from 'node:assert/strict'
import { spawn, spawnSync } from 'node:child_process'
import { once } from 'node:events'
import { existsSync, readFileSync, rmSync, statSync } from 'node:fs'
import { dirname, join } from 'node:path'
import { after, test } from 'node:test'
import { ownOwner } from '../../src/cgroup/owner.ts'
import { listRecords, type StoredRecord } from '../../src/container/records.ts'
import { Sandbox } from '../../src/sandbox/index.ts'
import { eventually } from '../support/eventually.ts'
import { openFolder } from './build.ts'
import { descendants } from './leaks.ts'

// Each file of this folder runs in a process of its own, so the directory is this file's alone.

const directory = openFolder('records')
process.env['CARREL_RUNTIME_DIR'] = directory
after(() => rmSync(directory, { recursive: true, force: true }))

/** The record of a sandbox with its pid, which follows a little later. */
const recordOf = ({ id }: Sandbox): Promise<StoredRecord> =>
  eventually(
    () => listRecords().records.find(({ record, pid }) => record.id === id && pid !== undefined),
    () => `no whole record of ${id}`,
  )

test('a live sandbox has a record: its owner, its groups and its first process as the kernel sees them', async () => {
  const box = await Sandbox.create({ name: 'reading-room', pids: 20, memory: '64M' })
  const { file, record, pid } = await recordOf(box)
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
    assert.equal((await recordOf(box)).pid, box.pid)
    await new Promise((resolve) => setTimeout(resolve, 100))
  }
  assert.deepEqual(listRecords().records, [])
})

test('a sandbox whose directory of records was removed is made all the same, and leaves nothing', async () => {
  const boxes = [await Sandbox.create({}), await Sandbox.create({})]
  const records = await Promise.all(boxes.map(recordOf))
  const groups = records.flatMap(({ record }) => record.places.map((place) => place.directory))
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

test('X03: what a Node that was killed with its agent left is removed by the next that makes a sandbox', async () => {
  const child = spawn(process.execPath, ['--import', 'tsx', join(import.meta.dirname, 'live-box.ts')], {
    stdio: ['ignore', 'pipe', 'inherit'],
  })
  const [line] = (await once(child.stdout, 'data')) as [Buffer]
  const { file, record } = listRecords().records.find(({ record: { id } }) => id === line.toString().trim()) ?? {}
  const root = descendants(child.pid ?? 0).find(
    (pid) => parentOf(pid) === child.pid && nameOf(pid).startsWith('carrel'),
  )
  // The agent first: it would tidy up.
  process.kill(root ?? assert.fail('no root agent'), 'SIGKILL')
  child.kill('SIGKILL')
  await once(child, 'exit')
  const groups = record?.places.map((place) => place.directory) ?? []
  assert(groups.length > 0 && groups.every((group) => existsSync(group)), 'nothing was left')
  const paths = [...groups, file ?? '']
  const next = spawnSync(process.execPath, ['--import', 'tsx', '-e', NEXT, ...paths], { encoding: 'utf8' })
  assert.equal(next.status, 0, next.stderr)
  assert.deepEqual(
    paths.filter((path) => existsSync(path)),
    [],
  )
})

/** Makes a sandbox and stays until the paths that it is given are gone, as a program that uses it would, but not for ever. */
const NEXT = `
  const { existsSync } = await import('node:fs')
  const { Sandbox } = await import(${JSON.stringify(join(import.meta.dirname, '../../src/sandbox/index.ts'))})
  const box = await Sandbox.create({})
  for (let i = 0; i < 400 && process.argv.slice(1).some((path) => existsSync(path)); i++)
    await new Promise((resolve) => setTimeout(resolve, 50))
  await box.close()
`

const nameOf = (pid: number): string => readFileSync(`/proc/${pid}/comm`, 'utf8')
const parentOf = (pid: number): number =>
  Number(/^PPid:\t(\d+)$/m.exec(readFileSync(`/proc/${pid}/status`, 'utf8'))?.[1])
