import assert from 'node:assert/strict'
import { test } from 'node:test'
import { BusError } from './bus-error.ts'
import { decodeValues } from './decode.ts'
import { encodeValues } from './encode.ts'
import { type BusMessage, decodeMessage, encodeMessage, messageLength } from './message.ts'
import { typesOf } from './signature.ts'
import { type BusValue, variant } from './value.ts'

const malformed = (error: unknown): boolean => error instanceof BusError && error.errorName === 'Malformed'

test('encodeValues() aligns as the specification says, little endian', () => {
  // "Marshaling" of the D-Bus specification: a byte, padding to 4, the length, the text and its NUL.
  assert.deepEqual([...encodeValues('ys', [7, 'foo'])], [7, 0, 0, 0, 3, 0, 0, 0, 102, 111, 111, 0])
  assert.deepEqual([...encodeValues('yt', [1, 2n])], [1, 0, 0, 0, 0, 0, 0, 0, 2, 0, 0, 0, 0, 0, 0, 0])
  // Padding before the first element of an array does not count.
  assert.deepEqual([...encodeValues('at', [[5n]])], [8, 0, 0, 0, 0, 0, 0, 0, 5, 0, 0, 0, 0, 0, 0, 0])
  assert.deepEqual([...encodeValues('at', [[]])], [0, 0, 0, 0, 0, 0, 0, 0])
  assert.deepEqual([...encodeValues('v', [variant('u', 9)])], [1, 117, 0, 0, 9, 0, 0, 0])
})

const ROUND: readonly (readonly [string, readonly BusValue[]])[] = [
  ['ybuots', [255, true, 0xffff_ffff, '/a/b', 0xffff_ffff_ffff_ffffn, 'ü€']],
  ['ay', [Uint8Array.of(1, 2, 3)]],
  [
    'a(sv)',
    [
      [
        ['PIDs', variant('au', [1, 2])],
        ['Delegate', variant('b', true)],
        ['Mask', variant('ay', Uint8Array.of(7))],
      ],
    ],
  ],
  ['a(sa(sv))a{sv}', [[['x', [['y', variant('(st)', ['z', 1n])]]]], [['k', variant('v', variant('s', 'deep'))]]]],
  ['g(yy)', ['a{sv}', [1, 2]]],
]

test('decodeValues() gives what encodeValues() took', () => {
  for (const [signature, values] of ROUND) {
    assert.deepEqual(decodeValues(signature, encodeValues(signature, values)), values)
  }
})

test('decodeValues() reads big endian and signed numbers', () => {
  assert.deepEqual(decodeValues('uy', Uint8Array.of(0, 0, 1, 2, 3), false), [258, 3])
  assert.deepEqual(decodeValues('ni', Uint8Array.of(255, 255, 0, 0, 254, 255, 255, 255)), [-1, -2])
  assert.deepEqual(decodeValues('x', new Uint8Array(8).fill(255)), [-1n])
})

test('decodeValues() refuses every beginning of values', () => {
  for (const [signature, values] of ROUND) {
    const bytes = encodeValues(signature, values)
    for (let length = 0; length < bytes.length; length++) {
      assert.throws(() => decodeValues(signature, bytes.subarray(0, length)), malformed)
    }
  }
})

test('decodeValues() refuses arrays that do not end with an element, and variants without end', () => {
  assert.throws(() => decodeValues('au', Uint8Array.of(3, 0, 0, 0, 1, 1, 1, 1)), malformed)
  assert.throws(() => decodeValues('au', Uint8Array.of(255, 255, 255, 255)), malformed)
  const nested = Uint8Array.from({ length: 3 * 100 }, (_unused, index) => [1, 118, 0][index % 3] as number)
  assert.throws(() => decodeValues('v', nested), malformed)
})

test('encodeValues() refuses what is not of its type', () => {
  for (const [signature, value] of [
    ['u', 'x'],
    ['s', 1],
    ['t', 1],
    ['b', 1],
    ['s', 'a\0b'],
    ['au', 1],
    ['v', 1],
    ['(ss)', ['a']],
    ['d', 1],
  ] as const) {
    assert.throws(() => encodeValues(signature, [value as BusValue]), malformed, signature)
  }
  assert.throws(() => encodeValues('ss', ['a']), malformed)
})

test('typesOf() finds complete types, and refuses what is none', () => {
  assert.deepEqual(typesOf('sa(sv)ua{sv}aay'), ['s', 'a(sv)', 'u', 'a{sv}', 'aay'])
  assert.deepEqual(typesOf(''), [])
  for (const none of ['a', '(', '(s', '()', 'z', 's)', 'a'.repeat(40) + 's'])
    assert.throws(() => typesOf(none), malformed, none)
})

const CALL: BusMessage = {
  kind: 'call',
  serial: 3,
  path: '/org/freedesktop/systemd1',
  interface: 'org.freedesktop.systemd1.Manager',
  member: 'GetUnit',
  destination: 'org.freedesktop.systemd1',
  signature: 's',
  body: ['init.scope'],
}

test('decodeMessage() gives what encodeMessage() took, and messageLength() its length', () => {
  const bytes = encodeMessage(CALL)
  assert.equal(messageLength(bytes.subarray(0, 15)), undefined)
  assert.equal(messageLength(bytes), bytes.length)
  assert.deepEqual(decodeMessage(bytes), CALL)
  const empty: BusMessage = { kind: 'return', serial: 1, replySerial: 3 }
  assert.deepEqual(decodeMessage(encodeMessage(empty)), { ...empty, body: [] })
})

test('messageLength() refuses what is no message, and more than any answer here can be', () => {
  const bytes = encodeMessage(CALL)
  for (const [at, value] of [
    [0, 0x41],
    [3, 2],
    [7, 0x7f],
    [15, 0x7f],
    [15, 0xff],
  ] as const) {
    const broken = Uint8Array.from(bytes)
    broken[at] = value
    assert.throws(() => messageLength(broken), malformed)
  }
})

test('decodeMessage() passes over kinds that it does not know', () => {
  const bytes = encodeMessage(CALL)
  bytes[1] = 9
  assert.equal(decodeMessage(bytes), undefined)
})
