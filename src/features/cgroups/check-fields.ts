import { InvalidInputError } from '../../base/errors.ts'
import { didYouMean } from '../../linux/nearest.ts'
import { describeValue } from '../../linux/show-value.ts'
import { parseCpuList } from './cpu-list.ts'

/** Looks at one value; `path` is where it stands, `memory.limit`. @throws InvalidInputError naming the path */
export type Check = (value: unknown, path: string) => void

/** Says what is wrong with a field. */
export function refuse(path: string, rule: string): never {
  throw new InvalidInputError(`${path} ${rule}`, { field: path })
}

/** An object with these keys and no other, each optional. */
export const record =
  (checks: Readonly<Record<string, Check>>): Check =>
  (value, path) => {
    for (const [key, each] of Object.entries(objectOf(value, path))) {
      const where = path === '' ? key : `${path}.${key}`
      const check = Object.hasOwn(checks, key) ? checks[key] : undefined
      if (!check) refuse(where, `is not a resource${didYouMean(key, Object.keys(checks))}`)
      if (each !== undefined) check(each, where)
    }
  }

/** An object whose keys the caller chooses. */
export const mapOf =
  (name: Check, check: Check): Check =>
  (value, path) => {
    for (const [key, each] of Object.entries(objectOf(value, path))) {
      name(key, `${path}.${key}`)
      check(each, `${path}.${key}`)
    }
  }

export const listOf =
  (check: Check): Check =>
  (value, path) => {
    if (!Array.isArray(value)) refuse(path, `must be a list, not ${describeValue(value)}`)
    ;(value as readonly unknown[]).forEach((each, index) => check(each, `${path}[${index}]`))
  }

/** All of these keys have to be there. */
export const having =
  (keys: readonly string[], check: Check): Check =>
  (value, path) => {
    check(value, path)
    for (const key of keys) {
      if (objectOf(value, path)[key] === undefined) refuse(`${path}.${key}`, 'is missing: it has no default')
    }
  }

/** A whole number, or -1 where that means no limit. */
export const whole =
  (least: number, most: number, unlimited?: 'unlimited'): Check =>
  (value, path) => {
    if (Number.isSafeInteger(value) && Number(value) >= least && Number(value) <= most) return
    if (unlimited && value === -1) return
    const or = unlimited ? ', or -1 for no limit' : ''
    refuse(path, `must be a whole number from ${least} to ${most}${or}, not ${describeValue(value)}`)
  }

export const boolean: Check = (value, path) => {
  if (typeof value !== 'boolean') refuse(path, `must be true or false, not ${describeValue(value)}`)
}

export const oneOf =
  (...values: readonly string[]): Check =>
  (value, path) => {
    if (values.some((each) => each === value)) return
    refuse(path, `must be ${values.join(' or ')}, not ${describeValue(value)}`)
  }

export const text =
  (pattern: RegExp, rule: string): Check =>
  (value, path) => {
    if (typeof value !== 'string' || !pattern.test(value)) refuse(path, `must be ${rule}, not ${describeValue(value)}`)
  }

/** Numbers in the list format of cpuset(7). */
export const numberList =
  (noun: string): Check =>
  (value, path) => {
    if (typeof value === 'string' && parseCpuList(value)) return
    refuse(path, `must be a list of ${noun} numbers and ranges, not ${describeValue(value)}: write it like 0-3,8`)
  }

function objectOf(value: unknown, path: string): Readonly<Record<string, unknown>> {
  if (typeof value === 'object' && value !== null && !Array.isArray(value)) return value as Record<string, unknown>
  return refuse(path || 'resources', `must be an object, not ${describeValue(value)}`)
}
