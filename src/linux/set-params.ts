import { InvalidInputError } from '../base/errors.ts'
import type { EncodedOut, Param } from './call.ts'
import type { Encoder } from './encoder.ts'
import { printSignalMask, signalMask } from './signal.ts'
import type { Signal } from './tables/signals.ts'

/** What an out-parameter shows before the call was made. */
const UNKNOWN = '…'

function pushData(to: Encoder, bytes: Uint8Array): void {
  to.pushData(to.place(bytes))
}

function reserve(to: Encoder, size: number): number {
  const at = to.reserve(size)
  to.push({ kind: 'reply', value: at })
  return at
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
    Array.from(value as unknown[]).forEach((item, i) => {
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
        Array.from({ length: Math.min(count, Number(result)) }, (_, i) => uint32(reply, at + 4 * i)),
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
  if (!Array.isArray(value) || !Array.from(value as unknown[]).every(isCpu)) {
    throw new InvalidInputError(`${where} must be a list of processor numbers`, { field: where })
  }
  const last = (value as readonly number[]).reduce((most, cpu) => Math.max(most, cpu), 0)
  const mask = new Uint8Array(8 * (Math.floor(last / 64) + 1))
  for (const cpu of value as readonly number[]) mask[cpu >> 3] = mask[cpu >> 3]! | (1 << (cpu & 7))
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
    return { at, decode: ({ result, reply }) => bitsIn(reply.subarray(at, at + Math.min(1024, Number(result)))) }
  },
  print: () => `1024, ${UNKNOWN}`,
}

/** The numbers of the bits that are set: processors of a cpu_set_t, descriptors of an fd_set. */
export function bitsIn(mask: Uint8Array): number[] {
  const found: number[] = []
  mask.forEach((byte, i) => {
    for (let bit = 0; bit < 8; bit++) if (byte & (1 << bit)) found.push(8 * i + bit)
  })
  return found
}

/** A mask of 64 bits, as a number without a sign; -1n is all of them. @throws InvalidInputError for one that has more */
export function wholeMask(mask: bigint, where: string): bigint {
  if (mask >= -(1n << 63n) && mask < 1n << 64n) return BigInt.asUintN(64, mask)
  throw new InvalidInputError(`${where} has a bit beyond the 64 of a mask`, { field: where })
}

/** The mask of a list of signals, or the mask itself. @throws InvalidInputError */
export function maskOf(value: unknown, where: string): bigint {
  if (typeof value === 'bigint') return wholeMask(value, where)
  if (Array.isArray(value)) return signalMask(Array.from(value as readonly (Signal | number)[]), where)
  throw new InvalidInputError(`${where} must be a list of signals or a mask`, { field: where })
}

/** The address of a signal mask: one word. */
export const signalSet = (name = 'set'): Param => ({
  name,
  type: 'readonly (Signal | number)[] | bigint',
  encode(value, to, call) {
    const block = new Uint8Array(8)
    new DataView(block.buffer).setBigUint64(0, maskOf(value, `${call}.${name}`), true)
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

function uint32(reply: Uint8Array, at: number): number {
  return new DataView(reply.buffer, reply.byteOffset, reply.byteLength).getUint32(at, true)
}
