import {
  checkBoolean,
  checkEach,
  checkOneLine,
  checkText,
  checkWhole,
  type Fields,
  objectOf,
  pointerPart,
  refuse,
} from '../../bundle/config/fields.ts'
import { didYouMean } from '../../linux/nearest.ts'

/** An object of container.json whose keys are all known. */
export interface Section {
  /** JSON pointer */
  readonly at: string
  readonly fields: Fields
}

/** Reads an object; one that is absent has no fields. @throws InvalidInputError for a key that nobody would honour */
export function section(value: unknown, at: string, known: readonly string[]): Section {
  const fields = value === undefined ? {} : objectOf(value, at)
  for (const key of Object.keys(fields)) {
    if (known.includes(key)) continue
    const guess = didYouMean(key, known) || ': take it out, or see the list of fields in nsinit-configuration.md'
    refuse(`${at}/${pointerPart(key)}`, `is no field of container.json${guess}`)
  }
  return { at, fields }
}

export const pointerOf = ({ at }: Section, key: string): string => `${at}/${key}`

// The Go program of 2014 left out what was empty and took what was absent for empty: both mean "not asked for".

/** One line of text; empty is absent. */
export function textOf(from: Section, key: string): string | undefined {
  const value = from.fields[key]
  checkOneLine(value, pointerOf(from, key))
  return value === '' ? undefined : value
}

/** Text that may have several lines; empty is absent. */
export function freeTextOf(from: Section, key: string): string | undefined {
  const value = from.fields[key]
  checkText(value, pointerOf(from, key))
  return value === '' ? undefined : value
}

/** A whole number; 0 is absent. */
export function wholeOf(from: Section, key: string, least: number, most: number): number | undefined {
  const value = from.fields[key]
  if (value === 0) return undefined
  checkWhole(value, pointerOf(from, key), least, most)
  return value
}

/** A whole number that is 0 when it is absent. */
export function countOf(from: Section, key: string, least: number, most: number): number {
  const value = from.fields[key]
  checkWhole(value, pointerOf(from, key), least, most)
  return value ?? 0
}

export function flagOf(from: Section, key: string): boolean | undefined {
  const value = from.fields[key]
  checkBoolean(value, pointerOf(from, key))
  return value
}

/** Reads each entry of a list; one that is absent is empty. */
export function eachOf<T>(from: Section, key: string, read: (value: unknown, at: string) => T): readonly T[] {
  const entries: T[] = []
  checkEach(from.fields[key], pointerOf(from, key), (value, at) => entries.push(read(value, at)))
  return entries
}

/** An absolute path without empty parts, `.` and `..`. */
export function checkPlainPath(path: string, at: string, remedy: string): string {
  if (!path.startsWith('/')) refuse(at, `must be an absolute path, not ${JSON.stringify(path)}: ${remedy}`)
  const parts = path.split('/').filter((part) => part !== '' && part !== '.')
  if (parts.includes('..')) refuse(at, `must not have ".." in it, not ${JSON.stringify(path)}: write the path itself`)
  return `/${parts.join('/')}`
}

/** A value and where it stands; undefined: it is not there. */
export type Placed<T> = readonly [at: string, value: T | undefined]

/** What a field says that had other places in the course of 2014. @throws InvalidInputError when two of them disagree */
export function onlyOne<T extends string | number | boolean>(...places: readonly Placed<T>[]): T | undefined {
  const given = places.filter(([, value]) => value !== undefined)
  const [first, ...others] = given
  const other = others.find(([, value]) => value !== first?.[1])
  if (first && other) {
    refuse(
      other[0],
      `is ${JSON.stringify(other[1])}, but ${first[0]}, which means the same, is ${JSON.stringify(first[1])}: keep one`,
    )
  }
  return first?.[1]
}

/** The list of a field that had another place. @throws InvalidInputError when both have one */
export function onlyList(a: Section, b: Section, key: string): Section {
  if (a.fields[key] !== undefined && b.fields[key] !== undefined) {
    refuse(pointerOf(b, key), `is there, but ${pointerOf(a, key)}, which means the same, is there too: keep one`)
  }
  return a.fields[key] === undefined ? b : a
}
