import { InvalidInputError } from '../../base/errors.ts'
import { pointerPart, refuse } from './fields.ts'
import { DEEPEST, readJson } from './read-json.ts'

/** Longest document, UTF-16 units: seven hundred times what the largest configuration of an engine has. */
const LONGEST = 16 * 1024 * 1024

/** The start of a number that JSON.parse may round. In a text it does no harm: the exact reader is only slower. */
const LONG_NUMBER = /[:[,]\s*-?\d{16}/
/** Ends every key. Found inside of a text too, so there are never fewer than keys. */
const KEY_END = /"\s*:/g
/** An escaped NUL or half of a surrogate pair; unescaped, JSON and UTF-8 have neither. */
const DOUBTFUL_ESCAPE = /\\u(?:0000|[dD][89a-fA-F])/
const LONE_SURROGATE = /\p{Surrogate}/u

/**
 * The value of a JSON document that came from outside: integers beyond 2^53 are bigints, no key is there twice, no text holds
 * what a system call cannot be given.
 * @param name what the messages call it, `config.json`
 * @throws InvalidInputError with line and column, or with a JSON pointer
 */
export function parseJson(text: string, name: string): unknown {
  if (text.length > LONGEST) bad(`${name} is longer than ${LONGEST} characters: take out what no runtime reads`)
  if (text.startsWith('\uFEFF'))
    bad(`${name} begins with a byte order mark, which JSON has not (RFC 8259): save it without`)
  const value = parse(text, name)
  if (DOUBTFUL_ESCAPE.test(text)) checkTexts(value, '')
  return value
}

/** The engine's own parser is ten times as fast, but it rounds numbers and lets the last of equal keys win. */
function parse(text: string, name: string): unknown {
  if (LONG_NUMBER.test(text)) return readJson(text, name)
  let value: unknown
  try {
    value = JSON.parse(text)
  } catch {
    return readJson(text, name)
  }
  const ends = text.match(KEY_END)?.length ?? 0
  return countKeys(value, 0) === ends ? value : readJson(text, name)
}

function countKeys(value: object | unknown, depth: number): number {
  if (typeof value !== 'object' || value === null) return 0
  // Below this depth the exact reader refuses: any other count sends the document there.
  if (depth > DEEPEST) return Number.NaN
  const values: readonly unknown[] = Array.isArray(value) ? value : Object.values(value)
  let count = values === value ? 0 : values.length
  for (const each of values) if (typeof each === 'object') count += countKeys(each, depth + 1)
  return count
}

/** A NUL would cut what the kernel is given, half a surrogate pair has no UTF-8. */
function checkTexts(value: unknown, at: string): void {
  if (typeof value === 'string') {
    if (value.includes('\0')) refuse(at, 'must not hold a NUL, where the kernel would end it: take \\u0000 out')
    if (LONE_SURROGATE.test(value))
      refuse(at, 'holds half of a surrogate pair, which UTF-8 cannot say: write the whole character')
  } else if (typeof value === 'object' && value !== null) {
    for (const [key, each] of Object.entries(value)) {
      checkTexts(key, `${at}/${pointerPart(key)}`)
      checkTexts(each, `${at}/${pointerPart(key)}`)
    }
  }
}

function bad(message: string): never {
  throw new InvalidInputError(message, { field: '' })
}
