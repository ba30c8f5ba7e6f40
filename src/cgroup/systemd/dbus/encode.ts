import { BusError } from './bus-error.ts'
import { ALIGNMENT, typesOf } from './signature.ts'
import { type BusValue, isVariant } from './value.ts'

/** Values as bytes, little endian; alignment counts from the first byte. @throws BusError for a value that is not of its type */
export function encodeValues(signature: string, values: readonly BusValue[]): Uint8Array {
  const types = typesOf(signature)
  if (types.length !== values.length) throw mismatch(signature, values)
  const out = new Bytes()
  types.forEach((type, index) => encodeValue(out, type, values[index] as BusValue))
  return out.taken()
}

const TEXT = new TextEncoder()

/** Bytes that grow. */
class Bytes {
  #bytes = new Uint8Array(256)
  #view = new DataView(this.#bytes.buffer)
  length = 0

  /** Room for so many bytes: where they are. */
  room(count: number): number {
    const at = this.length
    this.length += count
    if (this.length > this.#bytes.length) {
      const larger = new Uint8Array(Math.max(this.length, this.#bytes.length * 2))
      larger.set(this.#bytes)
      this.#bytes = larger
      this.#view = new DataView(larger.buffer)
    }
    return at
  }

  align(to: number): void {
    this.room((to - (this.length % to)) % to)
  }

  number(size: 1 | 2 | 4, value: number): number {
    this.align(size)
    const at = this.room(size)
    if (size === 1) this.#view.setUint8(at, value)
    else if (size === 2) this.#view.setUint16(at, value, true)
    else this.#view.setUint32(at, value, true)
    return at
  }

  long(value: bigint): void {
    this.align(8)
    const at = this.room(8)
    this.#view.setBigUint64(at, BigInt.asUintN(64, value), true)
  }

  raw(bytes: Uint8Array): void {
    const at = this.room(bytes.length)
    this.#bytes.set(bytes, at)
  }

  setLength(at: number, value: number): void {
    this.#view.setUint32(at, value, true)
  }

  taken(): Uint8Array {
    return this.#bytes.slice(0, this.length)
  }
}

const SIZES: Readonly<Record<string, 1 | 2 | 4>> = { y: 1, n: 2, q: 2, i: 4, u: 4, b: 4 }

function encodeValue(out: Bytes, type: string, value: BusValue): void {
  const [letter = ''] = type
  const size = SIZES[letter]
  if (size !== undefined) out.number(size, integer(type, value))
  else if (letter === 't' || letter === 'x') out.long(long(type, value))
  else if (letter === 's' || letter === 'o' || letter === 'g') encodeText(out, letter, value)
  else if (letter === 'v') encodeVariant(out, value)
  else if (letter === 'a') encodeArray(out, type.slice(1), value)
  else if (letter === '(' || letter === '{') encodeStruct(out, type, value)
  else throw mismatch(type, value)
}

function integer(type: string, value: BusValue): number {
  if (type === 'b' && typeof value === 'boolean') return Number(value)
  if (type !== 'b' && typeof value === 'number' && Number.isInteger(value)) return value
  throw mismatch(type, value)
}

function long(type: string, value: BusValue): bigint {
  if (typeof value === 'bigint') return value
  throw mismatch(type, value)
}

function encodeText(out: Bytes, letter: string, value: BusValue): void {
  if (typeof value !== 'string' || value.includes('\0')) throw mismatch(letter, value)
  const bytes = TEXT.encode(value)
  out.number(letter === 'g' ? 1 : 4, bytes.length)
  out.raw(bytes)
  out.number(1, 0)
}

function encodeVariant(out: Bytes, value: BusValue): void {
  if (!isVariant(value) || typesOf(value.signature).length !== 1) throw mismatch('v', value)
  encodeText(out, 'g', value.signature)
  encodeValue(out, value.signature, value.value)
}

function encodeArray(out: Bytes, element: string, value: BusValue): void {
  const at = out.number(4, 0)
  // The length does not count the padding before the first element.
  out.align(ALIGNMENT[element[0] ?? ''] ?? 1)
  const start = out.length
  if (element === 'y' && value instanceof Uint8Array) out.raw(value)
  else if (Array.isArray(value)) for (const each of value as readonly BusValue[]) encodeValue(out, element, each)
  else throw mismatch(`a${element}`, value)
  out.setLength(at, out.length - start)
}

function encodeStruct(out: Bytes, type: string, value: BusValue): void {
  const types = typesOf(type.slice(1, -1))
  if (!Array.isArray(value) || value.length !== types.length) throw mismatch(type, value)
  out.align(8)
  types.forEach((each, index) => encodeValue(out, each, (value as readonly BusValue[])[index] as BusValue))
}

const mismatch = (type: string, value: BusValue): BusError =>
  new BusError('Malformed', `a ${typeof value} is no value of the type ${JSON.stringify(type)}`)
