import assert from 'node:assert/strict'
import { spawnSync } from 'node:child_process'
import { mkdirSync, mkdtempSync, rmSync, symlinkSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { basename, join } from 'node:path'
import { after, test } from 'node:test'
import { InvalidInputError } from '../base/errors.ts'
import { recordLine, type SandboxRecord } from '../plan/sandbox-record.ts'
import { findRecord, listRecords } from './records.ts'

const folder = mkdtempSync(join(tmpdir(), 'carrel-records-'))
after(() => rmSync(folder, { recursive: true }))

const recordOf = (id: string, more: Partial<SandboxRecord> = {}): SandboxRecord => ({
  version: 1,
  id,
  owner: { pid: 1, start: 1, pidns: 4_026_531_836 },
  created: '2026-11-22T10:11:12.345Z',
  places: [],
  resources: {},
  net: 'none',
  user: { uid: 1000, gid: 1000 },
  rootfs: null,
  ...more,
})

test('listRecords() lists the oldest first, and gives what cannot be understood a reason', () => {
  const write = (name: string, text: string): void => writeFileSync(join(folder, name), text)
  write('b.json', `${recordLine(recordOf('b'))}17\n`)
  write('a.json', recordLine(recordOf('a')))
  write('old.json', `${recordLine(recordOf('old', { created: '2020-01-01T00:00:00Z' }))}18\n`)
  write('half.json', recordLine(recordOf('half')).slice(0, 50))
  write('empty.json', '')
  write('stolen.json', recordLine(recordOf('a')))
  write('note.txt', 'hello\n')
  write('long.json', 'x'.repeat(70_000))
  mkdirSync(join(folder, 'folder.json'))
  symlinkSync('a.json', join(folder, 'link.json'))
  assert.equal(spawnSync('mkfifo', [join(folder, 'pipe.json')]).status, 0)
  const { records, unreadable } = listRecords(folder)
  assert.deepEqual(
    records.map(({ record, pid, file }) => [record.id, pid, file]),
    [
      ['old', 18, join(folder, 'old.json')],
      ['a', undefined, join(folder, 'a.json')],
      ['b', 17, join(folder, 'b.json')],
    ],
  )
  const reasons = Object.fromEntries(unreadable.map(({ file, reason }) => [basename(file), reason]))
  assert.deepEqual(Object.keys(reasons).sort(), [
    'empty.json',
    'folder.json',
    'half.json',
    'link.json',
    'long.json',
    'note.txt',
    'pipe.json',
    'stolen.json',
  ])
  assert.match(reasons['half.json'] ?? '', /being written/)
  assert.match(reasons['link.json'] ?? '', /link/)
  assert.match(reasons['folder.json'] ?? '', /no file/)
  assert.match(reasons['pipe.json'] ?? '', /no file/)
  assert.match(reasons['stolen.json'] ?? '', /another sandbox/)
  assert.match(reasons['long.json'] ?? '', /longer/)
})

test('listRecords() of a directory that is not there is empty', () => {
  assert.deepEqual(listRecords(join(folder, 'missing')), { records: [], unreadable: [] })
})

test('findRecord() knows id, name, and the beginning of an id; says what is alike, and what is meant by several', () => {
  const records = [
    recordOf('carrel-10-aaa'),
    recordOf('carrel-10-abc', { name: 'web' }),
    recordOf('carrel-2', { name: 'carrel-10' }),
    recordOf('carrel-21', { name: 'db' }),
    recordOf('x', { name: 'db' }),
  ].map((record) => ({ record }))
  const found = (which: string): string => findRecord(which, records).record.id
  assert.equal(found('carrel-2'), 'carrel-2', 'an id is itself before it is the beginning of others')
  assert.equal(found('carrel-10-ab'), 'carrel-10-abc')
  assert.equal(found('web'), 'carrel-10-abc')
  assert.equal(found('carrel-10'), 'carrel-2', 'a name is meant before the beginning of an id')
  const message = (which: string): string => {
    try {
      return found(which)
    } catch (error) {
      assert.ok(error instanceof InvalidInputError)
      return error.message
    }
  }
  assert.equal(
    message('carrel-10-a'),
    'Sandbox "carrel-10-a" may be any of carrel-10-aaa, carrel-10-abc: give more of its id',
  )
  assert.equal(message('db'), 'Sandbox "db" may be any of carrel-21, x: give more of its id')
  assert.equal(message('wep'), 'There is no sandbox "wep": did you mean web?')
  assert.equal(
    message('nothing-like-it'),
    'There is no sandbox "nothing-like-it": carrel ps lists those that there are',
  )
  assert.match(message(''), /^There is no sandbox ""/)
})
