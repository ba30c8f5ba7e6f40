import { InvalidInputError } from '../base/errors.ts'
import type { Arch } from './arch.ts'
import { quote } from './c-string.ts'
import type { EncodedOut, Param } from './call.ts'
import { type ConstantSet, choiceValue, printChoice } from './constant-set.ts'
import { DecimalPath } from './decimal-path.ts'
import type { Encoder } from './encoder.ts'
import { flagsValue, printFlags, usualFlags } from './flags.ts'
import { placeText, textBytes } from './memory-fields.ts'
import { Memory } from './memory.ts'
import { Ref } from './ref.ts'
import { octal } from './scalar-fields.ts'
import { describeValue, printNumber } from './show-value.ts'
import { CAPABILITIES, SECUREBITS } from './tables/capabilities.ts'
import { PRCTL_VALUES } from './tables/prctl.ts'
import { SECCOMP_MODES } from './tables/seccomp.ts'
import { SIGNALS } from './tables/signals.ts'
import { AT_FDCWD } from './at-fdcwd.ts'

/** What fits into 64 bits, signed or not; no float is next to 2^64. */
const LOWEST = -(2n ** 63n)
const HIGHEST = 2n ** 64n - 1n

/** What fits into 32 bits, signed or not */
const LEAST_32 = -0x8000_0000
const MOST_32 = 0xffff_ffff
/** Of a signed number */
const MOST_INT = 0x7fff_ffff

/** Refuses what is no integer within the limits. */
function assertWithin(
  value: unknown,
  where: string,
  low: number | bigint,
  high: number | bigint,
): asserts value is number | bigint {
  const isNumber = typeof value === 'number' && Number.isInteger(value)
  if ((isNumber || typeof value === 'bigint') && value >= low && value <= high) return
  throw new InvalidInputError(`${where} must be an integer from ${low} to ${high}, not ${describeValue(value)}`, {
    field: where,
  })
}

/** Pushes a number of at most 64 bits, or the word of a result. */
export function pushNumber(
  value: unknown,
  to: Encoder,
  where: string,
  low: number | bigint = LOWEST,
  high: number | bigint = HIGHEST,
): void {
  if (value instanceof Ref) return to.push(to.wordOf(value))
  assertWithin(value, where, low, high)
  to.pushNumber(value)
}

/** The usual case, which needs no text of where it is: an engine that starts for one command interprets all of this. */
const isWithin = (value: unknown, low: number, high: number): value is number =>
  typeof value === 'number' && value >= low && value <= high && value % 1 === 0

interface NumberShape {
  readonly type?: string
  readonly ref?: string
  readonly low?: number
  readonly high?: number
  readonly print?: (value: unknown) => string
}

function numeric(name: string, shape: NumberShape): Param {
  const { low = LEAST_32, high = MOST_INT, print = printNumber } = shape
  return {
    name,
    type: shape.type ?? 'number',
    ref: shape.ref ?? 'number',
    encode(value, to, call) {
      if (isWithin(value, low, high)) to.pushNumber(value)
      else pushNumber(value, to, `${call}.${name}`, low, high)
    },
    print: (value) => (value instanceof Ref ? value.label : print(value)),
  }
}

/** A descriptor: a number, or the result of a call that made one. */
export const fd = (name = 'fd'): Param => numeric(name, { ref: 'Fd', low: -1 })

/** A directory descriptor, or `AT_FDCWD`: the working directory. */
export const dirfd = (name = 'dirfd'): Param => ({
  name,
  type: "number | 'AT_FDCWD'",
  ref: 'Fd',
  encode(value, to, call) {
    if (value === 'AT_FDCWD') to.pushNumber(AT_FDCWD)
    else if (value instanceof Ref) to.push(to.wordOf(value))
    else pushNumber(value, to, `${call}.${name}`, AT_FDCWD, MOST_INT)
  },
  print: (value) => (value === AT_FDCWD || value === 'AT_FDCWD' ? 'AT_FDCWD' : printNumber(value)),
})

/** A process id; 0 and negative ones mean what the call says. */
export const pid = (name = 'pid'): Param => numeric(name, { ref: 'Pid' })
/** A signed 32-bit number. */
export const int = (name: string): Param => numeric(name, {})
/** An unsigned 32-bit number. */
export const uint = (name: string): Param => numeric(name, { low: 0, high: MOST_32 })
/** A user or group id; -1 leaves it unchanged where the call has that. */
export const id = (name: string): Param =>
  numeric(name, { low: -1, high: MOST_32, print: (value) => (value === MOST_32 ? '-1' : String(value)) })
/** Permission bits, printed in octal, behind the kind of file (inode(7)) where there is one. */
export const mode = (name = 'mode'): Param => numeric(name, { low: 0, high: 0o177777, print: printMode })

const FILE_KINDS: Readonly<Record<number, string>> = {
  0o010000: 'S_IFIFO',
  0o020000: 'S_IFCHR',
  0o040000: 'S_IFDIR',
  0o060000: 'S_IFBLK',
  0o100000: 'S_IFREG',
  0o120000: 'S_IFLNK',
  0o140000: 'S_IFSOCK',
}

function printMode(value: unknown): string {
  const kind = typeof value === 'number' ? FILE_KINDS[value & 0o170000] : undefined
  return kind === undefined ? octal(value) : `${kind}|${octal((value as number) & 0o7777)}`
}

/** A 64-bit number. */
export const u64 = (name: string): Param => ({
  name,
  type: 'number | bigint',
  ref: 'number',
  encode: (value, to, call) => pushNumber(value, to, `${call}.${name}`),
  print: printNumber,
})

/** A device number as mknodat(2) takes it: `makedev(major, minor)`. */
export const device = (name = 'dev'): Param =>
  numeric(name, {
    low: 0,
    high: MOST_32,
    print: (value) =>
      value === 0 ? '0' : `makedev(0x${major(Number(value)).toString(16)}, 0x${minor(Number(value)).toString(16)})`,
  })

/** The kernel's 32-bit encoding of a device number (new_encode_dev). */
export const makedev = (majorNumber: number, minorNumber: number): number =>
  ((minorNumber & 0xff) | (majorNumber << 8) | ((minorNumber & ~0xff) << 12)) >>> 0
/** Major part of a device number. */
export const major = (dev: number): number => (dev >>> 8) & 0xfff
/** Minor part of a device number. */
export const minor = (dev: number): number => (dev & 0xff) | ((dev >>> 12) & 0xfff00)

/** A word that the caller does not choose. */
export const constant = (value: number, text = String(value), name = 'constant'): Param => ({
  name,
  type: 'never',
  implied: true,
  encode: (_value, to) => to.pushNumber(value),
  print: () => text,
})

/** Pushes the address of a NUL-terminated string that is an argument. */
function pushText(value: unknown, to: Encoder, call: string, name: string): void {
  if (typeof value === 'string' && !value.includes('\0')) to.pushData(to.placeText(value))
  else pushPath(value, to, `${call}.${name}`)
}

/** Pushes the address of a NUL-terminated string. */
export function pushPath(value: unknown, to: Encoder, where: string): void {
  if (value instanceof DecimalPath) {
    const prefix = textBytes(value.prefix, where)
    const bytes = new Uint8Array(prefix.length + 21)
    bytes.set(prefix)
    const at = to.place(bytes)
    to.relocate(at + prefix.length, to.wordOf(value.number), 'text')
    return to.pushData(at)
  }
  to.pushData(placeText(value, to, where))
}

const printPath = (value: unknown): string =>
  value instanceof DecimalPath
    ? `${quote(value.prefix).slice(0, -1)}<${value.number.label}>"`
    : quote(value as string | Uint8Array)

/** A path: text or bytes without NUL, or text with a number that an earlier step yields. */
export const path = (name = 'pathname'): Param => ({
  name,
  type: 'PathArg',
  encode: (value, to, call) => pushText(value, to, call, name),
  print: printPath,
})

/** A NUL-terminated string that is no path. */
export const text = (name: string): Param => ({
  name,
  type: 'string | Uint8Array',
  encode: (value, to, call) => pushText(value, to, call, name),
  print: printPath,
})

/** Text and its length, without a NUL: `sethostname`. */
export const countedText = (name: string): Param => ({
  name,
  type: 'string | Uint8Array',
  encode(value, to, call) {
    const bytes = textBytes(value, `${call}.${name}`)
    to.pushData(to.place(bytes))
    to.pushNumber(bytes.length)
  },
  print: (value) => `${quote(value as string | Uint8Array)}, ${textBytes(value, name).length}`,
})

/** The same parameter, that may also be `null`: a NULL pointer. */
export const nullable = (param: Param): Param => ({
  ...param,
  type: `${param.type} | null`,
  encode(value, to, call) {
    if (value === null) return to.pushNumber(0)
    return param.encode(value, to, call)
  },
  print: (value, arch) => (value === null ? 'NULL' : param.print(value, arch)),
})

/** The same parameter, that may also be memory laid out by the caller. */
export const orMemory = (param: Param): Param => ({
  ...param,
  type: `${param.type} | Memory`,
  encode: (value, to, call) => (value instanceof Memory ? value.encode(to) : param.encode(value, to, call)),
  print: (value, arch) => (value instanceof Memory ? value.toString() : param.print(value, arch)),
})

/** The same parameter, zero and not shown when it is left out; only after it may be other optional ones. */
export const optional = (param: Param): Param => ({
  ...param,
  optional: true,
  encode(value, to, call) {
    if (value === undefined) return to.pushNumber(0)
    return param.encode(value, to, call)
  },
  print: (value, arch) => (value === undefined ? '' : param.print(value, arch)),
})

/** Flags of a set: names, numbers, or the word itself. */
export const flags = (set: ConstantSet, name = 'flags'): Param => ({
  name,
  type: `Flags<${set.name}>`,
  encode(value, to, call) {
    to.pushNumber(usualFlags(set, value) ?? flagsValue(set, value, to.arch, `${call}.${name}`))
  },
  print: (value, arch) => printFlags(set, value, arch),
})

/** One of a set: its name or its number. */
export const choice = (set: ConstantSet, name: string): Param => ({
  name,
  type: `${set.name} | number`,
  encode(value, to, call) {
    const known = typeof value === 'string' && set.arch === undefined ? set.values[value] : undefined
    if (isWithin(known, LEAST_32, MOST_32)) return to.pushNumber(known)
    const where = `${call}.${name}`
    const number = choiceValue(set, value, to.arch, where)
    assertWithin(number, where, LEAST_32, MOST_32)
    to.pushNumber(number)
  },
  print: (value, arch) => printChoice(set, value, arch),
})

/** A signal; 0 where a call only asks whether it could be sent. */
export const signal = (name = 'sig'): Param => ({
  ...choice(SIGNALS, name),
  print: (value) => (value === 0 ? '0' : printChoice(SIGNALS, value)),
})

/** Pushes an argument without a signature; memory leaves behind how it is read afterwards. */
export function pushRaw(value: unknown, to: Encoder, where: string): EncodedOut | void {
  if (value === null || value === undefined) return to.pushNumber(0)
  if (typeof value === 'string' || value instanceof DecimalPath) return pushPath(value, to, where)
  if (value instanceof Uint8Array) return to.pushData(to.place(value))
  if (value instanceof Memory) return value.encode(to)
  pushNumber(value, to, where)
}

/** An argument without a signature as a listing shows it. */
export function printRaw(value: unknown): string {
  if (value === undefined) return ''
  if (value === null) return 'NULL'
  if (typeof value === 'string' || value instanceof Uint8Array || value instanceof DecimalPath) return printPath(value)
  if (value instanceof Memory) return value.toString()
  return printNumber(value)
}

/** An argument without a signature: a number, a string (NUL-terminated), bytes, memory, a result, or null. */
export const rawParam: Param = {
  name: 'argument',
  type: 'RawArg',
  ref: 'unknown',
  encode: (value, to, call) => pushRaw(value, to, `${call}.argument`),
  print: printRaw,
}

/** A raw argument with a name of its own, zero when left out. */
export const raw = (name: string): Param => ({
  name,
  type: 'RawArg',
  ref: 'unknown',
  optional: true,
  encode: (value, to, call) => pushRaw(value, to, `${call}.${name}`),
  print: printRaw,
})

const PRCTL_NAMES: readonly (readonly [prefix: string, set: ConstantSet])[] = [
  ['PR_', PRCTL_VALUES],
  ['CAP_', CAPABILITIES],
  ['SIG', SIGNALS],
  ['SECBIT_', SECUREBITS],
  ['SECCOMP_MODE_', SECCOMP_MODES],
]

function namedNumber(value: unknown, arch: Arch, where: string): number | bigint | undefined {
  if (Array.isArray(value)) return flagsValue(SECUREBITS, value, arch, where)
  if (typeof value !== 'string') return undefined
  const set = PRCTL_NAMES.find(([prefix]) => value.startsWith(prefix))?.[1]
  return set && choiceValue(set, value, arch, where)
}

/**
 * An argument of prctl(2): raw, or the name of a capability, signal, secure bit, seccomp mode or PR_ value; other text is a
 * NUL-terminated string (PR_SET_NAME). Zero when left out: many operations demand zeros.
 */
export const prctlArgument = (name: string): Param => ({
  name,
  type: 'PrctlArg',
  ref: 'unknown',
  optional: true,
  encode(value, to, call) {
    if (value === undefined) return to.pushNumber(0)
    if (typeof value === 'number') return pushNumber(value, to, `${call}.${name}`)
    const number = namedNumber(value, to.arch, `${call}.${name}`)
    if (number !== undefined) return to.pushNumber(number)
    return pushRaw(value, to, `${call}.${name}`)
  },
  print(value, arch = 'x64') {
    if (Array.isArray(value)) return printFlags(SECUREBITS, value, arch)
    return namedNumber(value, arch, name) === undefined ? printRaw(value) : String(value)
  },
})
