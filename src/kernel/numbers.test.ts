import assert from 'node:assert/strict'
import { test } from 'node:test'
import { SYSCALLS } from '../linux/syscalls.ts'
import { NUMBERS } from './numbers.ts'

test("NUMBERS are the kernel's on every architecture", () => {
  for (const arch of ['x64', 'arm64'] as const) {
    for (const [name, number] of Object.entries(NUMBERS[arch])) {
      assert.equal(number, SYSCALLS[arch][name], `${name} on ${arch}`)
    }
  }
  assert.deepEqual(Object.keys(NUMBERS.arm64), Object.keys(NUMBERS.x64))
})
