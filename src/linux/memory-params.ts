import { bytesBetween } from './bytes-between.ts'
import { InvalidInputError } from '../base/errors.ts'
import { quote } from './c-string.ts'
import type { EncodedOut, Param } from './call.ts'
import { decodeDirectory } from './directory.ts'
import type { Encoder } from './encoder.ts'
import { terminated, textBytes, textIn } from './memory-fields.ts'
import type { Struct } from './struct.ts'

/** Largest buffer of one call: the reply must fit into a frame. */
const MOST = 8 * 1024 * 1024

/** What an out-parameter shows before the call was made. */
const UNKNOWN = '…'

const utf8 = new TextEncoder()

function bytesOf(value: unknown, where: string): Uint8Array {
  if (value instanceof Uint8Array) return value
  if (typeof value === 'string') return utf8.encode(value)
  throw new InvalidInputError(`${where} must be bytes or a string`, { field: where })
}

function pushData(to: Encoder, bytes: Uint8Array): void {
  to.pushData(to.place(bytes))
}

/** Bytes of a buffer that a listing shows: more than strace's 32, which would cut most lines of a map or an address */
const SHOWN = 64

/** Bytes and their length: two words. */
export const bytes = (name = 'buf'): Param => ({
  name,
  type: 'string | Uint8Array',
  encode(value, to, call) {
    const data = bytesOf(value, `${call}.${name}`)
    pushData(to, data)
    to.pushNumber(data.length)
  },
  print: (value) => `${quote(value as string | Uint8Array, SHOWN)}, ${bytesOf(value, name).length}`,
})

/** Bytes without a length: one word. */
export const bytesOnly = (name: string): Param => ({
  name,
  type: 'Uint8Array',
  encode: (value, to, call) => pushData(to, bytesOf(value, `${call}.${name}`)),
  print: (value) => quote(value as string | Uint8Array),
})

function checkSize(value: unknown, where: string): number {
  if (typeof value === 'number' && Number.isInteger(value) && value >= 0 && value <= MOST) return value
  throw new InvalidInputError(`${where} must be a number of bytes from 0 to ${MOST}`, { field: where })
}

function reserve(to: Encoder, size: number): number {
  const at = to.reserve(size)
  to.push({ kind: 'reply', value: at })
  return at
}

/** A buffer that the kernel fills, and its size, which the caller gives: two words; gives as many bytes as the call returned. */
export const outBytes = (name = 'count'): Param => ({
  name,
  type: 'number',
  encode(value, to, call): EncodedOut {
    const size = checkSize(value, `${call}.${name}`)
    const at = reserve(to, size)
    to.pushNumber(size)
    return {
      at,
      decode: ({ result, reply }) => bytesBetween(reply, at, at + Math.max(0, Math.min(size, Number(result)))),
    }
  },
  print: (value) => `${UNKNOWN}, ${String(value)}`,
})

/** A buffer of a size that the caller gives, of which all is returned: one word. */
export const outBlock = (name = 'size'): Param => ({
  name,
  type: 'number',
  encode(value, to, call): EncodedOut {
    const size = checkSize(value, `${call}.${name}`)
    const at = reserve(to, size)
    return { at, decode: ({ reply }) => bytesBetween(reply, at, at + size) }
  },
  print: () => UNKNOWN,
})

/** A text buffer of a fixed size and its length: two words; gives the text before the NUL. */
export const outText = (size: number, name = 'buf'): Param => ({
  name,
  type: 'string',
  implied: true,
  encode(_value, to): EncodedOut {
    const at = reserve(to, size)
    to.pushNumber(size)
    return {
      at,
      decode: ({ result, reply }) => textIn(reply.subarray(at, at + Math.min(size, Number(result)))),
    }
  },
  print: () => `${UNKNOWN}, ${size}`,
})

/** A text buffer of a fixed size without its length: one word; gives the text before the NUL. */
export const outName = (size: number, name = 'buf'): Param => ({
  name,
  type: 'string',
  implied: true,
  encode(_value, to): EncodedOut {
    const at = reserve(to, size)
    return { at, decode: ({ reply }) => textIn(reply.subarray(at, at + size)) }
  },
  print: () => UNKNOWN,
})

/** A struct that the call reads: one word. */
export const structIn = (struct: Struct, name: string): Param => ({
  name,
  type: struct.typeName,
  encode(value, to, call) {
    to.pushData(struct.encode(value, to, `${call}.${name}`))
  },
  print: (value, arch) => struct.print(value, arch),
})

/** A struct that the call reads, and its size: two words. */
export const structInSized = (struct: Struct, name: string): Param => ({
  ...structIn(struct, name),
  encode(value, to, call) {
    to.pushData(struct.encode(value, to, `${call}.${name}`))
    to.pushNumber(struct.size(to.arch))
  },
  print: (value, arch) => `${struct.print(value, arch)}, ${struct.size(arch)}`,
})

/** A struct that the call fills: one word. */
export const structOut = (struct: Struct, name: string): Param => ({
  name,
  type: `${struct.typeName}Decoded`,
  implied: true,
  encode(_value, to): EncodedOut {
    const size = struct.size(to.arch)
    const at = reserve(to, size)
    const { arch } = to
    return { at, decode: ({ reply }) => struct.decode(reply.subarray(at, at + size), 0, arch) }
  },
  print: () => UNKNOWN,
})

/** 32-bit numbers at one address (`pipe2`): programs refer to them by name. */
export const outPair = (names: readonly [string, string], type: string, wanted: 'fd' | 'number' = 'fd'): Param => ({
  name: 'pair',
  type,
  implied: true,
  encode(_value, to): EncodedOut {
    const at = reserve(to, 8)
    const loads = Object.fromEntries(names.map((name, i) => [name, at + 4 * i]))
    return {
      at,
      decode: ({ reply }) => Object.fromEntries(names.map((name, i) => [name, int32(reply, at + 4 * i)])),
      ...(wanted === 'fd' ? { loads } : {}),
    }
  },
  print: () => `[${UNKNOWN}, ${UNKNOWN}]`,
})

/** One pointer per name, each to a 32-bit unsigned number (`getresuid`). */
export const outNumbers = (names: readonly string[]): Param => ({
  name: 'numbers',
  type: `{ ${names.map((name) => `readonly ${name}: number`).join('; ')} }`,
  implied: true,
  encode(_value, to): EncodedOut {
    const at = to.reserve(8 * names.length)
    names.forEach((_name, i) => to.push({ kind: 'reply', value: at + 8 * i }))
    return {
      at,
      decode: ({ reply }) => Object.fromEntries(names.map((name, i) => [name, int32(reply, at + 8 * i) >>> 0])),
    }
  },
  print: () => names.map(() => UNKNOWN).join(', '),
})

/** A pointer to one 32-bit signed number. */
export const outInt = (name: string): Param => ({
  name,
  type: 'number',
  implied: true,
  encode(_value, to): EncodedOut {
    const at = reserve(to, 4)
    return { at, decode: ({ reply }) => int32(reply, at) }
  },
  print: () => UNKNOWN,
})

function int32(reply: Uint8Array, at: number): number {
  return new DataView(reply.buffer, reply.byteOffset, reply.byteLength).getInt32(at, true)
}

/** A NULL-terminated array of strings (`argv`, `envp`): one word. */
export const stringList = (name: string, show: 'whole' | 'count' = 'whole'): Param => ({
  name,
  type: 'readonly (string | Uint8Array)[]',
  encode(value, to, call) {
    const where = `${call}.${name}`
    if (!Array.isArray(value)) throw new InvalidInputError(`${where} must be a list of strings`, { field: where })
    pushStrings(Array.from(value as unknown[]), to, where)
  },
  print: (value) => {
    const list = value as readonly (string | Uint8Array)[]
    if (show === 'count') return `/* ${list.length} var${list.length === 1 ? '' : 's'} */`
    return `[${list.map((item) => quote(item)).join(', ')}]`
  },
})

function pushStrings(list: readonly unknown[], to: Encoder, where: string): void {
  const strings = list.map((item, i) => terminated(textBytes(item, `${where}[${i}]`)))
  const block = new Uint8Array(strings.reduce((sum, item) => sum + item.length, 0))
  const starts: number[] = []
  let end = 0
  for (const item of strings) {
    starts.push(end)
    block.set(item, end)
    end += item.length
  }
  const base = to.place(block)
  const pointers = to.place(new Uint8Array(8 * (strings.length + 1)))
  starts.forEach((start, i) => to.relocate(pointers + 8 * i, { kind: 'data', value: base + start }, 8))
  to.pushData(pointers)
}

/** A buffer for directory entries, of a size that the caller gives: two words. */
export const outDirectory = (name = 'count'): Param => ({
  ...outBytes(name),
  encode(value, to, call): EncodedOut {
    const size = checkSize(value, `${call}.${name}`)
    const at = reserve(to, size)
    to.pushNumber(size)
    return {
      at,
      decode: ({ result, reply }) => decodeDirectory(reply.subarray(at, at + Math.min(size, Number(result)))),
    }
  },
})
