import assert from 'node:assert/strict'
import { test } from 'node:test'
import { SYSCALLS_ARM64 } from '../../src/linux/tables/syscalls-arm64.ts'
import { SYSCALLS_X64 } from '../../src/linux/tables/syscalls-x64.ts'
import { headersArm64, headersX64 } from '../../tools/generate-syscalls.ts'

for (const [arch, table, headers] of [
  ['x64', SYSCALLS_X64, headersX64],
  ['arm64', SYSCALLS_ARM64, headersArm64],
] as const) {
  test(`the ${arch} table has every system call of this machine's headers with its number`, (t) => {
    const known: Readonly<Record<string, number>> = table
    const found = headers()
    assert.ok(found.size > 300, `the headers name only ${found.size} calls`)
    for (const [name, number] of found) assert.equal(known[name], number, name)
    t.diagnostic(`${found.size} calls compared, ${Object.keys(known).length} in the table`)
  })

  test(`no two calls of the ${arch} table share a number`, () => {
    const numbers = Object.values(table)
    assert.equal(new Set(numbers).size, numbers.length)
  })
}
