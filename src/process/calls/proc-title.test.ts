import assert from 'node:assert/strict'
import { test } from 'node:test'
import { areaOf, cut } from './proc-title.ts'

/** A line of /proc/PID/stat with a name that looks like fields, and these as fields 48 to 51. */
function stat(...addresses: readonly (number | bigint)[]): string {
  const fields = Array.from({ length: 52 - 2 }, (_, index) => String(index + 3))
  fields.splice(48 - 3, 4, ...addresses.map(String))
  return `12 (a) S 1 (b) ) ${fields.join(' ')}\n`
}

test('areaOf() finds the arguments and the environment behind them, however the process is named', () => {
  const address = 0x7ffd_1234_5678n
  assert.deepEqual(areaOf(stat(address, address + 13n, address + 13n, address + 300n)), { address, size: 300 })
})

test('areaOf() takes the arguments alone when the environment is elsewhere, and at most what the kernel shows', () => {
  assert.deepEqual(areaOf(stat(1000, 1013, 2000, 2100)), { address: 1000n, size: 13 })
  assert.deepEqual(areaOf(stat(1000, 1013, 1013, 1013)), { address: 1000n, size: 13 })
  assert.deepEqual(areaOf(stat(1000, 1013, 1013, 100_000)), { address: 1000n, size: 4096 })
})

test('areaOf() finds none where the kernel hides the addresses', () => {
  assert.equal(areaOf(stat(0, 0, 0, 0)), undefined)
})

test('cut() cuts between characters', () => {
  const text = (bytes: Uint8Array) => new TextDecoder('utf-8', { fatal: true }).decode(bytes)
  const bytes = new TextEncoder().encode('aé€😀')
  const lengths = Array.from({ length: 12 }, (_, most) => text(cut(bytes, most)))
  assert.deepEqual(lengths, ['', 'a', 'a', 'aé', 'aé', 'aé', 'aé€', 'aé€', 'aé€', 'aé€', 'aé€😀', 'aé€😀'])
})
