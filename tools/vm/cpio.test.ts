import assert from 'node:assert/strict'
import { test } from 'node:test'
import { packNewc } from './cpio.ts'

const archive = packNewc([
  { path: 'bin', mode: 0o040755 },
  { path: 'bin/odd', mode: 0o100755, content: Buffer.from('seven!!') },
  { path: 'empty', mode: 0o100644 },
])

/** Reads what packNewc() wrote by the fields that buffer-format.rst describes. */
function unpack(bytes: Uint8Array): readonly (readonly [name: string, mode: number, content: string])[] {
  const text = Buffer.from(bytes)
  const found: (readonly [string, number, string])[] = []
  for (let at = 0; ;) {
    assert.equal(text.toString('latin1', at, at + 6), '070701')
    const field = (index: number): number =>
      parseInt(text.toString('latin1', at + 6 + index * 8, at + 14 + index * 8), 16)
    const name = text.toString('utf8', at + 110, at + 110 + field(11) - 1)
    const begin = align(at + 110 + field(11))
    if (name === 'TRAILER!!!') return found
    found.push([name, field(1), text.toString('utf8', begin, begin + field(6))])
    at = align(begin + field(6))
  }
}

const align = (at: number): number => Math.ceil(at / 4) * 4

test('packNewc() writes names, modes and contents, each aligned to four bytes', () => {
  assert.deepEqual(unpack(archive), [
    ['bin', 0o040755, ''],
    ['bin/odd', 0o100755, 'seven!!'],
    ['empty', 0o100644, ''],
  ])
})
