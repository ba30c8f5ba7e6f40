import assert from 'node:assert/strict'
import { test } from 'node:test'
import { FRAME, PROGRAM, STEP } from '../protocol/layout.ts'
import { VALUES } from '../protocol/wire.ts'
import { program } from './builder.ts'

const steps = FRAME.size + PROGRAM.size

/** The bytes of a program, and where its data begins. */
function encoded(p: ReturnType<typeof program>): { readonly view: DataView; readonly data: number } {
  const { frame } = p.encode()
  const view = new DataView(frame.buffer, frame.byteOffset, frame.length)
  const rows = view.getUint32(FRAME.size + PROGRAM.relocations, true)
  assert.equal(rows, 0)
  return { view, data: steps + STEP.size * view.getUint32(FRAME.size + PROGRAM.steps, true) }
}

test('Image keeps all steps when there are more than it began with room for', () => {
  const p = program({ arch: 'x64' })
  for (let i = 0; i < 1000; i++) p.syscall('getpid', i, 2 ** 40 + i, -i, -(2n ** 63n) + BigInt(i))
  const { view } = encoded(p)
  assert.equal(view.getUint32(FRAME.size + PROGRAM.steps, true), 1000)
  for (let i = 0; i < 1000; i++) {
    const at = steps + STEP.size * i
    assert.equal(view.getUint32(at + STEP.number, true), 39)
    const words = [0, 1, 2, 3, 4, 5].map((n) => view.getBigInt64(at + STEP.arguments + 8 * n, true))
    assert.deepEqual(words, [BigInt(i), 2n ** 40n + BigInt(i), BigInt(-i), -(2n ** 63n) + BigInt(i), 0n, 0n])
    assert.equal(view.getUint32(at + STEP.kinds, true), 0)
  }
})

test('Image places text as UTF-8 with a NUL, each at a multiple of 8, however much there is of it', () => {
  const p = program({ arch: 'x64' })
  const texts = ['', 'seven77', 'eight888', '/größe/\u{1F4E6}/', 'x'.repeat(10_000), 'ü'.repeat(5000), '/last']
  for (const text of texts) p.syscall('chdir', text)
  const { view, data } = encoded(p)
  texts.forEach((text, i) => {
    const at = Number(view.getBigUint64(steps + STEP.size * i + STEP.arguments, true))
    const bytes = Buffer.from(`${text}\0`)
    assert.equal(at % 8, 0)
    assert.deepEqual(Buffer.from(view.buffer, data + at, bytes.length), bytes)
  })
  assert.equal(view.byteLength - data, view.getUint32(FRAME.size + PROGRAM.data, true))
})

test('Image marks tolerated errors by a bit each, and arguments that are no numbers by their kinds', () => {
  const p = program({ arch: 'x64' })
  const pid = p.getpid()
  p.tolerate('EPERM', 'ESRCH', 'ENOSYS').syscall('kill', pid, 0, 'text')
  const { view } = encoded(p)
  const at = steps + STEP.size
  const bits = [0, 1, 2].map((n) => view.getBigUint64(at + STEP.tolerated + 8 * n, true))
  assert.deepEqual(bits, [(1n << 1n) | (1n << 3n) | (1n << 38n), 0n, 0n])
  const kinds = view.getUint32(at + STEP.kinds, true)
  assert.deepEqual(
    [0, 4, 8, 12].map((shift) => (kinds >>> shift) & 15),
    [VALUES.RESULT, VALUES.IMMEDIATE, VALUES.DATA, VALUES.IMMEDIATE],
  )
})

test('Program with an argument that was refused is not sent, and forgets what that step tolerated', () => {
  const p = program({ arch: 'x64' })
  p.tolerate('ENOENT')
  assert.throws(() => p.chdir('a\0b'), /NUL/)
  p.getpid()
  assert.deepEqual(p.steps.at(-1)?.tolerated, [])
  assert.throws(() => p.encode(), /refused/)
})

test('Image places a frozen struct once for each kind of struct, and others as often as they are read', () => {
  const p = program({ arch: 'x64' })
  const frozen = Object.freeze({ flags: Object.freeze(['O_PATH'] as const) })
  const half = Object.freeze({ flags: ['O_PATH'] as 'O_PATH'[] })
  const open = { flags: ['O_PATH'] as ('O_PATH' | 'O_DIRECTORY')[] }
  for (const how of [frozen, frozen, half, half, open, open]) p.openat2(3, 'x', how)
  open.flags = ['O_DIRECTORY']
  half.flags.pop()
  for (const how of [frozen, half, open]) p.openat2(3, 'x', how)
  const { view, data } = encoded(p)
  const offsets = p.steps.map((_, i) => Number(view.getBigUint64(steps + STEP.size * i + STEP.arguments + 16, true)))
  const flags = offsets.map((at) => view.getUint32(data + at, true))
  assert.deepEqual(
    flags.slice(0, 6),
    Array.from({ length: 6 }, () => 0o10000000),
  )
  assert.deepEqual(flags.slice(6), [0o10000000, 0, 0o200000], 'what was changed is read anew')
  assert.deepEqual(
    offsets.map((at) => offsets.indexOf(at)),
    [0, 0, 2, 3, 4, 5, 0, 7, 8],
  )
})

test('Image places a frozen struct anew for a step that fills in a result', () => {
  const p = program({ arch: 'x64' })
  const userns = p.openat('AT_FDCWD', '/proc/self/ns/user', ['O_RDONLY'])
  const attributes = Object.freeze({ userns_fd: userns })
  for (let i = 0; i < 2; i++) p.mount_setattr(userns, '', ['AT_EMPTY_PATH'], attributes)
  const { frame } = p.encode()
  const view = new DataView(frame.buffer, frame.byteOffset, frame.length)
  assert.equal(view.getUint32(FRAME.size + PROGRAM.relocations, true), 2)
})

test('Program makes its view of a step once, and only of those that are looked at', () => {
  const p = program({ arch: 'x64' })
  p.getpid()
  p.because('process', 'Nobody is to see it').close(3)
  assert.equal(p.length, 2)
  assert.equal(p.step(2), undefined)
  const last = p.step(1)
  assert.deepEqual([last?.name, last?.feature, last?.because], ['close', 'process', 'Nobody is to see it'])
  assert.equal(p.steps[1], last)
  assert.equal(p.steps[0]?.feature, undefined)
})
