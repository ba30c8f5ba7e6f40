import { InvalidInputError } from '../../base/errors.ts'
import { pointerPart } from './fields.ts'

/** Levels of nesting; the specification's own documents have nine. */
export const DEEPEST = 100

interface Cursor {
  readonly text: string
  readonly name: string
  at: number
}

const SPACE = /[ \t\n\r]*/y
// eslint-disable-next-line no-control-regex -- JSON forbids control characters in texts
const TEXT = /"[^"\\\u0000-\u001f]*(?:\\(?:["\\/bfnrt]|u[0-9a-fA-F]{4})[^"\\\u0000-\u001f]*)*"/y
const NUMBER = /-?(?:0|[1-9]\d*)(?<rest>(?:\.\d+)?(?:[eE][+-]?\d+)?)/y
const WORD = /true|false|null/y
/** Digits of 2^64 and a sign; what is longer fits no field of the specification. */
const LONGEST_INTEGER = 21

/**
 * Reads JSON as RFC 8259 has it, more exactly than JSON.parse: an integer beyond 2^53 becomes a bigint, a key that is there twice
 * is an error, and errors say where.
 * @param name what the messages call the document
 * @throws InvalidInputError
 */
export function readJson(text: string, name: string): unknown {
  const cursor: Cursor = { text, name, at: 0 }
  const value = readValue(cursor, '', 0)
  if (peek(cursor) !== undefined) fail(cursor, 'the end of the document')
  return value
}

function readValue(cursor: Cursor, at: string, depth: number): unknown {
  if (depth > DEEPEST) {
    throw new InvalidInputError(`${cursor.name} is nested deeper than ${DEEPEST} levels: no property needs that`, {
      field: at,
    })
  }
  switch (peek(cursor)) {
    case '{':
      return readObject(cursor, at, depth)
    case '[':
      return readArray(cursor, at, depth)
    case '"':
      return readText(cursor)
    default:
      return readWordOrNumber(cursor)
  }
}

function readObject(cursor: Cursor, at: string, depth: number): object {
  const entries = new Map<string, unknown>()
  cursor.at++
  if (skip(cursor, '}')) return {}
  do {
    if (peek(cursor) !== '"') fail(cursor, 'a key in double quotes')
    const key = readText(cursor)
    const where = `${at}/${pointerPart(key)}`
    // Two readers of one document must not read different values (RFC 8259 section 4).
    if (entries.has(key)) throw new InvalidInputError(`${where} is there twice: keep one of them`, { field: where })
    if (!skip(cursor, ':')) fail(cursor, '":"')
    entries.set(key, readValue(cursor, where, depth + 1))
  } while (skip(cursor, ','))
  if (!skip(cursor, '}')) fail(cursor, '"," or "}"')
  return Object.fromEntries(entries)
}

function readArray(cursor: Cursor, at: string, depth: number): unknown[] {
  const values: unknown[] = []
  cursor.at++
  if (skip(cursor, ']')) return values
  do values.push(readValue(cursor, `${at}/${values.length}`, depth + 1))
  while (skip(cursor, ','))
  if (!skip(cursor, ']')) fail(cursor, '"," or "]"')
  return values
}

function readText(cursor: Cursor): string {
  const token = take(cursor, TEXT)?.[0]
  if (token === undefined) fail(cursor, 'text with known escapes that ends on its line')
  return JSON.parse(token) as string
}

function readWordOrNumber(cursor: Cursor): unknown {
  const word = take(cursor, WORD)?.[0]
  if (word !== undefined) return JSON.parse(word)
  const match = take(cursor, NUMBER)
  if (!match) return fail(cursor, 'a value')
  const [token] = match
  const number = Number(token)
  if (match.groups?.['rest'] !== '' || Number.isSafeInteger(number) || token.length > LONGEST_INTEGER) return number
  return BigInt(token)
}

function peek(cursor: Cursor): string | undefined {
  take(cursor, SPACE)
  return cursor.text[cursor.at]
}

function skip(cursor: Cursor, sign: string): boolean {
  if (peek(cursor) !== sign) return false
  cursor.at++
  return true
}

function take(cursor: Cursor, pattern: RegExp): RegExpExecArray | null {
  pattern.lastIndex = cursor.at
  const match = pattern.exec(cursor.text)
  if (match) cursor.at += match[0].length
  return match
}

function fail({ text, name, at }: Cursor, wanted: string): never {
  const lines = text.slice(0, at).split('\n')
  const column = (lines.at(-1)?.length ?? 0) + 1
  const found = at < text.length ? JSON.stringify(text.slice(at, at + 12)) : 'the end'
  throw new InvalidInputError(
    `${name} is not JSON: line ${lines.length}, column ${column}: expected ${wanted}, found ${found}`,
    {
      field: '',
    },
  )
}
