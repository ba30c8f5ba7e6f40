import assert from 'node:assert/strict'
import { test } from 'node:test'
import { InvalidInputError } from '../base/errors.ts'
import { FRAME, PROGRAM, STEP } from '../protocol/layout.ts'
import { program } from './builder.ts'
import { failing } from './failing.ts'

function example(): ReturnType<typeof program> {
  const p = program({ arch: 'x64' })
  const fd = p.openat('AT_FDCWD', '/', ['O_PATH'])
  p.tolerate('EBADF').fchdir(fd)
  p.close(fd)
  return p
}

test('failing() changes the bytes of one step and no others', () => {
  const [before, after] = [example().encode().frame, failing(example(), 1).encode().frame]
  const at = FRAME.size + PROGRAM.size + STEP.size
  const changed = [...before.keys()].filter((index) => before[index] !== after[index])
  assert.ok(changed.length > 0)
  assert.ok(changed.every((index) => index >= at && index < at + STEP.size))
  assert.equal(new DataView(after.buffer).getUint32(at + STEP.number, true), 0x3fff_fff0)
  assert.deepEqual(new Set(after.subarray(at + STEP.tolerated, at + STEP.size)), new Set([0]))
})

test('failing() leaves the original and its listing as they are', () => {
  const p = example()
  const bytes = p.encode().frame.slice()
  const copy = failing(p, 1)
  assert.deepEqual(p.encode().frame, bytes)
  assert.equal(String(copy), String(p))
})

test('failing() refuses a step that does not exist', () => {
  assert.throws(() => failing(example(), 3), InvalidInputError)
  assert.throws(() => failing(example(), -1), InvalidInputError)
})
