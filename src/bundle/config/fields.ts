import { InvalidInputError } from '../../base/errors.ts'
import { didYouMean } from '../../linux/nearest.ts'
import { describeValue } from '../../linux/show-value.ts'

/** What a check leaves behind besides its verdict. */
export interface Findings {
  /** JSON pointers of properties that nobody knows */
  readonly unknown: string[]
  /** What is ignored, in sentences that begin with a JSON pointer */
  readonly warnings: string[]
}

/** An object of the document, its values not looked at yet. */
export type Fields = Readonly<Record<string, unknown>>

export const newFindings = (): Findings => ({ unknown: [], warnings: [] })

/** @param at JSON pointer of what is wrong. @throws InvalidInputError always */
export function refuse(at: string, rule: string): never {
  throw new InvalidInputError(`${at === '' ? 'The document' : at} ${rule}`, { field: at })
}

/** A key as part of a JSON pointer (RFC 6901). */
export const pointerPart = (key: string): string => key.replaceAll('~', '~0').replaceAll('/', '~1')

/** An object with these properties; others are noted as unknown, because the specification forbids to refuse them. */
export function fieldsOf(value: unknown, at: string, known: readonly string[], findings: Findings): Fields {
  const fields = objectOf(value, at)
  for (const key in fields) if (!known.includes(key)) findings.unknown.push(`${at}/${pointerPart(key)}`)
  return fields
}

/** An object whose keys are the author's. */
export function objectOf(value: unknown, at: string): Fields {
  if (typeof value === 'object' && value !== null && !Array.isArray(value)) return value as Fields
  return refuse(at, `must be an object, not ${describeValue(value)}${leaveOut(value)}`)
}

/** A property that has to be there. */
export function need(fields: Fields, key: string, at: string, remedy: string): void {
  if (fields[key] === undefined) refuse(`${at}/${key}`, `is missing: ${remedy}`)
}

// Each check below accepts undefined, an absent property.

export function checkText(value: unknown, at: string): asserts value is string | undefined {
  if (value !== undefined && typeof value !== 'string') wrong(value, at, 'text')
}

export function checkBoolean(value: unknown, at: string): asserts value is boolean | undefined {
  if (value !== undefined && typeof value !== 'boolean') wrong(value, at, 'true or false')
}

export function checkWhole(
  value: unknown,
  at: string,
  least: number,
  most: number,
): asserts value is number | undefined {
  if (value === undefined) return
  if (!Number.isSafeInteger(value) || Number(value) < least || Number(value) > most) {
    wrong(value, at, `a whole number from ${least} to ${most}`)
  }
}

const MOST_UNSIGNED_64 = 0xffff_ffff_ffff_ffffn

/** 0 to 2^64-1, which are bigints above 2^53. */
export function checkUnsigned64(value: unknown, at: string): asserts value is number | bigint | undefined {
  if (value === undefined) return
  if (
    typeof value === 'bigint'
      ? value >= 0n && value <= MOST_UNSIGNED_64
      : Number.isSafeInteger(value) && Number(value) >= 0
  )
    return
  wrong(value, at, `a whole number from 0 to ${MOST_UNSIGNED_64}, written with digits only`)
}

export function checkChoice(
  value: unknown,
  at: string,
  choices: readonly string[],
): asserts value is string | undefined {
  if (value === undefined || (typeof value === 'string' && choices.includes(value))) return
  const list = choices.length > 4 ? `one of ${choices.join(', ')}` : choices.join(' or ')
  wrong(value, at, list, typeof value === 'string' ? didYouMean(value, choices) : '')
}

export function checkList(value: unknown, at: string): asserts value is readonly unknown[] | undefined {
  if (value !== undefined && !Array.isArray(value)) wrong(value, at, 'a list')
}

export function checkTexts(value: unknown, at: string): asserts value is readonly string[] | undefined {
  checkList(value, at)
  if (value === undefined) return
  // A loop without a closure: one profile of seccomp has four hundred of them, before anything is compiled.
  for (let index = 0; index < value.length; index++) {
    if (typeof value[index] !== 'string') wrong(value[index], `${at}/${index}`, 'text')
  }
}

export function checkChoices(
  value: unknown,
  at: string,
  choices: readonly string[],
): asserts value is readonly string[] | undefined {
  checkList(value, at)
  value?.forEach((each, index) => checkChoice(each, `${at}/${index}`, choices))
}

/** A list of objects that are looked at one by one. */
export function checkEach(value: unknown, at: string, check: (each: unknown, at: string) => void): void {
  checkList(value, at)
  if (value === undefined) return
  for (let index = 0; index < value.length; index++) check(value[index], `${at}/${index}`)
}

export function checkAbsolute(value: unknown, at: string): asserts value is string | undefined {
  checkText(value, at)
  if (value !== undefined && !value.startsWith('/')) wrong(value, at, 'an absolute path', ': begin it with "/"')
}

export function checkAbsolutes(value: unknown, at: string): asserts value is readonly string[] | undefined {
  checkTexts(value, at)
  value?.forEach((each, index) => checkAbsolute(each, `${at}/${index}`))
}

/** Text that is written to a file of the kernel, where a second line would be a second order. */
export function checkOneLine(value: unknown, at: string): asserts value is string | undefined {
  checkText(value, at)
  if (value?.includes('\n')) refuse(at, 'must be one line: take the newline out')
}

export function wrong(value: unknown, at: string, rule: string, remedy = ''): never {
  refuse(at, `must be ${rule}, not ${describeValue(value)}${leaveOut(value) || remedy}`)
}

const leaveOut = (value: unknown): string => (value === null ? ': leave the property out instead' : '')
