import { InvalidInputError } from '../../../base/errors.ts'
import { parseCpuList } from '../cpu-list.ts'

/** A property of a unit as it goes over D-Bus: the signature of its type, and the value. org.freedesktop.systemd1(5) */
export type UnitProperty =
  | { readonly name: string; readonly signature: 't'; readonly value: bigint }
  | { readonly name: string; readonly signature: 'b'; readonly value: boolean }
  | { readonly name: string; readonly signature: 's'; readonly value: string }
  | { readonly name: string; readonly signature: 'ay'; readonly value: Uint8Array }
  | { readonly name: string; readonly signature: 'au'; readonly value: readonly number[] }
  | { readonly name: string; readonly signature: 'a(ss)'; readonly value: readonly (readonly [string, string])[] }
  | { readonly name: string; readonly signature: 'a(st)'; readonly value: readonly (readonly [string, bigint])[] }

/** What a translation depends on. */
export interface SystemdTarget {
  /** Version of the hierarchy that has the controllers */
  readonly version: 1 | 2
  /** Version of systemd, 252: what it does not know yet is written by hand */
  readonly systemd: number
}

/** A part of the resources, translated: the rest has the shape of the part. */
export interface Translated<T> {
  readonly properties: readonly UnitProperty[]
  readonly byHand?: T | undefined
}

/** CGROUP_LIMIT_MAX, USEC_INFINITY: no limit */
export const NO_LIMIT = 0xffff_ffff_ffff_ffffn

/** A number property; -1 is no limit. */
export const limitOf = (name: string, value: number): UnitProperty => ({
  name,
  signature: 't',
  value: value < 0 ? NO_LIMIT : BigInt(value),
})

/** The keys that have a value, or undefined for none: resources of nothing are none. */
export function someOf<T extends object>(part: T): T | undefined {
  const entries = Object.entries(part).filter(([, value]) => value !== undefined)
  return entries.length === 0 ? undefined : (Object.fromEntries(entries) as T)
}

/** A list as a bit mask, least significant byte first. @throws InvalidInputError */
export function maskOf(name: string, list: string, field: string): UnitProperty {
  const numbers = parseCpuList(list)
  if (!numbers) {
    throw new InvalidInputError(
      `${field} must be a list of numbers and ranges such as "0-3,8", not ${JSON.stringify(list)}`,
      {
        field,
      },
    )
  }
  const mask = new Uint8Array(Math.floor(Math.max(...numbers) / 8) + 1)
  for (const each of numbers) mask[each >> 3] = (mask[each >> 3] ?? 0) | (1 << (each & 7))
  return { name, signature: 'ay', value: mask }
}
