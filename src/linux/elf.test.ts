import assert from 'node:assert/strict'
import { test } from 'node:test'
import { isStaticProgram } from './elf.ts'

/** A 64-bit little-endian ELF header with program headers of these types. */
function elf(...types: readonly number[]): Uint8Array {
  const file = new Uint8Array(64 + 56 * types.length)
  file.set([0x7f, 0x45, 0x4c, 0x46, 2, 1])
  const view = new DataView(file.buffer)
  view.setBigUint64(32, 64n, true)
  view.setUint16(54, 56, true)
  view.setUint16(56, types.length, true)
  types.forEach((type, index) => view.setUint32(64 + 56 * index, type, true))
  return file
}

test('isStaticProgram() is true without an interpreter alone', () => {
  const [PT_LOAD, PT_INTERP] = [1, 3] as const
  assert.equal(isStaticProgram(elf(PT_LOAD, PT_LOAD)), true)
  assert.equal(isStaticProgram(elf(PT_LOAD, PT_INTERP)), false)
  assert.equal(isStaticProgram(new TextEncoder().encode(`#!/bin/sh\n${'#'.repeat(80)}`)), false)
  assert.equal(isStaticProgram(elf(PT_LOAD).subarray(0, 70)), true)
  assert.equal(isStaticProgram(elf(PT_LOAD).subarray(0, 66)), false, 'cut off')
  assert.equal(isStaticProgram(new Uint8Array()), false)
})
