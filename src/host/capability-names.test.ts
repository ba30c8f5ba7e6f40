import assert from 'node:assert/strict'
import { test } from 'node:test'
import { CAPABILITIES } from '../linux/tables/capabilities.ts'
import { decodeCapabilities } from './capability-names.ts'

test('decodeCapabilities() gives each bit of the table its name, and newer bits their number', () => {
  for (const [name, bit] of Object.entries(CAPABILITIES.values)) {
    assert.deepEqual(decodeCapabilities((1n << BigInt(bit)).toString(16).padStart(16, '0')), [name])
  }
  assert.deepEqual(decodeCapabilities('8000000000000001'), ['CAP_CHOWN', 'CAP_63'])
  assert.deepEqual(decodeCapabilities('0000000000000000'), [])
})
