import { BusError } from './bus-error.ts'
import { ALIGNMENT, typesOf } from './signature.ts'
import { type BusValue, variant } from './value.ts'

/** Longest array that D-Bus has, `bytes` */
const LONGEST_ARRAY = 2 ** 26

/** Values from bytes; alignment counts from the first byte. @throws BusError for bytes that are no such values */
export function decodeValues(signature: string, bytes: Uint8Array, little = true): readonly BusValue[] {
  const input = new Input(bytes, little)
  return typesOf(signature).map((type) => decodeValue(input, type, 0))
}

const TEXT = new TextDecoder()

/** Bytes that are read from the front. */
class Input {
  readonly #bytes: Uint8Array
  readonly #view: DataView
  readonly #little: boolean
  at = 0

  constructor(bytes: Uint8Array, little: boolean) {
    this.#bytes = bytes
    this.#view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength)
    this.#little = little
  }

  align(to: number): void {
    this.take((to - (this.at % to)) % to)
  }

  /** Where the next bytes are, which are then behind. */
  take(count: number): number {
    const { at } = this
    if (count > this.#bytes.length - at) throw malformed('a value is longer than its message')
    this.at += count
    return at
  }

  number(letter: string): number {
    const size = ALIGNMENT[letter] ?? 1
    this.align(size)
    const at = this.take(size)
    if (letter === 'y' || letter === 'g') return this.#view.getUint8(at)
    if (letter === 'n') return this.#view.getInt16(at, this.#little)
    if (letter === 'q') return this.#view.getUint16(at, this.#little)
    if (letter === 'i') return this.#view.getInt32(at, this.#little)
    if (letter === 'd') return this.#view.getFloat64(at, this.#little)
    return this.#view.getUint32(at, this.#little)
  }

  long(signed: boolean): bigint {
    this.align(8)
    const at = this.take(8)
    return signed ? this.#view.getBigInt64(at, this.#little) : this.#view.getBigUint64(at, this.#little)
  }

  bytes(count: number): Uint8Array {
    const at = this.take(count)
    return this.#bytes.slice(at, at + count)
  }
}

function decodeValue(input: Input, type: string, depth: number): BusValue {
  // A variant may hold another: the signature alone does not bound the depth.
  if (depth > 64) throw malformed('values are too deep inside each other')
  const [letter = ''] = type
  if (letter === 'b') return input.number('u') !== 0
  if (letter === 't' || letter === 'x') return input.long(letter === 'x')
  if (letter === 's' || letter === 'o' || letter === 'g') return decodeText(input, letter)
  if (letter === 'v') return decodeVariant(input, depth)
  if (letter === 'a') return decodeArray(input, type.slice(1), depth)
  if (letter !== '(' && letter !== '{') return input.number(letter)
  input.align(8)
  return typesOf(type.slice(1, -1)).map((each) => decodeValue(input, each, depth + 1))
}

function decodeText(input: Input, letter: string): string {
  const text = TEXT.decode(input.bytes(input.number(letter === 'g' ? 'g' : 'u')))
  input.take(1)
  return text
}

function decodeVariant(input: Input, depth: number): BusValue {
  const signature = decodeText(input, 'g')
  const [type, ...more] = typesOf(signature)
  if (type === undefined || more.length > 0) throw malformed(`a variant of the signature ${JSON.stringify(signature)}`)
  return variant(signature, decodeValue(input, type, depth + 1))
}

function decodeArray(input: Input, element: string, depth: number): BusValue {
  const length = input.number('u')
  if (length > LONGEST_ARRAY) throw malformed(`an array of ${length} bytes`)
  input.align(ALIGNMENT[element[0] ?? ''] ?? 1)
  if (element === 'y') return input.bytes(length)
  const end = input.at + length
  const values: BusValue[] = []
  while (input.at < end) values.push(decodeValue(input, element, depth + 1))
  if (input.at !== end) throw malformed('an array does not end with its last element')
  return values
}

const malformed = (what: string): BusError => new BusError('Malformed', `the other side sent ${what}`)
