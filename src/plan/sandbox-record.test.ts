import assert from 'node:assert/strict'
import { test } from 'node:test'
import { InvalidInputError } from '../base/errors.ts'
import { parseRecord, RECORD_BYTES, recordLine, type SandboxRecord } from './sandbox-record.ts'

const GROUP = 'carrel-carrel-12-abc.12-345-1ulajuk'

const RECORD: SandboxRecord = {
  version: 1,
  id: 'carrel-12-abc',
  name: 'web',
  owner: { pid: 12, start: 345, pidns: 4_026_531_836 },
  created: '2026-11-22T10:11:12.345Z',
  places: [
    { directory: `/sys/fs/cgroup/memory/shop/${GROUP}`, version: 1, controllers: ['memory'] },
    { directory: `/sys/fs/cgroup/unified/${GROUP}`, version: 2, controllers: [] },
  ],
  shared: ['/sys/fs/cgroup/memory/shop'],
  resources: { memory: { limit: 1024 }, pids: { limit: 5 } },
  init: ['sh', '-c', 'x\ny'],
  net: 'none',
  user: { uid: 1000, gid: 1000 },
  rootfs: null,
}

const changed = (change: Readonly<Record<string, unknown>>): string =>
  recordLine({ ...RECORD, ...change } as unknown as SandboxRecord)

test('parseRecord() gives back what recordLine() wrote, with and without the pid that follows', () => {
  assert.deepEqual(parseRecord(recordLine(RECORD)), { record: RECORD })
  assert.deepEqual(parseRecord(`${recordLine(RECORD)}4194303\n`), { record: RECORD, pid: 4_194_303 })
  assert.deepEqual(parseRecord(`${recordLine(RECORD)}7\n`), { record: RECORD, pid: 7 })
  const { name, shared, init, ...least } = RECORD
  assert.deepEqual([name, shared?.length, init?.length], ['web', 1, 3])
  assert.deepEqual(parseRecord(recordLine(least)).record, least)
})

test('parseRecord() drops what it does not know, also __proto__', () => {
  const text = recordLine(RECORD).replace('{', '{"__proto__":{"name":"x"},"more":1,')
  assert.deepEqual(parseRecord(text).record, RECORD)
})

test('parseRecord() refuses every part of a record that is being written, and names it', () => {
  const whole = recordLine(RECORD)
  for (let length = 0; length < whole.length; length++) {
    assert.throws(() => parseRecord(whole.slice(0, length)), { name: 'InvalidInputError', field: 'record' })
  }
})

test('parseRecord() names the key whose value it refuses', () => {
  const cases: readonly (readonly [string, Readonly<Record<string, unknown>>])[] = [
    ['version', { version: 2 }],
    ['id', { id: '../x' }],
    ['id', { id: '' }],
    ['id', { id: 'a/b' }],
    ['id', { id: 'a\n' }],
    ['id', { id: 'x'.repeat(129) }],
    ['name', { name: 'a\u001b[2J' }],
    ['name', { name: 5 }],
    ['owner', { owner: null }],
    ['owner.pid', { owner: { ...RECORD.owner, pid: 0 } }],
    ['owner.pid', { owner: { ...RECORD.owner, pid: 1.5 } }],
    ['owner.start', { owner: { ...RECORD.owner, start: -1 } }],
    ['owner.pidns', { owner: { pid: 1, start: 1 } }],
    ['created', { created: 'yesterday' }],
    ['created', { created: '2026-99-22T10:11:12Z' }],
    ['places', { places: 'all' }],
    ['places', { places: Array.from({ length: 65 }, () => RECORD.places[0]) }],
    ['places[0].directory', { places: [{ directory: 'sys', version: 1, controllers: [] }] }],
    ['places[0].directory', { places: [{ directory: '/sys/../etc', version: 1, controllers: [] }] }],
    ['places[0].directory', { places: [{ directory: '/sys//etc', version: 1, controllers: [] }] }],
    ['places[0].directory', { places: [{ directory: '/sys/\u0000', version: 1, controllers: [] }] }],
    ['places[0].version', { places: [{ directory: '/a', version: 3, controllers: [] }] }],
    ['places[0].controllers', { places: [{ directory: '/a', version: 1, controllers: ['toString'] }] }],
    // A record that names a group of somebody else's would have it frozen, killed and removed.
    ['places[0].directory', { places: [{ directory: '/sys/fs/cgroup/memory', version: 1, controllers: [] }] }],
    ['places[0].directory', { places: [{ directory: `/a/${GROUP}/b`, version: 1, controllers: [] }] }],
    [
      'places[0].directory',
      { places: [{ directory: `/a/${GROUP.replace('345', '346')}`, version: 1, controllers: [] }] },
    ],
    ['places[1].directory', { places: [RECORD.places[0], { directory: `/a/x${GROUP}`, version: 1, controllers: [] }] }],
    ['places[0].directory', { id: 'other' }],
    ['places[0].directory', { owner: { ...RECORD.owner, pid: 13 } }],
    ['shared[0]', { shared: ['/a/..'] }],
    ['shared[0]', { shared: ['/sys/fs/cgroup/memory/other'] }],
    ['shared[0]', { shared: ['/sys/fs/cgroup/memory/sho'] }],
    ['resources', { resources: [] }],
    ['init', { init: [1] }],
    ['net', { net: 'all' }],
    ['user.uid', { user: { uid: 2 ** 32, gid: 0 } }],
    ['user.gid', { user: { uid: 0 } }],
    ['rootfs', { rootfs: 'x' }],
  ]
  for (const [field, change] of cases) {
    const named = (error: unknown) => error instanceof InvalidInputError && error.field === field
    assert.throws(() => parseRecord(changed(change)), named, `${field} ${JSON.stringify(change)}`)
  }
  const whole = recordLine(RECORD)
  for (const pid of ['0\n', '-1\n', 'x\n', '12345678\n', '1 2\n', ' 5\n', '\n', '5', '5\n6\n']) {
    assert.throws(() => parseRecord(whole + pid), { field: 'pid' }, JSON.stringify(pid))
  }
  for (const text of ['', '\n', 'null\n', '[]\n', '{"a"\n', 'x'.repeat(RECORD_BYTES + 1)]) {
    assert.throws(() => parseRecord(text), { field: 'record' }, text.slice(0, 10))
  }
})
