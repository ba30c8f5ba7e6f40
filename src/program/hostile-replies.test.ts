import assert from 'node:assert/strict'
import { test } from 'node:test'
import { AgentError, InvalidInputError } from '../base/errors.ts'
import { allCalls } from '../linux/calls/index.ts'
import { memory } from '../linux/memory.ts'
import { PlainEncoder } from '../linux/plain-encoder.ts'
import { REPLY } from '../protocol/layout.ts'
import { program, type Program } from './builder.ts'
import { ProgramResult } from './result.ts'

/** One of these is taken by each parameter. */
const CANDIDATES: readonly unknown[] = [
  ...[64, 1, 'x', [], {}, { data: 'x' }, { size: 8, rights: 1 }, { cur: 1, max: 1 }, { value: 1 }, new Uint8Array(8)],
  ...['SIG_IGN', { path: '/x' }, { type: 1, handle: new Uint8Array(8) }, 'TIOCGWINSZ', memory(['x', 8])],
]

/** A program of this call alone, with arguments that it takes. */
function programOf(name: string): Program | undefined {
  const call = allCalls()[name]!
  const args = call.params
    .filter((param) => !param.implied)
    .map((param) => CANDIDATES.find((value) => isTaken(() => param.encode(value, new PlainEncoder(), call.name))))
  const p = program()
  const isRefused = isTaken(() => p.add(call, args)) === false
  return isRefused ? undefined : p
}

function isTaken(encode: () => unknown): boolean {
  try {
    encode()
    return true
  } catch (error) {
    assert.ok(error instanceof InvalidInputError)
    return false
  }
}

interface Lie {
  readonly result: bigint
  readonly fill: number
}

const LIES: readonly Lie[] = [0n, 1n, 63n, 4096n, 2n ** 31n, 2n ** 53n, 2n ** 63n - 1n].flatMap((result) =>
  [0x00, 0x01, 0x41, 0x7f, 0xff].map((fill) => ({ result, fill })),
)

function payloadOf(p: Program, { result, fill }: Lie): Uint8Array {
  const payload = new Uint8Array(REPLY.size + 8 + p.replySize + p.returnedSize).fill(fill)
  const view = new DataView(payload.buffer)
  view.setUint32(REPLY.results, 1, true)
  view.setInt32(REPLY.error, 0, true)
  view.setUint32(REPLY.reply, p.replySize, true)
  view.setUint32(REPLY.data, p.returnedSize, true)
  view.setBigInt64(REPLY.size, result, true)
  return payload
}

test('whatever an agent says a call gave is decoded within its bounds', () => {
  const wrong: string[] = []
  let decoded = 0
  for (const name of Object.keys(allCalls())) {
    const p = programOf(name)
    if (!p) continue
    for (const lie of LIES) {
      try {
        new ProgramResult(p, payloadOf(p, lie), []).value(0)
        decoded++
      } catch (error) {
        wrong.push(`${name}, result ${lie.result}, filled with ${lie.fill}: ${(error as Error).stack}`)
      }
    }
  }
  assert.deepEqual(wrong.slice(0, 10), [])
  assert.ok(decoded > 200 * LIES.length, `${decoded / LIES.length} calls`)
})

test('a reply that is too short, too long or for another program is an AgentError', () => {
  const p = programOf('getsockname')!
  const whole = payloadOf(p, { result: 0n, fill: 0 })
  for (let length = 0; length < whole.length; length++) {
    assert.throws(() => new ProgramResult(p, whole.subarray(0, length), []), AgentError, String(length))
  }
  assert.throws(() => new ProgramResult(p, Uint8Array.from([...whole, 0]), []), AgentError)
  for (const [field, value] of [
    [REPLY.results, 2],
    [REPLY.results, 0],
    [REPLY.results, 2 ** 32 - 1],
    [REPLY.reply, 0],
    [REPLY.data, 2 ** 32 - 1],
  ] as const) {
    const lie = whole.slice()
    new DataView(lie.buffer).setUint32(field, value, true)
    assert.throws(() => new ProgramResult(p, lie, []), AgentError, `${field} ${value}`)
  }
})

test('a step that the program did not reach has no value: a StateError says so', () => {
  const p = program()
  p.fchdir(3)
  const fd = p.openat('AT_FDCWD', '/', ['O_PATH'])
  const payload = new Uint8Array(REPLY.size + 8)
  const view = new DataView(payload.buffer)
  view.setUint32(REPLY.results, 1, true)
  view.setInt32(REPLY.error, 9, true)
  view.setBigInt64(REPLY.size, -9n, true)
  const result = new ProgramResult(p, payload, [])
  assert.equal(result.failure?.errno, 'EBADF')
  assert.throws(() => result.get(fd), { name: 'StateError', wanted: 'step 1' })
  assert.throws(() => result.get(program().openat('AT_FDCWD', '/', 0)), { name: 'InvalidInputError' })
})

test('a call takes six words at most, and a program with one that was refused is never sent', () => {
  const p = program()
  assert.throws(() => p.syscall('getpid', 1, 2, 3, 4, 5, 6, 7), { name: 'InvalidInputError' })
  assert.throws(() => p.encode(), { name: 'StateError' })
})
