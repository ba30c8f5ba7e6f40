import assert from 'node:assert/strict'
import { test } from 'node:test'
import { UnsupportedError } from '../base/errors.ts'
import { allCalls } from './calls/index.ts'
import { FOREIGN, type ForeignName, foreignError } from './foreign.ts'
import { syscallNumber } from './syscalls.ts'

const NAMES = Object.keys(FOREIGN) as ForeignName[]

test('FOREIGN names no call that Linux has', () => {
  assert.equal(NAMES.length, 13)
  for (const name of NAMES) {
    assert.equal(syscallNumber('x64', name), undefined, name)
    assert.ok(!(name in allCalls()), name)
  }
})

test('foreignError() names the system that has the call, and what to do on Linux', () => {
  for (const name of NAMES) {
    const error = foreignError(name)
    assert.ok(error instanceof UnsupportedError)
    assert.match(error.message, new RegExp(`^${name}\\(\\) is a call of (FreeBSD|OpenBSD) \\(.*\\), .*: on Linux: \\w`))
  }
  assert.match(foreignError('pledge').message, /OpenBSD.*seccomp/)
  assert.match(foreignError('jail').message, /FreeBSD.*CLONE_NEWUSER/)
})
