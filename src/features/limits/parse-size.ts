import { InvalidInputError } from '../../base/errors.ts'

const BYTE_UNITS: Readonly<Record<string, number>> = { '': 1, b: 1, k: 2 ** 10, m: 2 ** 20, g: 2 ** 30, t: 2 ** 40 }

/**
 * Bytes from a whole number, or from text with a binary unit: `512k`, `256M`, `1G`, `2T`, `256MiB` (any case).
 *
 * @throws InvalidInputError naming `field`
 */
export function parseBytes(value: unknown, field: string): number {
  const bytes = typeof value === 'number' ? value : bytesOf(value)
  if (Number.isSafeInteger(bytes) && bytes >= 0) return bytes
  throw refuse(field, 'must be a whole number of bytes', value, 'write it like 512k, 256M, 1G or 268435456')
}

function bytesOf(value: unknown): number {
  const [, digits, unit] = (typeof value === 'string' && /^(\d+)(|b|[kmgt](?:ib)?)$/i.exec(value.trim())) || []
  const factor = BYTE_UNITS[(unit ?? '').toLowerCase().replace(/^([kmgt])ib$/, '$1')]
  return digits === undefined || factor === undefined ? NaN : Number(digits) * factor
}

const DURATION_UNITS: Readonly<Record<string, number>> = { ms: 1, s: 1_000, m: 60_000, h: 3_600_000 }
/** Timers take 32 bits: a longer one would fire at once. */
const LONGEST_MS = 2 ** 31 - 1

/**
 * Milliseconds from a number of them, or from text with a unit: `500ms`, `5s`, `1.5s`, `2m`, `1h`.
 *
 * @throws InvalidInputError naming `field`
 */
export function parseDuration(value: unknown, field: string): number {
  const ms = typeof value === 'number' ? value : durationOf(value)
  if (!Number.isSafeInteger(ms) || ms < 0) {
    throw refuse(field, 'must be a time in whole milliseconds', value, 'write it like 500ms, 5s, 2m or 1h')
  }
  if (ms === 0) throw refuse(field, 'must be longer than nothing', value, 'leave it out for no limit')
  if (ms > LONGEST_MS) throw refuse(field, 'must be at most 24 days', value, 'leave it out for no limit')
  return ms
}

function durationOf(value: unknown): number {
  const [, digits, unit] = (typeof value === 'string' && /^(\d+(?:\.\d+)?)(ms|[smh])$/i.exec(value.trim())) || []
  const factor = DURATION_UNITS[(unit ?? '').toLowerCase()]
  return digits === undefined || factor === undefined ? NaN : scaleDecimal(digits, factor)
}

/** `digits` times `factor` in integers, so that 1.1s is 1100 ms and not 1100.0000000000002. */
function scaleDecimal(digits: string, factor: number): number {
  const [whole = '', fraction = ''] = digits.split('.')
  return (Number(whole + fraction) * factor) / 10 ** fraction.length
}

/** Fewest CPUs that the kernel's quota can express: 1 ms in each period of 1 s, sched-bwc. */
const FEWEST_CPUS = 0.001
/** More than any machine has (CONFIG_NR_CPUS is at most 8192), and a quota that still fits the kernel's check. */
const MOST_CPUS = 8192

/**
 * CPUs' worth of time from a number or decimal text: `2`, `0.5`.
 *
 * @throws InvalidInputError naming `field`
 */
export function parseCpus(value: unknown, field: string): number {
  const isText = typeof value === 'string' && /^\d+(\.\d+)?$/.test(value.trim())
  const cpus = typeof value === 'number' ? value : isText ? Number(value) : NaN
  if (cpus >= FEWEST_CPUS && cpus <= MOST_CPUS) return cpus
  throw refuse(
    field,
    `must be a number of CPUs between ${FEWEST_CPUS} and ${MOST_CPUS}`,
    value,
    'write it like 2 or 0.5',
  )
}

function refuse(field: string, rule: string, value: unknown, remedy: string): InvalidInputError {
  return new InvalidInputError(`${field} ${rule}, not ${describe(value)}: ${remedy}`, { field })
}

/** Short, and free of control characters that a caller's text may hold. */
function describe(value: unknown): string {
  if (typeof value === 'string') return JSON.stringify(value.length > 40 ? `${value.slice(0, 40)}…` : value)
  return typeof value === 'number' || typeof value === 'bigint' || value === null
    ? String(value)
    : `a value of type ${typeof value}`
}
