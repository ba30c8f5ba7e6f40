import type { Pressure, PressureLine } from './statistics.ts'

/** Above this, a limit means none: v1 shows PAGE_COUNTER_MAX, 2^63 rounded down to a page of whatever size. */
const NO_LIMIT = 2 ** 62

/** A file that is one number; undefined when it is none. */
export function parseNumber(text: string): number | undefined {
  const digits = text.trim()
  return /^\d+$/.test(digits) ? Number(digits) : undefined
}

/** A file that is one number or `max`; null means no limit. */
export function parseLimit(text: string): number | null | undefined {
  if (text.trim() === 'max') return null
  const value = parseNumber(text)
  return value !== undefined && value >= NO_LIMIT ? null : value
}

/** Whole lines: the last one of a file that was longer than the buffer would tell a wrong number. */
export const linesOf = (text: string): readonly string[] => text.split('\n').slice(0, -1)

/** A file of `key number` lines; lines of another kind are left out. */
export function parseKeyed(text: string): Map<string, number> {
  const values = new Map<string, number>()
  for (const line of linesOf(text)) {
    const [, key, digits] = /^([\w.]+) (\d+)$/.exec(line) ?? []
    if (key !== undefined) values.set(key, Number(digits))
  }
  return values
}

/** The `key=value` words of a line. */
export function parseWords(line: string): Map<string, string> {
  const pairs = line.split(' ').map((word) => word.split('=', 2) as [string, string?])
  return new Map(pairs.flatMap(([key, value]): [string, string][] => (value === undefined ? [] : [[key, value]])))
}

/** A pressure file; undefined when the kernel does not count (`psi=0`) or says something else. */
export function parsePressure(text: string): Pressure | undefined {
  const lines = new Map(linesOf(text).map((line) => [line.split(' ', 1)[0], parsePressureLine(line)]))
  const [some, full] = [lines.get('some'), lines.get('full')]
  return some && { some, ...(full ? { full } : {}) }
}

function parsePressureLine(line: string): PressureLine | undefined {
  const words = parseWords(line)
  const [avg10, avg60, avg300, totalUs] = ['avg10', 'avg60', 'avg300', 'total'].map((key) => Number(words.get(key)))
  if ([avg10, avg60, avg300, totalUs].some((value) => Number.isNaN(value))) return undefined
  return { avg10, avg60, avg300, totalUs } as PressureLine
}
