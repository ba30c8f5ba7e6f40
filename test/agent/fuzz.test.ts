import assert from 'node:assert/strict'
import { spawnSync } from 'node:child_process'
import { join } from 'node:path'
import { test } from 'node:test'
import { compileHosted, ROOT } from './compile.ts'
import { corpus } from './vectors.ts'

const FRAMES = 1_000_000
const SEED = 1

test('fuzz: a million mutated frames meet no fault of AddressSanitizer or UBSan', { timeout: 180_000 }, () => {
  // Small buffers, so that most frames and replies lie in allocations of exactly their size.
  const flags = ['-g', '-O1', '-fsanitize=address,undefined', '-fno-sanitize-recover=all', '-DAGENT_BUFFER_BYTES=512']
  const binary = compileHosted('fuzz', flags)
  const files = corpus().map(({ path }) => join(ROOT, path))
  const hello = files.filter((path) => path.endsWith('/hello.hex'))
  const result = spawnSync(binary, [String(FRAMES), String(SEED), ...hello, ...files], { encoding: 'utf8' })
  assert.equal(result.stderr, '')
  assert.equal(result.status, 0)
  const [, frames = '0'] = /^(\d+) frames/.exec(result.stdout) ?? []
  assert.ok(Number(frames) >= FRAMES, result.stdout)
})
