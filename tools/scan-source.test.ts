import assert from 'node:assert/strict'
import { test } from 'node:test'
import { lineOf, scanSource } from './scan-source.ts'

const squeeze = (text: string): string => text.replace(/ +/g, ' ')

test('scanSource() blanks comments and keeps what only looks like one', () => {
  const { withoutComments } = scanSource(`a /* b */ c // d\n'// e' "/* f" /[/]'/.test(g) // h`)
  assert.equal(squeeze(withoutComments), `a c \n'// e' "/* f" /[/]'/.test(g) `)
})

test('scanSource() blanks the insides of strings, templates and regular expressions, not of ${}', () => {
  const { codeOnly } = scanSource("f('x', `y ${g({ a: `z ${h}` })} w`, /'q/)")
  assert.equal(squeeze(codeOnly), "f(' ', ` ${g({ a: ` ${h}` })} `, )")
})

test('scanSource() tells a division from a regular expression', () => {
  assert.equal(scanSource("a / b; 'c' / d").codeOnly, "a / b; ' ' / d")
})

test('scanSource() keeps every character at its place, at the end of a file too', () => {
  for (const source of ["'", '/*', '`${', '//', 'a\\', '/', "'\\", '`\\']) {
    assert.equal(scanSource(source).codeOnly.length, source.length, JSON.stringify(source))
  }
})

test('lineOf() counts from 1', () => {
  assert.deepEqual([lineOf('a\nb', 0), lineOf('a\nb', 2)], [1, 2])
})
