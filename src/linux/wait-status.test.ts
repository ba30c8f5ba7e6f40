import assert from 'node:assert/strict'
import { test } from 'node:test'
import { decodeWaitStatus } from './wait-status.ts'

test('decodeWaitStatus() tells the four ways apart', () => {
  assert.deepEqual(decodeWaitStatus(3 << 8), { kind: 'exited', code: 3 })
  assert.deepEqual(decodeWaitStatus(9), { kind: 'signaled', signal: 'SIGKILL', coreDumped: false })
  assert.deepEqual(decodeWaitStatus(11 | 0x80), { kind: 'signaled', signal: 'SIGSEGV', coreDumped: true })
  assert.deepEqual(decodeWaitStatus((19 << 8) | 0x7f), { kind: 'stopped', signal: 'SIGSTOP' })
  assert.deepEqual(decodeWaitStatus(0xffff), { kind: 'continued' })
})
