import { FIELD_TYPES, FRAMES, GENERATION, STRUCTS, VALUES } from '../../src/protocol/wire.ts'
import { protocolHash } from '../../src/protocol/hash.ts'

/** A second encoder, made from nothing but the tables: what it and the agent agree on does not depend on the codec of src/. */

type Values = Readonly<Record<string, number | bigint | readonly (number | bigint)[]>>
type StructName = keyof typeof STRUCTS

export function concat(...parts: readonly Uint8Array[]): Uint8Array {
  return new Uint8Array(Buffer.concat(parts))
}

export const hex = (bytes: Uint8Array): string => Buffer.from(bytes).toString('hex')

/** Bytes of a wire struct; fields that are not given are 0. */
export function struct(name: StructName, values: Values = {}): Uint8Array {
  const parts: Uint8Array[] = []
  for (const [field, type, count] of STRUCTS[name] as readonly (readonly [
    string,
    keyof typeof FIELD_TYPES,
    number?,
  ])[]) {
    const given = values[field] ?? 0
    for (let i = 0; i < (count ?? 1); i++) {
      const value = typeof given === 'object' ? (given[i] ?? 0) : given
      parts.push(little(BigInt(value), FIELD_TYPES[type].size))
    }
  }
  return concat(...parts)
}

/** The low `size` bytes of a number. */
export function little(value: bigint, size: number): Uint8Array {
  return Uint8Array.from({ length: size }, (_, i) => Number(BigInt.asUintN(8, value >> BigInt(8 * i))))
}

export interface FrameFields {
  readonly id?: number
  readonly descriptors?: number
  readonly reserved?: number
  readonly length?: number
}

export function frame(type: keyof typeof FRAMES | number, payload: Uint8Array, fields: FrameFields = {}): Uint8Array {
  const number = typeof type === 'number' ? type : FRAMES[type]
  return concat(struct('frame', { length: payload.length, type: number, ...fields }), payload)
}

export function hello(id: number, changes: Values = {}): Uint8Array {
  return frame('HELLO', struct('hello', { generation: GENERATION, hash: protocolHash(), ...changes }), { id })
}

/** A value: a number, or where it comes from and at which offset or index. */
export type Value = number | bigint | readonly [keyof typeof VALUES | number, number]

export interface ProgramParts {
  /** Number and arguments of each step */
  readonly steps?: readonly (readonly Value[])[]
  /** errno numbers that step n tolerates */
  readonly tolerated?: Readonly<Record<number, readonly number[]>>
  readonly relocations?: readonly Values[]
  readonly sends?: readonly Values[]
  readonly data?: Uint8Array
  readonly reply?: number
  /** Counts that lie */
  readonly head?: Values
}

const kindOf = (value: Value): number =>
  typeof value !== 'object' ? VALUES.IMMEDIATE : typeof value[0] === 'number' ? value[0] : VALUES[value[0]]

export function program(parts: ProgramParts): Uint8Array {
  const { steps = [], relocations = [], sends = [], data = new Uint8Array(0), reply = 0 } = parts
  const counts = { steps: steps.length, relocations: relocations.length, sends: sends.length, data: data.length, reply }
  return concat(
    struct('program', { ...counts, ...parts.head }),
    ...steps.map(([number = 0, ...values], index) => {
      const tolerated = [0n, 0n, 0n]
      for (const errno of parts.tolerated?.[index] ?? []) {
        const word = Math.floor(errno / 64)
        tolerated[word] = (tolerated[word] ?? 0n) | (1n << BigInt(errno % 64))
      }
      return struct('step', {
        number: Number(number),
        kinds: values.reduce<bigint>((kinds, value, i) => kinds | (BigInt(kindOf(value)) << BigInt(4 * i)), 0n),
        arguments: values.map((value) => (typeof value === 'object' ? value[1] : value)),
        tolerated,
      })
    }),
    ...relocations.map((values) => struct('relocation', values)),
    ...sends.map((values) => struct('send', values)),
    data,
  )
}
