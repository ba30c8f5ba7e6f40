import assert from 'node:assert/strict'
import { test } from 'node:test'
import { memory } from './memory.ts'
import { allCalls } from './calls/index.ts'
import { PlainEncoder, printCall } from './plain-encoder.ts'

/** The data of a call after the kernel has seen it: pointers are addresses, and `change` has written. */
function settle(m: ReturnType<typeof memory>, change: (data: Uint8Array, at: number) => void): PlainEncoder {
  const encoder = new PlainEncoder()
  const outs = encoder.call(allCalls()['ioctl']!, [0, 1, m])
  const data = encoder.data
  for (const { at } of encoder.relocations) new DataView(data.buffer).setBigUint64(at, 0x7fff_1234_5678n, true)
  change(data, Number(encoder.words[2]!.value))
  for (const out of outs) out.settle?.({ result: 0, reply: new Uint8Array(0), data })
  return encoder
}

test('A72: memory is laid out part after part, and read back in the same shape', () => {
  const m = memory(['ab', 2, Uint8Array.of(9)])
  assert.deepEqual(m.bytes, Uint8Array.of(97, 98, 0, 0, 9))
  settle(m, (data, at) => data.set([1, 2, 3, 4, 5], at))
  assert.deepEqual(m.parts, [Uint8Array.of(1, 2), Uint8Array.of(3, 4), Uint8Array.of(5)])
})

test('A72, D-A13: a pointer is relocated to what it points at, which is placed once; its address never shows', () => {
  const inner = memory([2])
  const m = memory([inner, Uint8Array.of(1), inner])
  const encoder = settle(m, (data) => data.fill(7, 24, 26))
  assert.equal(m.bytes.length, 17)
  const [first, second] = encoder.relocations
  assert.deepEqual(first?.word, second?.word)
  assert.deepEqual([first?.at, second?.at, first?.width], [0, 9, 8])
  assert.deepEqual(inner.bytes, Uint8Array.of(7, 7))
  assert.deepEqual(m.bytes, Uint8Array.of(0, 0, 0, 0, 0, 0, 0, 0, 1, 0, 0, 0, 0, 0, 0, 0, 0))
  assert.equal(m.parts[0], inner)
})

test('A72: memory does not change what it was made of, and stays as it was when no data came back', () => {
  const bytes = Uint8Array.of(1, 2)
  const m = memory([bytes])
  settle(m, (data, at) => data.fill(9, at, at + 2))
  assert.deepEqual([bytes, m.bytes], [Uint8Array.of(1, 2), Uint8Array.of(9, 9)])
  const encoder = new PlainEncoder()
  const [out] = encoder.call(allCalls()['prctl']!, ['PR_GET_NAME', m])
  out?.settle?.({ result: 0, reply: new Uint8Array(0), data: new Uint8Array(0) })
  assert.deepEqual(m.bytes, Uint8Array.of(9, 9))
})

test('memory prints as its parts', () => {
  assert.equal(
    printCall(allCalls()['ioctl']!, [3, 'SIOCGIFINDEX', memory(['lo', 14, memory(['x'])])]),
    'ioctl(3, SIOCGIFINDEX, {"lo", 14 x 0, &{"x"}})',
  )
})

test('A72: memory is one thing for all steps of a program, relocated for each, and another in another program', () => {
  const inner = memory([4])
  const m = memory([inner, 'x'])
  const [one, other] = [new PlainEncoder(), new PlainEncoder()]
  const prctl = allCalls()['prctl']!
  one.call(prctl, ['PR_GET_NAME', m])
  const size = one.data.length
  one.call(prctl, ['PR_SET_NAME', m])
  one.call(prctl, ['PR_SET_NAME', inner])
  other.call(prctl, ['PR_GET_NAME', m])
  assert.equal(one.data.length, size)
  assert.deepEqual([one.words[1], other.words[1]?.kind], [one.words[6], 'data'])
  assert.deepEqual([one.relocations.length, other.relocations.length], [2, 1])
})

test('memory() refuses what is no list of parts, and more than a frame holds', () => {
  for (const parts of ['x', null, { length: 1 }, 5]) {
    assert.throws(() => memory(parts as unknown as []), { name: 'InvalidInputError', field: 'memory' })
  }
  assert.throws(() => memory([1, -1]), { field: 'memory[1]' })
  const holes: string[] = []
  holes.length = 2
  assert.throws(() => memory(holes), { field: 'memory[0]' })
  assert.throws(() => memory([2 ** 23, 1]), { field: 'memory' })
})
