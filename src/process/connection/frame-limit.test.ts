import assert from 'node:assert/strict'
import { test } from 'node:test'
import { InvalidInputError } from '../../base/errors.ts'
import { program } from '../../program/builder.ts'
import { FRAME, PROGRAM, STEP } from '../../protocol/layout.ts'
import { LIMITS } from '../../protocol/wire.ts'
import { encodeWithinLimit } from './frame-limit.ts'

const OVERHEAD = PROGRAM.size + STEP.size

test('encodeWithinLimit(): the largest program fits, one byte more does not', () => {
  const fits = program()
  fits.syscall('write', 1, new Uint8Array(LIMITS.FRAME - OVERHEAD), 0)
  assert.equal(encodeWithinLimit(fits).frame.length, FRAME.size + LIMITS.FRAME)
  assert.throws(() => encodeWithinLimit(fits, 1), InvalidInputError)
})

test('encodeWithinLimit(): a refusal names the field, the size and the remedy', () => {
  const p = program()
  p.syscall('write', 1, new Uint8Array(LIMITS.FRAME), 0)
  assert.throws(() => encodeWithinLimit(p), {
    field: 'program',
    message: /^Program has \d+ bytes, a frame holds \d+: run it in parts$/,
  })
})
