import { InvalidInputError } from '../base/errors.ts'
import { type ConstantSet, choiceValue, nameOf, printChoice } from './constant-set.ts'
import { encoderOf, type FieldKind, type StructWriter } from './field.ts'
import { flagNames, flagsValue, printFlags } from './flags.ts'
import { type AnyRef, Ref } from './ref.ts'
import { describeValue, printNumber } from './show-value.ts'

type Size = 1 | 2 | 4 | 8

function put(to: StructWriter, at: number, size: Size, value: number | bigint): void {
  if (size === 8 && typeof value === 'number' && value >= 0) {
    to.view.setUint32(at, value, true)
    to.view.setUint32(at + 4, Math.floor(value / 2 ** 32), true)
  } else if (size === 8) to.view.setBigUint64(at, BigInt.asUintN(64, BigInt(value)), true)
  else if (size === 4) to.view.setUint32(at, Number(value) >>> 0, true)
  else if (size === 2) to.view.setUint16(at, Number(value) & 0xffff, true)
  else to.view.setUint8(at, Number(value) & 0xff)
}

function get(view: DataView, at: number, size: Size, signed: boolean): number | bigint {
  if (size === 8) return signed ? view.getBigInt64(at, true) : view.getBigUint64(at, true)
  if (size === 4) return signed ? view.getInt32(at, true) : view.getUint32(at, true)
  if (size === 2) return signed ? view.getInt16(at, true) : view.getUint16(at, true)
  return signed ? view.getInt8(at) : view.getUint8(at)
}

/** @throws InvalidInputError when a value is no integer of that many bytes */
export function checkInteger(value: unknown, size: Size, where: string): number | bigint {
  const isNumber = typeof value === 'number' && Number.isSafeInteger(value)
  if (isNumber || typeof value === 'bigint') {
    const limit = 2 ** (8 * size)
    if (value < limit && value >= -limit / 2) return value
  }
  throw new InvalidInputError(`${where} must be an integer of ${8 * size} bits, not ${describeValue(value)}`, {
    field: where,
  })
}

function integer(size: Size, signed: boolean, asNumber: boolean): FieldKind {
  return {
    size,
    align: size,
    input: `${size === 8 ? 'number | bigint' : 'number'} | Ref<number>`,
    decoded: asNumber ? 'number' : 'bigint',
    write(value, to, at, where) {
      if (value instanceof Ref) return patchNumber(value, to, at, size, where)
      put(to, at, size, checkInteger(value, size, where))
    },
    read: (view, at) => (asNumber ? Number(get(view, at, size, signed)) : get(view, at, size, signed)),
    print: printNumber,
  }
}

function patchNumber(ref: AnyRef, to: StructWriter, at: number, size: Size, where: string): void {
  if (size < 4) throw new InvalidInputError(`${where} has fewer than 32 bits and cannot be a result`, { field: where })
  const width = size === 8 ? 8 : 4
  to.patches.push({ at, word: encoderOf(to, where).wordOf(ref), width })
}

export const u8 = integer(1, false, true)
export const i8 = integer(1, true, true)
export const u16 = integer(2, false, true)
export const i16 = integer(2, true, true)
export const u32 = integer(4, false, true)
export const i32 = integer(4, true, true)
/** 64 bits, decoded as bigint */
export const u64 = integer(8, false, false)
export const i64 = integer(8, true, false)
/** 64 bits that never come near 2^53: sizes, times, counts */
export const count64 = integer(8, false, true)
export const signedCount64 = integer(8, true, true)

/** A 16-bit number in network byte order: ports. */
export const be16: FieldKind = {
  ...u16,
  input: 'number',
  write(value, to, at, where) {
    to.view.setUint16(at, Number(checkInteger(value, 2, where)), false)
  },
  read: (view, at) => view.getUint16(at, false),
  print: (value) => `htons(${String(value)})`,
}

/** A number that a result may stand for, with a type of its own. */
const reference = (size: 4 | 8, type: 'Fd' | 'Pid', signed: boolean): FieldKind => ({
  ...integer(size, signed, true),
  input: `number | Ref<${type}>`,
})

export const fd32 = reference(4, 'Fd', true)
export const fd64 = reference(8, 'Fd', true)
export const pid32 = reference(4, 'Pid', true)

/** Flags of a set in a field of `size` bytes; decoded to the list of names. */
export const flags = (size: Size, set: ConstantSet): FieldKind => ({
  size,
  align: size,
  input: `Flags<${set.name}>`,
  decoded: `readonly (${set.name} | number | bigint)[]`,
  write(value, to, at, where) {
    put(to, at, size, checkInteger(flagsValue(set, value, to.arch, where), size, where))
  },
  read: (view, at, arch) => flagNames(set, get(view, at, size, false), arch),
  print: (value, arch) => printFlags(set, value, arch),
})

/** One of a set in a field of `size` bytes; decoded to its name, or the number when it has none. */
export const choice = (size: Size, set: ConstantSet): FieldKind => ({
  size,
  align: size,
  input: `${set.name} | number`,
  decoded: `${set.name} | number`,
  write(value, to, at, where) {
    put(to, at, size, checkInteger(choiceValue(set, value, to.arch, where), size, where))
  },
  read(view, at, arch) {
    const value = Number(get(view, at, size, true))
    return nameOf(set, value, arch) ?? nameOf(set, Number(get(view, at, size, false)), arch) ?? value
  },
  print: (value, arch) => printChoice(set, value, arch),
})

/** Permission bits and file type, printed in octal. */
export const modeField = (size: 2 | 4): FieldKind => ({ ...(size === 2 ? u16 : u32), input: 'number', print: octal })

/** A number as strace prints a mode: `0755`, `022`, `000`. */
export const octal = (value: unknown): string => `0${Number(value).toString(8)}`.padStart(3, '0')

/** Bytes the kernel keeps for itself; always zero, never shown. */
export const reserved = (size: number, align: 1 | 2 | 4 | 8 = 1): FieldKind => ({
  size,
  align,
  input: 'never',
  decoded: 'never',
  hidden: true,
  write(_value, _to, _at, where) {
    throw new InvalidInputError(`${where} is reserved: leave it out`, { field: where })
  },
  read: () => undefined,
  print: () => '0',
})

/** A field whose value is computed from the others unless given: lengths, counts, fixed numbers. */
export const derived = (kind: FieldKind, derive: (input: Readonly<Record<string, unknown>>) => unknown): FieldKind => ({
  ...kind,
  derive,
})
