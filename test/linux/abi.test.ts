import assert from 'node:assert/strict'
import { spawnSync } from 'node:child_process'
import { readFileSync } from 'node:fs'
import { test } from 'node:test'
import { fileURLToPath } from 'node:url'
import { renderAbi } from '../../src/linux/render-abi.ts'

const file = fileURLToPath(new URL('../../agent/generated/abi.c', import.meta.url))

/** Most names that the headers of this machine may not know: those newer than Linux 6.1. */
const MOST_MISSING = 100

const compile = (part: number, ...options: string[]) =>
  spawnSync('cc', ['-std=c11', '-w', `-DABI_PART=${part}`, ...options, file], {
    encoding: 'utf8',
    maxBuffer: 64 * 1024 * 1024,
  })

test('abi.c is what the tables render', () => {
  assert.equal(readFileSync(file, 'utf8'), renderAbi())
})

test("abi.c holds against this machine's headers, part by part", (t) => {
  const parts = Number(/#define ABI_PARTS (\d+)/.exec(renderAbi())?.[1])
  let asserted = 0
  const missing: string[] = []
  for (let part = 1; part <= parts; part++) {
    const checked = compile(part, '-fsyntax-only')
    assert.equal(checked.status, 0, checked.stderr)
    const { stdout } = compile(part, '-E', '-P')
    asserted += stdout.match(/_Static_assert\(/g)?.length ?? 0
    missing.push(...[...stdout.matchAll(/extern char missing_(\w+);/g)].map((match) => match[1]!))
  }
  t.diagnostic(
    `${asserted} constants, sizes and offsets asserted, ${missing.length} unknown to these headers: ${missing.join(' ')}`,
  )
  assert.ok(asserted > 2000, `only ${asserted} assertions`)
  assert.ok(missing.length <= MOST_MISSING, `${missing.length} names are missing: ${missing.join(' ')}`)
})
