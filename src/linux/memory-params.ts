import { InvalidInputError } from '../base/errors.ts'
import { quote } from './c-string.ts'
import type { EncodedOut, Param } from './call.ts'
import { decodeDirectory } from './directory.ts'
import type { Encoder } from './encoder.ts'
import type { StructWriter } from './field.ts'
import { terminated, textBytes, textIn } from './memory-fields.ts'
import { pushNumber } from './params.ts'
import { Ref } from './ref.ts'
import { printSignalMask, signalMask } from './signal.ts'
import { checkInteger } from './scalar-fields.ts'
import { placeWriter, type Struct } from './struct.ts'
import type { Signal } from './tables/signals.ts'

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
  to.push({ kind: 'data', value: to.place(bytes) })
}

/** Bytes and their length: two words. */
export const bytes = (name = 'buf'): Param => ({
  name,
  type: 'string | Uint8Array',
  encode(value, to, call) {
    const data = bytesOf(value, `${call}.${name}`)
    pushData(to, data)
    to.pushNumber(data.length)
  },
  print: (value) => `${quote(value as string | Uint8Array)}, ${bytesOf(value, name).length}`,
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
      decode: ({ result, reply }) => reply.slice(at, at + Math.max(0, Math.min(size, Number(result)))),
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
    return { at, decode: ({ reply }) => reply.slice(at, at + size) }
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

/** A struct that the call reads: one word. */
export const structIn = (struct: Struct, name: string): Param => ({
  name,
  type: struct.typeName,
  encode(value, to, call) {
    to.push({ kind: 'data', value: struct.encode(value, to, `${call}.${name}`) })
  },
  print: (value, arch) => struct.print(value, arch),
})

/** A struct that the call reads, and its size: two words. */
export const structInSized = (struct: Struct, name: string): Param => ({
  ...structIn(struct, name),
  encode(value, to, call) {
    to.push({ kind: 'data', value: struct.encode(value, to, `${call}.${name}`) })
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

/** A list of structs that the call reads, and their count, in the order that the kernel wants. */
export const structList = (struct: Struct, name: string): Param => ({
  name,
  type: `readonly ${struct.typeName}[]`,
  encode(value, to, call) {
    const where = `${call}.${name}`
    if (!Array.isArray(value))
      throw new InvalidInputError(`${where} must be a list of ${struct.name}`, { field: where })
    pushStructs(struct, value, to, where)
    to.pushNumber(value.length)
  },
  print: (value, arch) => {
    const list = value as readonly unknown[]
    return `[${list.map((item) => struct.print(item, arch)).join(', ')}], ${list.length}`
  },
})

function pushStructs(struct: Struct, list: readonly unknown[], to: Encoder, where: string): void {
  const step = struct.size(to.arch)
  const block = new Uint8Array(step * list.length)
  const writer: StructWriter = {
    arch: to.arch,
    encoder: to,
    bytes: block,
    view: new DataView(block.buffer),
    patches: [],
  }
  list.forEach((item, i) => struct.write(item, writer, i * step, `${where}[${i}]`))
  to.push({ kind: 'data', value: placeWriter(writer) })
}

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
    pushStrings(value, to, where)
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
  to.push({ kind: 'data', value: pointers })
}

/** The count and the address of 32-bit ids (`setgroups`): two words. */
export const idList = (name = 'list'): Param => ({
  name,
  type: 'readonly number[]',
  encode(value, to, call) {
    const where = `${call}.${name}`
    if (!Array.isArray(value)) throw new InvalidInputError(`${where} must be a list of ids`, { field: where })
    const block = new Uint8Array(4 * value.length)
    const view = new DataView(block.buffer)
    value.forEach((item: unknown, i) => {
      if (typeof item !== 'number' || !Number.isInteger(item) || item < 0 || item >= 2 ** 32) {
        throw new InvalidInputError(`${where}[${i}] must be an id from 0 to 4294967295`, { field: `${where}[${i}]` })
      }
      view.setUint32(4 * i, item, true)
    })
    to.pushNumber(value.length)
    if (value.length) pushData(to, block)
    else to.pushNumber(0)
  },
  print(value) {
    const list = value as readonly number[]
    return list.length ? `${list.length}, [${list.join(', ')}]` : '0, NULL'
  },
})

/** Room for `count` ids (`getgroups`): two words; gives as many as the call returned. */
export const outIds = (count: number): Param => ({
  name: 'list',
  type: 'readonly number[]',
  implied: true,
  encode(_value, to): EncodedOut {
    to.pushNumber(count)
    const at = reserve(to, 4 * count)
    return {
      at,
      decode: ({ result, reply }) =>
        Array.from({ length: Math.min(count, Number(result)) }, (_, i) => int32(reply, at + 4 * i) >>> 0),
    }
  },
  print: () => `${count}, ${UNKNOWN}`,
})

/** A set of processors, as size and mask (`sched_setaffinity`): two words. */
export const cpuSet = (name = 'cpus'): Param => ({
  name,
  type: 'readonly number[]',
  encode(value, to, call) {
    const where = `${call}.${name}`
    const mask = cpuMask(value, where)
    to.pushNumber(mask.length)
    pushData(to, mask)
  },
  print: (value) => `${cpuMask(value, name).length}, [${(value as readonly number[]).join(' ')}]`,
})

function cpuMask(value: unknown, where: string): Uint8Array {
  const isCpu = (n: unknown): n is number => typeof n === 'number' && Number.isInteger(n) && n >= 0 && n < 8192
  if (!Array.isArray(value) || !value.every(isCpu)) {
    throw new InvalidInputError(`${where} must be a list of processor numbers`, { field: where })
  }
  const mask = new Uint8Array(8 * (Math.floor(Math.max(0, ...value) / 64) + 1))
  for (const cpu of value) mask[cpu >> 3] = mask[cpu >> 3]! | (1 << (cpu & 7))
  return mask
}

/** Room for a set of 8192 processors: two words; gives their numbers. */
export const outCpuSet: Param = {
  name: 'cpus',
  type: 'readonly number[]',
  implied: true,
  encode(_value, to): EncodedOut {
    to.pushNumber(1024)
    const at = reserve(to, 1024)
    return { at, decode: ({ result, reply }) => bitsIn(reply.subarray(at, at + Number(result))) }
  },
  print: () => `1024, ${UNKNOWN}`,
}

function bitsIn(mask: Uint8Array): number[] {
  const found: number[] = []
  mask.forEach((byte, i) => {
    for (let bit = 0; bit < 8; bit++) if (byte & (1 << bit)) found.push(8 * i + bit)
  })
  return found
}

function maskOf(value: unknown, where: string): bigint {
  if (typeof value === 'bigint') return value
  if (Array.isArray(value)) return signalMask(value as readonly (Signal | number)[])
  throw new InvalidInputError(`${where} must be a list of signals or a mask`, { field: where })
}

/** The address of a signal mask: one word. */
export const signalSet = (name = 'set'): Param => ({
  name,
  type: 'readonly (Signal | number)[] | bigint',
  encode(value, to, call) {
    const block = new Uint8Array(8)
    new DataView(block.buffer).setBigUint64(0, BigInt.asUintN(64, maskOf(value, `${call}.${name}`)), true)
    pushData(to, block)
  },
  print: (value) => printSignalMask(maskOf(value, name)),
})

/** Room for a signal mask: one word; gives it as bigint. */
export const outSignalSet = (name = 'oldset'): Param => ({
  name,
  type: 'bigint',
  implied: true,
  encode(_value, to): EncodedOut {
    const at = reserve(to, 8)
    return {
      at,
      decode: ({ reply }) => new DataView(reply.buffer, reply.byteOffset, reply.byteLength).getBigUint64(at, true),
    }
  },
  print: () => UNKNOWN,
})

/** An offset that the call reads and advances (`sendfile`): null uses and moves the file's own. */
export const offsetPointer = (name = 'offset'): Param => ({
  name,
  type: 'number | bigint | null',
  ref: 'number',
  encode(value, to, call) {
    if (value === null) return pushNumber(0, to, call)
    const block = new Uint8Array(8)
    if (!(value instanceof Ref)) {
      new DataView(block.buffer).setBigInt64(0, BigInt(checkInteger(value, 8, `${call}.${name}`)), true)
    }
    const at = to.place(block)
    if (value instanceof Ref) to.relocate(at, to.wordOf(value), 8)
    to.push({ kind: 'data', value: at })
  },
  print: (value) => (value === null ? 'NULL' : `[${value instanceof Ref ? value.label : String(value)}]`),
})

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
