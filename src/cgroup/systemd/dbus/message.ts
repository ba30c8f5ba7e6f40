import { BusError } from './bus-error.ts'
import { decodeValues } from './decode.ts'
import { encodeValues } from './encode.ts'
import { type BusValue, isVariant, type Variant, variant } from './value.ts'

const KINDS = ['call', 'return', 'error', 'signal'] as const

/** A message of D-Bus ("Message Format" of the specification). */
export interface BusMessage {
  readonly kind: (typeof KINDS)[number]
  readonly serial: number
  readonly path?: string
  readonly interface?: string
  readonly member?: string
  readonly errorName?: string
  /** Serial of the call that this answers */
  readonly replySerial?: number
  readonly destination?: string
  readonly sender?: string
  /** Types of the body */
  readonly signature?: string
  readonly body?: readonly BusValue[]
}

/** Header fields by their code, with the type of their value. */
const FIELDS = [
  [1, 'path', 'o'],
  [2, 'interface', 's'],
  [3, 'member', 's'],
  [4, 'errorName', 's'],
  [5, 'replySerial', 'u'],
  [6, 'destination', 's'],
  [7, 'sender', 's'],
  [8, 'signature', 'g'],
] as const

/** Bytes before the length of the header fields is known */
const FIXED = 16
/** The largest answer here is one property; the specification's 128 MiB would let the other side fill this process's memory. */
const LONGEST = 2 ** 24
const PROTOCOL = 1
const LITTLE = 0x6c
const BIG = 0x42

/** Lengths come from the other side and may fill 32 bits: operators for bits would make negative numbers of them. */
const padded = (length: number): number => Math.ceil(length / 8) * 8

/** A message as bytes. @throws BusError for a body that is not of its signature */
export function encodeMessage(message: BusMessage): Uint8Array {
  const { signature = '', body = [] } = message
  const bytes = encodeValues(signature, body)
  const fields = FIELDS.flatMap(([code, name, type]): [number, Variant][] => {
    const value = message[name]
    return value === undefined || value === '' ? [] : [[code, variant(type, value)]]
  })
  const kind = KINDS.indexOf(message.kind) + 1
  const head = encodeValues('yyyyuua(yv)', [LITTLE, kind, 0, PROTOCOL, bytes.length, message.serial, fields])
  const start = padded(head.length)
  const whole = new Uint8Array(start + bytes.length)
  whole.set(head)
  whole.set(bytes, start)
  return whole
}

/** How many bytes a message takes, from its beginning; undefined when that is too short to tell. @throws BusError */
export function messageLength(bytes: Uint8Array): number | undefined {
  if (bytes.length < FIXED) return undefined
  const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength)
  const order = view.getUint8(0)
  if ((order !== LITTLE && order !== BIG) || view.getUint8(3) !== PROTOCOL) throw malformed('no message of D-Bus 1')
  const little = order === LITTLE
  const length = padded(FIXED + view.getUint32(12, little)) + view.getUint32(4, little)
  if (length > LONGEST) throw malformed(`a message of ${length} bytes`)
  return length
}

/** A whole message. Kinds and header fields that this version does not know are passed over, as the specification demands. @throws BusError */
export function decodeMessage(bytes: Uint8Array): BusMessage | undefined {
  const little = bytes[0] === LITTLE
  const [, kind, , , , serial, list] = decodeValues('yyyyuua(yv)', bytes, little)
  const name = KINDS[Number(kind) - 1]
  if (name === undefined) return undefined
  const fields = Object.fromEntries((list as readonly BusValue[]).flatMap((each) => fieldOf(each)))
  const { signature = '' } = fields as { signature?: string }
  const length = new DataView(bytes.buffer, bytes.byteOffset).getUint32(4, little)
  const body = decodeValues(signature, bytes.subarray(bytes.length - length), little)
  return { kind: name, serial: Number(serial), ...fields, body }
}

function fieldOf(each: BusValue): (readonly [string, BusValue])[] {
  const [code, holder] = each as readonly BusValue[]
  const field = FIELDS.find(([known]) => known === code)
  if (!field || !isVariant(holder)) return []
  if (holder.signature !== field[2]) throw malformed(`the header field ${field[1]} as ${holder.signature}`)
  return [[field[1], holder.value]]
}

const malformed = (what: string): BusError => new BusError('Malformed', `the other side sent ${what}`)
