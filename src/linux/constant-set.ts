import { InvalidInputError, UnsupportedError } from '../base/errors.ts'
import { type Arch, type PerArch, valueOn } from './arch.ts'
import { didYouMean } from './nearest.ts'

/** Names and values of one group of kernel constants. */
export interface ConstantSet<V extends Readonly<Record<string, PerArch>> = Readonly<Record<string, PerArch>>> {
  /** Name of the TypeScript union of its names, `OpenFlag` */
  readonly name: string
  /** Header that defines them, as in `#include <...>` */
  readonly header: string
  /** `flags` are combined with `|`, of a `choice` one is taken */
  readonly kind: 'flags' | 'choice'
  readonly values: V
  /** Bits of a flag word that hold a number instead of flags, `O_ACCMODE` */
  readonly field?: number
  /** A word without any flag is shown by its name, `F_OK`, not as 0 */
  readonly namesZero?: true
  /** Names that are no macros but members of an enum, which `#ifdef` cannot see */
  readonly isEnum?: true
  /** Members of that enum which headers of Linux 6.1 do not have */
  readonly newer?: readonly string[]
  /** The architecture that has them, where the other one has not */
  readonly arch?: Arch
}

/** The union of a set's names. */
export type NameOf<S extends ConstantSet> = keyof S['values'] & string

interface SetOptions {
  readonly field?: number
  readonly namesZero?: true
  readonly isEnum?: true
  readonly newer?: readonly string[]
  readonly arch?: Arch
}

/**
 * Declares constants that are combined with `|`; a name for several bits stands before the names of its parts. The table is made when
 * it is first looked at: all of them together cost a short command more than what it does.
 */
export const flagSet = /* @__NO_SIDE_EFFECTS__ */ <const V extends Readonly<Record<string, PerArch>>>(
  name: string,
  header: string,
  values: () => V,
  options?: SetOptions,
): ConstantSet<V> => new LazySet(name, header, { kind: 'flags', values }, options)

/** Declares constants of which one is chosen. */
export const choiceSet = /* @__NO_SIDE_EFFECTS__ */ <const V extends Readonly<Record<string, PerArch>>>(
  name: string,
  header: string,
  values: () => V,
  options?: SetOptions,
): ConstantSet<V> => new LazySet(name, header, { kind: 'choice', values }, options)

class LazySet<V extends Readonly<Record<string, PerArch>>> implements ConstantSet<V> {
  readonly name: string
  readonly header: string
  readonly kind: 'flags' | 'choice'
  declare readonly field?: number
  declare readonly namesZero?: true
  declare readonly isEnum?: true
  declare readonly newer?: readonly string[]
  declare readonly arch?: Arch
  readonly #make: () => V

  constructor(
    name: string,
    header: string,
    { kind, values }: { readonly kind: 'flags' | 'choice'; readonly values: () => V },
    options?: SetOptions,
  ) {
    this.name = name
    this.header = header
    this.kind = kind
    this.#make = values
    if (options) Object.assign(this, options)
  }

  get values(): V {
    const values = this.#make()
    Object.defineProperty(this, 'values', { value: values })
    return values
  }
}

/**
 * The number of one name.
 * @throws InvalidInputError when the set has no such name
 * @throws UnsupportedError when the architecture has no such constant
 */
export function valueOf(set: ConstantSet, name: string, arch: Arch, field: string): number {
  const { values } = set
  const known = values[name]
  // What every object inherits is no number.
  if (typeof known === 'number' && set.arch === undefined) return known
  const value = Object.hasOwn(values, name) ? known : undefined
  if (value !== undefined && set.arch !== undefined && set.arch !== arch) throw notOn(arch, name)
  if (typeof value === 'number') return value
  if (value !== undefined) return valueOn(arch, value)
  const guess = didYouMean(name, Object.keys(values), 1)
  throw new InvalidInputError(`${field} has no constant ${JSON.stringify(name)} (${set.header})${guess}`, { field })
}

/** The error about a constant that only the other architecture has. */
export const notOn = (arch: Arch, name: string): UnsupportedError =>
  new UnsupportedError(`${name} does not exist on ${arch}`, {
    fact: `constant ${name}`,
    remedy: 'use its successor, which all architectures have (openat for open, PTRACE_GETREGSET for PTRACE_GETREGS …)',
  })

/**
 * The number of a choice: itself, or that of its name.
 * @throws InvalidInputError
 */
export function choiceValue(set: ConstantSet, value: unknown, arch: Arch, field: string): number | bigint {
  if (typeof value === 'string') return valueOf(set, value, arch, field)
  if (isInteger(value)) return value
  throw new InvalidInputError(`${field} must be a name of ${set.name} or an integer`, { field })
}

const isInteger = (value: unknown): value is number | bigint => typeof value === 'bigint' || Number.isSafeInteger(value)

/** The first name of a value, or undefined. */
export function nameOf(set: ConstantSet, value: number | bigint, arch: Arch = 'x64'): string | undefined {
  for (const [name, known] of Object.entries(set.values)) {
    const number = valueOn(arch, known)
    if (number === Number(value)) return name
  }
  return undefined
}

/** A choice as strace prints it: its name, or the number in hexadecimal. */
export function printChoice(set: ConstantSet, value: unknown, arch: Arch = 'x64'): string {
  const number = choiceValue(set, value, arch, set.name)
  if (typeof value === 'string') return value
  return nameOf(set, number, arch) ?? (number < 0 ? String(number) : `0x${number.toString(16)}`)
}
