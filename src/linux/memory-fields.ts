import { InvalidInputError } from '../base/errors.ts'
import { type Arch, valueOn } from './arch.ts'
import { quote } from './c-string.ts'
import type { Encoder } from './encoder.ts'
import { encoderOf, type FieldKind, type StructWriter } from './field.ts'
import { placeWriter, type Struct } from './struct.ts'

const utf8 = new TextEncoder()
const fromUtf8 = new TextDecoder()

/** A C string of a field or a pointer: text without NUL, as UTF-8. */
export function textBytes(value: unknown, where: string): Uint8Array {
  const bytes = typeof value === 'string' ? utf8.encode(value) : value
  if (!(bytes instanceof Uint8Array)) {
    throw new InvalidInputError(`${where} must be a string or bytes`, { field: where })
  }
  if (bytes.includes(0)) {
    throw new InvalidInputError(`${where} must not hold a NUL byte: the kernel would end it there`, { field: where })
  }
  return bytes
}

/** Bytes with a NUL behind them. */
export function terminated(bytes: Uint8Array): Uint8Array {
  const result = new Uint8Array(bytes.length + 1)
  result.set(bytes)
  return result
}

/** Places a C string with its NUL, from text or from bytes that hold none; returns its offset. */
export function placeText(value: unknown, to: Encoder, where: string): number {
  if (typeof value === 'string' && !value.includes('\0')) return to.placeText(value)
  return to.place(terminated(textBytes(value, where)))
}

/** A C string at the beginning of bytes. */
export function textIn(bytes: Uint8Array): string {
  const end = bytes.indexOf(0)
  return fromUtf8.decode(end < 0 ? bytes : bytes.subarray(0, end))
}

/** An array of `char` that holds a NUL-terminated string of at most `size - 1` bytes. */
export const chars = (size: number): FieldKind => ({
  size,
  align: 1,
  input: 'string | Uint8Array',
  decoded: 'string',
  write(value, to, at, where) {
    const bytes = textBytes(value, where)
    if (bytes.length >= size) {
      throw new InvalidInputError(`${where} must be at most ${size - 1} bytes long, not ${bytes.length}`, {
        field: where,
      })
    }
    to.bytes.set(bytes, at)
  },
  read: (view, at) => textIn(new Uint8Array(view.buffer, view.byteOffset + at, size)),
  print: (value) => quote(value as string | Uint8Array),
})

/** An array of `size` bytes, any of them zero. */
export const byteArray = (size: number): FieldKind => ({
  size,
  align: 1,
  input: 'Uint8Array',
  decoded: 'Uint8Array',
  write(value, to, at, where) {
    if (!(value instanceof Uint8Array) || value.length > size) {
      throw new InvalidInputError(`${where} must be at most ${size} bytes`, { field: where })
    }
    to.bytes.set(value, at)
  },
  read: (view, at) => Uint8Array.from(new Uint8Array(view.buffer, view.byteOffset + at, size)),
  print: (value) => quote(value as Uint8Array),
})

/** `count` fields of one kind, one after the other. */
export const array = (kind: FieldKind, count: number): FieldKind => {
  const step = valueOn('x64', kind.size)
  return {
    size: step * count,
    align: kind.align,
    input: `readonly (${kind.input})[]`,
    decoded: `readonly (${kind.decoded})[]`,
    write(value, to, at, where) {
      if (!Array.isArray(value) || value.length > count) {
        throw new InvalidInputError(`${where} must be a list of at most ${count} values`, { field: where })
      }
      value.forEach((item, i) => kind.write(item, to, at + i * step, `${where}[${i}]`))
    },
    read: (view, at, arch) => Array.from({ length: count }, (_, i) => kind.read(view, at + i * step, arch)),
    print: (value, arch) => `[${(value as readonly unknown[]).map((item) => kind.print(item, arch)).join(', ')}]`,
  }
}

/** A struct within a struct. */
export const nested = (inner: Struct): FieldKind => ({
  size: { x64: inner.size('x64'), arm64: inner.size('arm64') },
  align: inner.layout('x64').align,
  input: inner.typeName,
  decoded: `${inner.typeName}Decoded`,
  write: (value, to, at, where) => inner.write(value, to, at, where),
  read: (view, at, arch) => inner.decode(new Uint8Array(view.buffer, view.byteOffset, view.byteLength), at, arch),
  print: (value, arch) => inner.print(value, arch),
})

interface PointerShape {
  readonly input: string
  readonly place: (value: unknown, to: StructWriter, where: string) => number
  readonly print: (value: unknown, arch: Arch) => string
}

const pointer = ({ input, place, print }: PointerShape): FieldKind => ({
  size: 8,
  align: 8,
  input,
  decoded: 'never',
  hidden: true,
  write(value, to, at, where) {
    encoderOf(to, where)
    to.patches.push({ at, word: { kind: 'data', value: place(value, to, where) }, width: 8 })
  },
  read: () => undefined,
  print,
})

/** A pointer to bytes. */
export const bytesPointer: FieldKind = pointer({
  input: 'Uint8Array',
  place(value, to, where) {
    if (value instanceof Uint8Array) return encoderOf(to, where).place(value)
    throw new InvalidInputError(`${where} must be bytes`, { field: where })
  },
  print: (value) => quote(value as Uint8Array),
})

/** A pointer to a NUL-terminated string. */
export const textPointer: FieldKind = pointer({
  input: 'string | Uint8Array',
  place: (value, to, where) => encoderOf(to, where).place(terminated(textBytes(value, where))),
  print: (value) => quote(value as string | Uint8Array),
})

/** A pointer to another struct. */
export const structPointer = (inner: Struct): FieldKind =>
  pointer({
    input: inner.typeName,
    place: (value, to, where) => inner.encode(value, encoderOf(to, where), where),
    print: (value, arch) => inner.print(value, arch),
  })

/** A pointer to structs one after the other, from a list or from their bytes. */
export const structsPointer = (inner: Struct): FieldKind =>
  pointer({
    input: `readonly ${inner.typeName}[] | Uint8Array`,
    place: (value, to, where) => placeStructs(inner, value, to, where),
    print: (value, arch) =>
      value instanceof Uint8Array
        ? `[/* ${value.length / inner.size(arch)} x ${inner.name} */]`
        : `[${(value as readonly unknown[]).map((item) => inner.print(item, arch)).join(', ')}]`,
  })

function placeStructs(inner: Struct, value: unknown, to: StructWriter, where: string): number {
  const encoder = encoderOf(to, where)
  if (value instanceof Uint8Array) return encoder.place(value)
  if (!Array.isArray(value)) throw new InvalidInputError(`${where} must be a list of ${inner.name}`, { field: where })
  const step = inner.size(to.arch)
  const bytes = new Uint8Array(step * value.length)
  const list: StructWriter = { arch: to.arch, encoder, bytes, view: new DataView(bytes.buffer), patches: [] }
  value.forEach((item, i) => inner.write(item, list, i * step, `${where}[${i}]`))
  return placeWriter(list)
}

/** How many structs a list or their bytes hold, for a count field beside a pointer. */
export const countOf = (inner: Struct, value: unknown): number | undefined =>
  value instanceof Uint8Array ? value.length / inner.size() : Array.isArray(value) ? value.length : undefined

/** How many bytes a value has, for a length field beside a pointer. */
export const lengthOf = (value: unknown): number | undefined => (value instanceof Uint8Array ? value.length : undefined)
