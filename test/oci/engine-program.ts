import { weightOf } from '../../src/features/cgroups/writes/cpu-weight.ts'
import { currentKernel } from '../../src/kernel/current.ts'
import { print } from '../../src/oci/print.ts'

// Prints what an engine makes of text, numbers and errors, line by line. test/oci/engine.test.ts has Node and the engine of the standalone
// executable do it, and holds the one against the other.

const lines: string[] = []
const say = (what: string, value: unknown): unknown => lines.push(`${what} ${JSON.stringify(value)}`)

let seed = 1
/** The same numbers in each engine */
function random(below: number): number {
  seed = (Math.imul(seed, 1_103_515_245) + 12_345) & 0x7fff_ffff
  return (seed >> 8) % below
}

const unitsOf = (text: string): number[] => Array.from({ length: text.length }, (_, i) => text.charCodeAt(i))

// Bytes that begin, continue and end characters, and what is none.
const BYTES = [
  0x00, 0x41, 0x7f, 0x80, 0xa0, 0xbf, 0xc0, 0xc2, 0xdf, 0xe0, 0xe1, 0xed, 0xef, 0xf0, 0xf1, 0xf4, 0xf5, 0xff, 0xbb,
  0x9f,
]
// Halves of pairs, and characters of each length.
const UNITS = [
  0x00, 0x41, 0x7f, 0x80, 0x7ff, 0x800, 0xd7ff, 0xd800, 0xdbff, 0xdc00, 0xdfff, 0xe000, 0xfeff, 0xfffd, 0xffff, 0xe9,
]

for (let i = 0; i < 3000; i++) {
  const bytes = Uint8Array.from({ length: random(9) }, () => BYTES[random(BYTES.length)] ?? 0)
  say('decode', [Array.from(bytes), unitsOf(new TextDecoder().decode(bytes))])
  const text = String.fromCharCode(...Array.from({ length: random(7) }, () => UNITS[random(UNITS.length)] ?? 0))
  say('encode', [unitsOf(text), Array.from(new TextEncoder().encode(text))])
  const into = new Uint8Array(random(12))
  const { read, written } = new TextEncoder().encodeInto(text, into)
  say('encodeInto', [unitsOf(text), read, written, Array.from(into)])
}
const mark = Uint8Array.of(0xef, 0xbb, 0xbf, 0x61, 0xef, 0xbb, 0xbf)
say('mark', unitsOf(new TextDecoder().decode(mark)))
say('of a view', new TextDecoder().decode(new Uint8Array(Uint8Array.of(65, 66, 67, 68).buffer, 1, 2)))

for (const number of [0.1 + 0.2, 1e21, 1 / 3, 5e-324, 123456789.125, -0, 2 ** 53])
  say('number', [`${number}`, number.toFixed(2)])
say('bigint', [String(BigInt.asUintN(64, -1n)), String(2n ** 70n), Number(0xffff_ffff_ffff_fff0n)])
const EDGES = [0n, 1n, -1n, 2n ** 31n, 2n ** 32n, 2n ** 63n, 2n ** 64n].flatMap((edge) => [
  edge - 1n,
  edge,
  edge + 1n,
  -edge,
])
for (const a of EDGES) {
  say('of one', [a, ~a, -a, a.toString(16), BigInt(String(a)), Number(a)].map(String))
  for (const bits of [1, 8, 31, 32, 33, 63, 64, 65])
    say('bits', [BigInt.asUintN(bits, a), BigInt.asIntN(bits, a)].map(String))
  for (const bits of [1n, 31n, 32n, 63n, 64n]) say('shifts', [a << bits, a >> bits].map(String))
  const view = new DataView(new ArrayBuffer(16))
  view.setBigUint64(0, a, true)
  view.setBigInt64(8, a)
  const values = [
    view.getBigUint64(0, true),
    view.getBigInt64(0, true),
    view.getBigUint64(8),
    view.getBigInt64(8, true),
  ]
  say('stored', [...values, ...BigUint64Array.of(a), ...BigInt64Array.of(a)].map(String))
  for (const b of EDGES) {
    say('of two', [a + b, a - b, a * b, a & b, a | b, a ^ b, b === 0n ? b : a / b, b === 0n ? b : a % b].map(String))
    say('compared', [a < b, a <= b, a === b, a > Number(b)])
  }
}
for (let i = 0; i < 500; i++) {
  const [a, b] = [random(2 ** 23) * 2 ** 30 + random(2 ** 23), random(2 ** 23) - 2 ** 22]
  say('numbers', [a + b, a * b, a % b, a / b, a | b, a >>> (b & 31), a << (b & 31), Math.imul(a, b), 10 ** (i % 23)])
  say('read', [
    Number(`${a}.${b & 1023}`),
    Number.parseInt(String(a), 10),
    Number(`0x${a.toString(16)}`),
    (a / 1024).toString(2).length,
  ])
  say('parsed', JSON.parse(`[${a}.5, ${b}e3, -${a}, "${String.fromCharCode(0x20 + (a % 2000))}"]`))
}
// The last bit of a power that is no whole number is each C library's own.
for (let shares = 2; shares <= 262_144; shares += 100) say('weight', [shares, weightOf(shares)])
say('date', new Date(1_700_000_000_123).toISOString())
say('regular expressions', [
  /^(?<name>\w+)(?:=(?<value>.*))?$/s.exec('a=b\nc')?.groups,
  'a-b_c'.replace(/(?<=-)b|_(?=c)/g, (found) => `<${found}>`),
  [...'x1y22'.matchAll(/\d+/g)].map(([found]) => found),
  'é\u{1F600}'.split(/(?:)/u).length,
])
say(
  'sorting',
  ['b10', 'a2', 'b1', 'a10'].toSorted((a, b) => a.charCodeAt(0) - b.charCodeAt(0)),
)
say('json', JSON.stringify({ a: '\ud800', b: [undefined, () => 1, NaN], c: new Date(0) }))
say('keys', Object.keys(JSON.parse('{"b":1,"2":2,"a":3,"1":4,"__proto__":5}') as object))

class Private {
  #own = 1
  static has = (value: object): boolean => #own in value
  get own(): number {
    return this.#own
  }
}
say('private', [Private.has(new Private()), Private.has({}), new Private().own])

function messageOf(act: () => unknown): string {
  try {
    act()
    return 'nothing is thrown'
  } catch (error) {
    return error instanceof Error
      ? `${error.constructor.name} ${error.cause === undefined ? '' : 'with a cause'}`
      : 'no error'
  }
}
say('errors', [
  messageOf(() => JSON.parse('{')),
  messageOf(() => (null as unknown as { a: { b: number } }).a.b),
  messageOf(() => BigInt('x')),
  messageOf(() => new Uint8Array(-1)),
  messageOf(() => {
    throw new TypeError('x', { cause: 1 })
  }),
])

let disposed = 0
{
  using _ = { [Symbol.dispose]: () => disposed++ }
}
say('using', disposed)

async function main(): Promise<never> {
  const kernel = await currentKernel()
  say('order', await Promise.all([1, 2, 3].map(async (each) => await Promise.resolve(each))))
  const deep = '['.repeat(100_000)
  say('depth', messageOf(() => JSON.parse(deep)) !== 'nothing is thrown')
  // Objects that hold each other, more than there is room for: only looking for cycles gives them back.
  for (let i = 0; i < 300_000; i++) {
    const one: { other?: object; bytes: Uint8Array } = { bytes: new Uint8Array(2000) }
    one.other = { one }
  }
  say('cycles', true)
  print(kernel, `${lines.join('\n')}\n`)
  return kernel.exit(0)
}

void main()
