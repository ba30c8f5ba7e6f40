import assert from 'node:assert/strict'
import { test } from 'node:test'
import { InvalidInputError, UnsupportedError } from '../../base/errors.ts'
import type { Arch } from '../arch.ts'
import type { Param } from '../call.ts'
import { memory } from '../memory.ts'
import { PlainEncoder } from '../plain-encoder.ts'
import { type Fd, Ref } from '../ref.ts'
import type { StructWriter } from '../field.ts'
import { STRUCTS } from '../structs/index.ts'
import { allCalls } from './index.ts'

// Tens of thousands of errors are made here: their stacks would take most of the time.
Error.stackTraceLimit = 0

/** An object without a prototype: String() of it is a TypeError */
const BARE: unknown = Object.create(null)

/** What callers without types may pass. */
const SCALARS: readonly unknown[] = [
  ...[undefined, null, true, Symbol('s'), () => 1, new Date(0), /x/, new Map(), Promise.resolve(), BARE],
  ...[NaN, Infinity, -Infinity, 0, -0, 0.5, -1, -2, 65, 2 ** 16, 2 ** 31, 2 ** 32 - 1, 2 ** 32, -(2 ** 31) - 1],
  ...[2 ** 53, 2 ** 63, 2 ** 64, -(2 ** 63), -(2 ** 64), 1e300, 0n, -1n, 2n ** 63n, 2n ** 64n, -(2n ** 64n), 2n ** 90n],
  ...['', 'x', 'a\0b', '\ud800', '3', '__proto__', 'constructor', 'SIGX', 'CAP_', 'PR_', 'FD_', 'x'.repeat(5000)],
  ...[new Uint8Array(0), Uint8Array.of(1, 0, 2), Buffer.from('x'), new Float64Array(1), new ArrayBuffer(8)],
  ...[memory([]), memory(['x', 8]), new Ref<Fd>({}, { kind: 'result', value: 0 }, 'r0')],
]

/** A list without elements: forEach() and map() pass them over */
const HOLES: unknown[] = []
HOLES.length = 3

const LISTS: readonly unknown[] = [[], [[]], [{}], HOLES, ...SCALARS.map((value) => [value])]

const OBJECT_KEYS = [
  ...[
    'data',
    'to',
    'rights',
    'control',
    'size',
    'path',
    'abstract',
    'address',
    'port',
    'netlink',
    'groups',
    'cur',
    'max',
  ],
  ...['value', 'pid', 'uid', 'type', 'handle', 'effective', 'permitted', 'inheritable', 'x', '__proto__', 'length'],
]

/** Objects of the right shape but for one thing. */
const BASES: readonly Readonly<Record<string, unknown>>[] = [
  {},
  { data: 'x' },
  { size: 8 },
  { address: '1.2.3.4', port: 1 },
  { netlink: 1 },
  { cur: 1, max: 2 },
  { value: 1 },
  { type: 1, handle: new Uint8Array(8) },
]

const INNER: readonly unknown[] = [
  ...[undefined, null, true, Symbol('s'), BARE, NaN, 0.5, -1, 2 ** 32, 2 ** 64, 2n ** 90n],
  ...['x', 'a\0b', new Uint8Array(300), new Float64Array(1), [], [-1], ['x'], [NaN], HOLES, { path: 5 }],
]

function* objects(): Generator<object> {
  for (const base of BASES) {
    yield base
    for (const key of OBJECT_KEYS) for (const value of INNER) yield { ...base, [key]: value }
  }
}

const SIMPLE: readonly unknown[] = [...SCALARS, ...LISTS]

const describe = (value: unknown): string => {
  if (typeof value !== 'object' || value === null) return `${typeof value} ${String(value)}`.slice(0, 60)
  return JSON.stringify(value, (_key, inner: unknown) => {
    return typeof inner === 'bigint' || typeof inner === 'number' ? String(inner) : inner
  }).slice(0, 200)
}

/** What is wrong with how one value is treated, if anything; `taken` when it is encoded. */
function treatment(value: unknown, where: string, encode: () => void, print: () => string): string | undefined {
  try {
    encode()
  } catch (error) {
    if (error instanceof UnsupportedError) return 'refused'
    if (!(error instanceof InvalidInputError)) return `${where} with ${describe(value)}: ${String(error)}`
    return isWithin(error.field, where) ? 'refused' : `${where} with ${describe(value)}: field ${error.field}`
  }
  try {
    return typeof print() === 'string' ? 'taken' : `${where} with ${describe(value)}: prints no text`
  } catch (error) {
    return `${where} takes ${describe(value)}, but does not print it: ${String(error)}`
  }
}

const isWithin = (field: string, where: string): boolean =>
  field.startsWith(where) && /^($|[.[])/.test(field.slice(where.length))

/** What is wrong with what the kernel is sent: words beyond 64 bits, pointers out of the data. */
function wrongWord(encoder: PlainEncoder): string | undefined {
  const size = encoder.data.length
  const wrong = encoder.words.find((word) => {
    if (word.kind === 'data') return !(word.value >= 0 && word.value <= size)
    if (word.kind !== 'immediate') return false
    const isInteger = typeof word.value === 'bigint' || Number.isInteger(word.value)
    return !isInteger || word.value < -(2n ** 63n) || word.value >= 2n ** 64n
  })
  return wrong && `${wrong.kind} ${wrong.value}`
}

function wrongIn(name: string, param: Param, arch: Arch, values: readonly unknown[]): string[] {
  const where = `${name}.${param.name}`
  const wrong: string[] = []
  let refused = 0
  for (const value of values) {
    const encoder = new PlainEncoder(arch)
    const print = (): string => param.print(value, arch)
    const found = treatment(value, where, () => void param.encode(value, encoder, name), print)
    if (found === 'refused') refused++
    const word = found === 'taken' ? wrongWord(encoder) : undefined
    if (word) wrong.push(`${where} with ${describe(value)} gives ${word}`)
    else if (found !== 'taken' && found !== 'refused' && found) wrong.push(found)
  }
  if (refused === 0) wrong.push(`${where} takes everything`)
  return wrong
}

for (const arch of ['x64', 'arm64'] as const) {
  test(`every parameter of every call refuses what it cannot encode, by its name (${arch})`, () => {
    const seen = new Set<Param>()
    const types = new Set<string>()
    const wrong: string[] = []
    for (const { name, params } of Object.values(allCalls())) {
      for (const param of params) {
        if (param.implied || seen.has(param)) continue
        const values = types.has(param.type) ? SIMPLE : [...SIMPLE, ...objects()]
        seen.add(param)
        types.add(param.type)
        wrong.push(...wrongIn(name, param, arch, values))
      }
    }
    assert.deepEqual(wrong.slice(0, 40), [])
    assert.ok(seen.size > 300)
  })

  test(`every field of every struct refuses what it cannot encode, by its name (${arch})`, () => {
    const wrong: string[] = []
    for (const struct of Object.values(STRUCTS)) {
      for (const [field] of struct.fields) {
        for (const value of [...SIMPLE, {}, { x: 1 }]) {
          const bytes = new Uint8Array(struct.size(arch))
          const encoder = new PlainEncoder(arch)
          const to: StructWriter = { arch, bytes, view: new DataView(bytes.buffer), encoder, patches: [] }
          const input = { [field]: value }
          const print = (): string => struct.print(input, arch)
          const found = treatment(value, struct.name, () => struct.write(input, to, 0, struct.name), print)
          if (found && found !== 'taken' && found !== 'refused') wrong.push(`${field}: ${found}`)
        }
      }
    }
    assert.deepEqual(wrong.slice(0, 40), [])
  })
}

test('lists of any length are encoded without regard to the depth of the stack', () => {
  const many = Array.from({ length: 200_000 }, () => 1)
  const encoder = new PlainEncoder()
  allCalls()['sched_setaffinity']!.params.at(-1)!.encode(many, encoder, 'sched_setaffinity')
  allCalls()['setgroups']!.params[0]!.encode(many, encoder, 'setgroups')
  allCalls()['write']!.params[1]!.encode(new Uint8Array(1 << 20), encoder, 'write')
  assert.ok(encoder.data.length > 1 << 20)
})
