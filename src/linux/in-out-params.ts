import { InvalidInputError } from '../base/errors.ts'
import { bytesBetween } from './bytes-between.ts'
import { quote } from './c-string.ts'
import type { EncodedOut, Param } from './call.ts'
import type { Encoder } from './encoder.ts'
import type { StructWriter } from './field.ts'
import { placeWriter, type Struct } from './struct.ts'
import { describeValue } from './show-value.ts'

/** Places bytes that the kernel reads and writes, and pushes their address; returns where they are in the data. */
export function pushShared(to: Encoder, bytes: Uint8Array): number {
  const at = to.share(bytes)
  to.pushData(at)
  return at
}

/** Bytes that the kernel reads and writes (`ioctlUpdate`): one word; gives them as the kernel left them. */
export const sharedBytes = (name: string): Param => ({
  name,
  type: 'Uint8Array',
  encode(value, to, call): EncodedOut {
    if (!(value instanceof Uint8Array)) {
      throw new InvalidInputError(`${call}.${name} must be bytes, not ${describeValue(value)}`, {
        field: `${call}.${name}`,
      })
    }
    const at = pushShared(to, value)
    return { at, decode: ({ data }) => bytesBetween(data, at, at + value.length) }
  },
  print: (value) => quote(value as Uint8Array),
})

/** A list of structs that the call reads and writes, and their count: two words; gives all of them as the kernel left them. */
export const sharedStructs = (struct: Struct, name: string): Param => ({
  name,
  type: `readonly ${struct.typeName}[]`,
  encode(value, to, call): EncodedOut {
    const where = `${call}.${name}`
    if (!Array.isArray(value)) {
      throw new InvalidInputError(`${where} must be a list of ${struct.name}`, { field: where })
    }
    const { arch } = to
    const step = struct.size(arch)
    const bytes = new Uint8Array(step * value.length)
    const writer: StructWriter = { arch, encoder: to, bytes, view: new DataView(bytes.buffer), patches: [] }
    value.forEach((item, i) => struct.write(item, writer, i * step, `${where}[${i}]`))
    const at = placeWriter(writer, 'share')
    to.pushData(at)
    to.pushNumber(value.length)
    return {
      at,
      decode: ({ data }) =>
        Array.from({ length: value.length }, (_, i) =>
          struct.decode(data.subarray(0, at + step * (i + 1)), at + step * i, arch),
        ),
    }
  },
  print(value, arch) {
    const list = value as readonly unknown[]
    return `[${list.map((item) => struct.print(item, arch)).join(', ')}], ${list.length}`
  },
})

/** The 32-bit length that the kernel reads as the room for a value, and sets to its size: one word. @returns its reader */
export function pushLength(to: Encoder, room: number): (data: Uint8Array) => number {
  const bytes = new Uint8Array(4)
  new DataView(bytes.buffer).setUint32(0, room, true)
  const at = pushShared(to, bytes)
  return (data) => new DataView(data.buffer, data.byteOffset + at, 4).getUint32(0, true)
}
