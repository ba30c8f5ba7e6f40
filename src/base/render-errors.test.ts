import assert from 'node:assert/strict'
import { test } from 'node:test'
import { CODES } from './codes.ts'
import { AgentError, InvalidInputError, StateError, SyscallError, TimeoutError, UnsupportedError } from './errors.ts'
import { renderErrors } from './render-errors.ts'

const page = renderErrors()

/** The section of a code, up to the next heading. */
const sectionOf = (code: string): string => page.split(/^## /m).find((section) => section.startsWith(`${code}\n`)) ?? ''

test('renderErrors() has a section for every code, with its remedy', () => {
  for (const [code, { title, hint }] of Object.entries(CODES)) {
    assert.match(sectionOf(code), new RegExp(title))
    assert(sectionOf(code).includes(hint), code)
  }
})

test('renderErrors() names the class of each code and exactly the fields that its errors have', () => {
  const failure = { call: 'mount', args: '', errno: 'EPERM', step: 0, steps: 1, feature: 'root', because: 'a test' }
  const errors = [
    new InvalidInputError('x', { field: 'x' }),
    new UnsupportedError('x', { fact: 'x', remedy: 'y' }),
    new StateError('x', { state: 'x', wanted: 'y' }),
    new SyscallError(failure),
    new AgentError('x'),
    new TimeoutError('x', 1),
  ]
  const common = ['name', 'code', 'cleanup']
  for (const error of errors) {
    const section = sectionOf(error.code)
    assert(section.includes(`Class: \`${error.name}\``))
    const told = [...(/^- Fields: (.*)$/m.exec(section)?.[1] ?? '').matchAll(/\w+/g)].map(([field]) => field)
    assert.deepEqual(new Set(told), new Set(Object.keys(error).filter((key) => !common.includes(key))))
  }
})
