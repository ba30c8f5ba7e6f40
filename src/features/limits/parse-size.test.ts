import assert from 'node:assert/strict'
import { test } from 'node:test'
import { InvalidInputError } from '../../base/errors.ts'
import { parseBytes, parseCpus, parseDuration } from './parse-size.ts'

type Parse = (value: unknown, field: string) => number

function assertRefused(parse: Parse, values: readonly unknown[]): void {
  for (const value of values) {
    assert.throws(
      () => parse(value, 'some.field'),
      (error) => {
        assert(error instanceof InvalidInputError, `${String(value)} gave ${String(error)}`)
        assert.equal(error.field, 'some.field')
        assert.match(error.message, /^some\.field must be .+: (write it like|leave it out) /)
        return true
      },
      `accepted ${String(value)}`,
    )
  }
}

/** Numbers that cover all magnitudes, the same in each run. */
function* samples(count: number): Generator<number> {
  let state = 12345
  for (let i = 0; i < count; i++) {
    state = (Math.imul(state, 1103515245) + 12345) >>> 0
    yield Math.floor(state / 2 ** (i % 32))
  }
}

test('parseBytes() reads every unit as a power of 1024, in any case', () => {
  const units = { '': 0, b: 0, B: 0, k: 1, K: 1, kib: 1, KiB: 1, m: 2, MiB: 2, g: 3, GIB: 3, T: 4, tib: 4 }
  for (const [unit, power] of Object.entries(units)) {
    for (const n of samples(200)) {
      const bytes = n * 1024 ** power
      if (Number.isSafeInteger(bytes)) assert.equal(parseBytes(`${n}${unit}`, 'memory'), bytes)
      else assertRefused(parseBytes, [`${n}${unit}`])
    }
  }
})

test('parseBytes() is the identity on whole numbers and their text', () => {
  for (const n of samples(500)) {
    assert.equal(parseBytes(n, 'memory'), n)
    assert.equal(parseBytes(String(n), 'memory'), n)
  }
})

test('parseBytes() refuses what has no exact meaning', () => {
  const text = [
    '',
    ' ',
    '-1',
    '-1M',
    '1.5G',
    '1e6',
    '0x10',
    'M',
    '1 M',
    '1KB',
    '1MB',
    '1P',
    '256Mi',
    '1M1',
    'max',
    '1\n2',
    '9007199254740993',
    '٣',
  ]
  assertRefused(parseBytes, [...text, -1, 1.5, NaN, Infinity, 2 ** 53, 10n, null, undefined, true, {}, ['1M']])
})

test('parseBytes() never shows control characters or endless text in its message', () => {
  for (const value of ['\u001b[2J', 'x'.repeat(100_000)]) {
    assert.throws(
      () => parseBytes(value, 'memory'),
      (error: Error) => error.message.length < 200 && !error.message.includes('\u001b'),
    )
  }
})

test('parseDuration() gives whole milliseconds for every unit', () => {
  const units = { ms: 1, s: 1_000, m: 60_000, h: 3_600_000 }
  for (const [unit, factor] of Object.entries(units)) {
    for (const n of samples(200)) {
      const ms = n * factor
      if (ms > 0 && ms < 2 ** 31) assert.equal(parseDuration(`${n}${unit}`, 'timeout'), ms)
      else assertRefused(parseDuration, [`${n}${unit}`])
    }
  }
  assert.equal(parseDuration('1.1s', 'timeout'), 1100)
  assert.equal(parseDuration('0.5h', 'timeout'), 1_800_000)
  assert.equal(parseDuration(250, 'timeoutMs'), 250)
})

test('parseDuration() refuses no unit, nothing, fractions of a millisecond and what a timer cannot hold', () => {
  assertRefused(parseDuration, [
    '',
    '5',
    '5 s',
    '-5s',
    's',
    '1d',
    '0.5ms',
    '1.0001s',
    '.5s',
    '1e3ms',
    '0s',
    0,
    -1,
    0.5,
    NaN,
    2 ** 31,
    '25d',
    '600h',
    null,
    {},
  ])
})

test('parseCpus() reads whole and decimal numbers', () => {
  assert.deepEqual(
    ['0.5', '2', 1, 0.25, ' 4 '].map((value) => parseCpus(value, 'cpus')),
    [0.5, 2, 1, 0.25, 4],
  )
  assertRefused(parseCpus, ['', '0', 0, '-1', -0.5, '1,5', '50%', '1e1', NaN, Infinity, 0.0001, 9000, null, {}])
})
