import assert from 'node:assert/strict'
import { test } from 'node:test'
import { decodeListing } from './directory.ts'

/** A record of getdents64(2): inode, offset, length, type, name, padded to 8 bytes. */
function record(ino: bigint, name: Uint8Array, type: number): Uint8Array {
  const bytes = new Uint8Array((19 + name.length + 1 + 7) & ~7)
  const view = new DataView(bytes.buffer)
  view.setBigUint64(0, ino, true)
  view.setBigUint64(8, ino * 2n, true)
  view.setUint16(16, bytes.length, true)
  bytes[18] = type
  bytes.set(name, 19)
  return bytes
}

test('decodeListing() keeps the bytes of a name that is no UTF-8, and the records apart', () => {
  const names = [Uint8Array.of(0x2e), Uint8Array.of(0xff, 0x61, 0xfe), new TextEncoder().encode('é'.repeat(127))]
  const buffer = Buffer.concat(names.map((name, i) => record(BigInt(i + 1), name, i === 0 ? 4 : 8)))
  const entries = decodeListing(buffer)
  assert.deepEqual(
    entries.map((entry) => [...entry.bytes]),
    names.map((name) => [...name]),
  )
  assert.deepEqual(
    entries.map(({ name, ino, off, type }) => [name, ino, off, type]),
    [
      ['.', 1n, 2n, 'DT_DIR'],
      ['\ufffda\ufffd', 2n, 4n, 'DT_REG'],
      ['é'.repeat(127), 3n, 6n, 'DT_REG'],
    ],
  )
})

test('decodeListing() gives nothing for an empty buffer: the end of the directory', () => {
  assert.deepEqual(decodeListing(new Uint8Array()), [])
})
