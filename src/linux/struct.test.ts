import assert from 'node:assert/strict'
import { test } from 'node:test'
import { InvalidInputError } from '../base/errors.ts'
import { valueOn } from './arch.ts'
import { array, bytesPointer, chars, nested, structsPointer, textPointer } from './memory-fields.ts'
import { PlainEncoder } from './plain-encoder.ts'
import { type Fd, Ref } from './ref.ts'
import { be16, count64, fd64, i32, u16, u32, u64, u8 } from './scalar-fields.ts'
import { struct } from './struct.ts'
import { EPOLL_EVENT } from './structs/events.ts'
import { STRUCTS } from './structs/index.ts'
import { STATMOUNT_STRUCT } from './structs/mounts.ts'
import { CLONE_ARGS, SOCK_FPROG } from './structs/process.ts'

const INNER = struct('inner', '', () => [
  ['a', u8],
  ['b', u16],
])
const OUTER = struct('outer', '', () => [
  ['first', u8],
  ['inner', nested(INNER)],
  ['number', u64],
  ['list', array(u32, 3)],
  ['name', chars(5)],
  ['port', be16],
  ['last', i32],
  ['count', count64],
])

test('layout() follows the rules of C', () => {
  assert.deepEqual(
    OUTER.layout().fields.map(({ name, at }) => [name, at]),
    [
      ['first', 0],
      ['inner', 2],
      ['number', 8],
      ['list', 16],
      ['name', 28],
      ['port', 34],
      ['last', 36],
      ['count', 40],
    ],
  )
  assert.equal(OUTER.size(), 48)
  assert.equal(EPOLL_EVENT.size('x64'), 12)
  assert.equal(EPOLL_EVENT.size('arm64'), 16)
  assert.equal(STATMOUNT_STRUCT.size(), 512)
})

test('pack() and decode() undo each other', () => {
  const value = {
    first: 255,
    inner: { a: 1, b: 65535 },
    number: 0xffff_ffff_ffff_ffffn,
    list: [1, 2, 4294967295],
    name: 'four',
    port: 8080,
    last: -5,
    count: 1e12,
  }
  const bytes = OUTER.pack(value)
  assert.deepEqual(OUTER.decode(bytes), value)
  assert.deepEqual([bytes[34], bytes[35]], [8080 >> 8, 8080 & 255])
})

test('pack() leaves what is not given zero', () => {
  assert.deepEqual(OUTER.pack({}), new Uint8Array(48))
})

test('pack() names an unknown field and the nearest known one', () => {
  assert.throws(
    () => OUTER.pack({ inner: { bb: 1 } }, 'x64', 'call.value'),
    (error) =>
      error instanceof InvalidInputError &&
      error.field === 'call.value.inner.bb' &&
      error.message === 'call.value.inner has no field "bb": did you mean b?',
  )
})

test('pack() refuses numbers that do not fit, text with NUL, and text that is too long', () => {
  for (const wrong of [
    { first: 256 },
    { first: -129 },
    { last: 2 ** 32 },
    { number: 1.5 },
    { last: 'x' },
    { list: [1, 2, 3, 4] },
    { name: 'a\0b' },
    { name: 'fives' },
  ]) {
    assert.throws(() => OUTER.pack(wrong), InvalidInputError, JSON.stringify(wrong))
  }
})

test('decode() leaves out fields beyond the end of the bytes', () => {
  assert.deepEqual(Object.keys(OUTER.decode(new Uint8Array(34))), ['first', 'inner', 'number', 'list', 'name'])
})

test('encode() places pointed-at data and asks for relocations', () => {
  const pointing = struct('pointing', '', () => [
    ['text', textPointer],
    ['bytes', bytesPointer],
    ['all', structsPointer(INNER)],
    ['fd', fd64],
  ])
  const encoder = new PlainEncoder()
  const fd = new Ref<Fd>({}, { kind: 'result', value: 4 }, 'r4')
  const at = pointing.encode({ text: 'hi', bytes: Uint8Array.of(7), all: [{ a: 1 }, { b: 2 }], fd }, encoder)
  assert.deepEqual(encoder.relocations, [
    { at, word: { kind: 'data', value: 0 }, width: 8 },
    { at: at + 8, word: { kind: 'data', value: 8 }, width: 8 },
    { at: at + 16, word: { kind: 'data', value: 16 }, width: 8 },
    { at: at + 24, word: { kind: 'result', value: 4 }, width: 8 },
  ])
  assert.deepEqual(
    [...encoder.data.subarray(0, 24)],
    [104, 105, 0, 0, 0, 0, 0, 0, 7, 0, 0, 0, 0, 0, 0, 0, 1, 0, 0, 0, 0, 0, 2, 0],
  )
  assert.throws(() => pointing.pack({ text: 'hi' }), /encode the struct as part of a program/)
})

test('encode() computes lengths from what they count', () => {
  const encoder = new PlainEncoder()
  const at = SOCK_FPROG.encode({ filter: [{ code: 6, k: 1 }, { code: 6 }] }, encoder)
  assert.equal(SOCK_FPROG.decode(encoder.data, at)['len'], 2)
  const raw = SOCK_FPROG.encode({ filter: new Uint8Array(24) }, encoder)
  assert.equal(SOCK_FPROG.decode(encoder.data, raw)['len'], 3)
})

test('print() shows the fields that were given, by name', () => {
  const fd = new Ref<Fd>({}, { kind: 'result', value: 4 }, 'r4')
  assert.equal(
    CLONE_ARGS.print({ flags: ['CLONE_NEWNS', 'CLONE_PIDFD'], exit_signal: 'SIGCHLD', cgroup: fd }),
    '{flags=CLONE_PIDFD|CLONE_NEWNS, exit_signal=SIGCHLD, cgroup=r4}',
  )
})

test('every struct of the tables packs what it decodes from zeros, and no field reaches beyond it', () => {
  for (const one of Object.values(STRUCTS)) {
    for (const arch of ['x64', 'arm64'] as const) {
      const zero = new Uint8Array(one.size(arch))
      const decoded = one.decode(zero, 0, arch)
      assert.deepEqual(one.pack(decoded, arch), zero, one.name)
      for (const { kind, at } of one.layout(arch).fields) assert.ok(at + valueOn(arch, kind.size) <= one.size(arch))
    }
  }
})
