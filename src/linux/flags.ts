import { InvalidInputError } from '../base/errors.ts'
import { type Arch, valueOn } from './arch.ts'
import { type ConstantSet, choiceValue, nameOf } from './constant-set.ts'

/** A flag word: a list of names and numbers, one name, or the number itself (bigint where 64 bits count). */
export type Flags<N extends string> = N | number | bigint | readonly (N | number | bigint)[]

/** The word of a list of names that each are at most 31 bits on every architecture, as nearly all are; undefined for any other value. */
export function usualFlags(set: ConstantSet, value: unknown): number | undefined {
  if (!Array.isArray(value) || set.arch !== undefined) return undefined
  const { values } = set
  let bits = 0
  for (const item of value as readonly unknown[]) {
    // What every object inherits is no number.
    const known = typeof item === 'string' ? values[item] : undefined
    if (typeof known !== 'number' || known < 0 || known > MOST_POSITIVE) return undefined
    bits |= known
  }
  return bits
}

/**
 * The word of a flag list: all of its items OR-ed; a bigint only beyond 2^53. A negative number is a 32-bit pattern, because that is
 * what `1 << 31` is in JavaScript.
 * @throws InvalidInputError
 */
export function flagsValue(set: ConstantSet, value: unknown, arch: Arch, field: string): number | bigint {
  const usual = usualFlags(set, value)
  if (usual !== undefined) return usual
  if (typeof value === 'string') return choiceValue(set, value, arch, field)
  if (!Array.isArray(value)) return word(choiceValue(set, value, arch, field), field)
  let low = 0
  let high = 0
  for (const item of value as readonly unknown[]) {
    const given = choiceValue(set, item, arch, field)
    const number = typeof given === 'number' && given >= 0 ? given : word(given, field)
    if (typeof number === 'bigint') {
      low |= Number(BigInt.asIntN(32, number))
      high |= Number(BigInt.asIntN(32, number >> 32n))
    } else {
      low |= number
      high |= Math.floor(number / 2 ** 32)
    }
  }
  if (high === 0) return low >>> 0
  return narrow((BigInt(high >>> 0) << 32n) | BigInt(low >>> 0))
}

/** Of 32 bits */
const MOST_POSITIVE = 0x7fff_ffff

/** Flags as the unsigned number of at most 64 bits that the kernel sees. */
function word(value: number | bigint, field: string): number | bigint {
  if (typeof value === 'number') {
    if (value >= 0) return value
    if (value >= -(2 ** 31)) return value >>> 0
  } else if (value >= -(1n << 63n) && value < 1n << 64n) return narrow(BigInt.asUintN(64, value))
  throw new InvalidInputError(`${field} has ${value}: flags have 32 bits when negative, 64 at most`, { field })
}

const narrow = (value: bigint): number | bigint => (value <= BigInt(Number.MAX_SAFE_INTEGER) ? Number(value) : value)

/** The names in a flag word in the order of the set; bits without a name come last, as one number. */
export function flagNames(set: ConstantSet, value: number | bigint, arch: Arch = 'x64'): (string | number | bigint)[] {
  let rest = BigInt.asUintN(64, BigInt(value))
  const names: (string | number | bigint)[] = []
  const field = BigInt(set.field ?? 0)
  if (field) {
    const chosen = rest & field
    const name = nameOf(set, chosen, arch)
    if (name !== undefined) {
      names.push(name)
      rest &= ~field
    }
  }
  for (const [name, known] of Object.entries(set.values)) {
    const bits = BigInt.asUintN(64, BigInt(valueOn(arch, known)))
    if (bits !== 0n && (rest & bits) === bits && !(field && (bits & ~field) === 0n)) {
      names.push(name)
      rest &= ~bits
    }
  }
  if (rest !== 0n) names.push(narrow(rest))
  return names
}

/** A flag word as strace prints it, `O_RDONLY|O_CLOEXEC`. */
export function printFlags(set: ConstantSet, value: unknown, arch: Arch = 'x64'): string {
  const names = flagNames(set, flagsValue(set, value, arch, set.name), arch)
  if (names.length === 0) return (set.namesZero && nameOf(set, 0, arch)) || '0'
  return names.map((name) => (typeof name === 'string' ? name : `0x${name.toString(16)}`)).join('|')
}
