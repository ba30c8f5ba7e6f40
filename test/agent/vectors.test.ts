import assert from 'node:assert/strict'
import { spawnSync } from 'node:child_process'
import { readdirSync, readFileSync } from 'node:fs'
import { join } from 'node:path'
import { test } from 'node:test'
import { compileHosted, ROOT } from './compile.ts'
import { hex } from './encode.ts'
import { corpus, VECTORS } from './vectors.ts'

const sanitizers = ['-g', '-O1', '-fsanitize=address,undefined', '-fno-sanitize-recover=all']

test('test vectors: the agent answers each connection as the tables say', () => {
  const binary = compileHosted('vectors', sanitizers)
  const input = VECTORS.map((vector) => hex(vector.input)).join('\n')
  const result = spawnSync(binary, { input, encoding: 'utf8', maxBuffer: 2 ** 26 })
  assert.equal(result.stderr, '')
  const lines = result.stdout.trimEnd().split('\n')
  assert.equal(lines.length, VECTORS.length)
  VECTORS.forEach((vector, i) => {
    assert.equal(lines[i]?.trim(), `${hex(vector.answer)} ${vector.code} ${vector.descriptors}`.trim(), vector.name)
  })
})

test('corpus: the committed files are the vectors', () => {
  const files = corpus()
  for (const { path, render } of files) assert.equal(readFileSync(join(ROOT, path), 'utf8'), render(), path)
  assert.equal(readdirSync(join(ROOT, 'agent/test/corpus')).length, files.length)
})
