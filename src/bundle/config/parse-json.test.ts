import assert from 'node:assert/strict'
import { test } from 'node:test'
import { parseJson } from './parse-json.ts'
import { readJson } from './read-json.ts'

const NAME = 'config.json'

const GOOD = [
  'null',
  ' [1, -0.5e-3, "a\\u00e9\\n", true, false, null, {}, [] ] ',
  '{"a": {"b": [{"c": ""}]}, "": 1, "__proto__": {"x": 1}, "toString": 0}',
  '{"text": "\\": {\\"a\\": 1", "a" : 2}',
  '"\\ud83d\\ude00"',
]

test('readJson() and parseJson() read what JSON.parse reads', () => {
  for (const text of GOOD) {
    assert.deepEqual(readJson(text, NAME), JSON.parse(text))
    assert.deepEqual(parseJson(text, NAME), JSON.parse(text))
  }
})

test('parseJson() keeps integers that JSON.parse would round', () => {
  assert.deepEqual(parseJson('{"a": 18446744073709551615, "b": [-9223372036854775808, 9007199254740991]}', NAME), {
    a: 18446744073709551615n,
    b: [-9223372036854775808n, 9007199254740991],
  })
  assert.deepEqual(parseJson('[1e3]', NAME), [1000])
  assert.deepEqual(parseJson('[1234567890123456.5]', NAME), [1234567890123456.5])
})

test('parseJson() refuses a key that is there twice, wherever', () => {
  assert.throws(() => parseJson('{"a": 1, "a": 1}', NAME), {
    message: '/a is there twice: keep one of them',
    field: '/a',
  })
  assert.throws(() => parseJson('{"x": [0, {"a/b": 1, "c": 2, "a\\u002fb" : 3}]}', NAME), { field: '/x/1/a~1b' })
  assert.throws(() => parseJson('{"__proto__": 1, "__proto__": 2}', NAME), { field: '/__proto__' })
})

const WRONG: readonly (readonly [text: string, message: RegExp])[] = [
  ['', /^config\.json is not JSON: line 1, column 1: expected a value, found the end$/],
  ['{"a": 1,}', /line 1, column 9: expected a key in double quotes, found "}"$/],
  ['{\n  "a" 1}', /line 2, column 7: expected ":", found "1}"$/],
  ['{"a": 1', /column 8: expected "," or "}", found the end$/],
  ['[1 2]', /column 4: expected "," or "]", found "2]"$/],
  ['{"a": 01}', /column 8: expected "," or "}"/],
  ['["a\nb"]', /column 2: expected text with known escapes/],
  ['["\\x"]', /expected text/],
  ["{'a': 1}", /expected a key in double quotes/],
  ['{} {}', /column 4: expected the end of the document/],
  ['{} // c', /expected the end of the document/],
  ['[NaN]', /expected a value/],
  ['[+1]', /expected a value/],
  ['[.5]', /expected a value/],
  ['\uFEFF{}', /^config\.json begins with a byte order mark/],
]

test('parseJson() says where a document is not JSON', () => {
  for (const [text, message] of WRONG) assert.throws(() => parseJson(text, NAME), { code: 'E_INPUT', message })
})

test('parseJson() refuses what is nested too deeply, and what is too long, without running out of stack', () => {
  const deep = (levels: number): string => '['.repeat(levels) + ']'.repeat(levels)
  assert.ok(parseJson(deep(101), NAME))
  assert.throws(() => parseJson(deep(102), NAME), /^InvalidInputError: config\.json is nested deeper than 100 levels/)
  assert.throws(() => parseJson('{"a":'.repeat(200_000), NAME), /nested deeper than 100 levels/)
  assert.throws(
    () => parseJson(`"${'x'.repeat(16 * 1024 * 1024)}"`, NAME),
    /^InvalidInputError: config\.json is longer than/,
  )
})

test('parseJson() refuses text that no system call can be given', () => {
  assert.throws(() => parseJson('{"a": ["x\\u0000y"]}', NAME), {
    message: /^\/a\/0 must not hold a NUL/,
    field: '/a/0',
  })
  assert.throws(() => parseJson('{"a\\u0000": 1}', NAME), { message: /must not hold a NUL/ })
  assert.throws(() => parseJson('{"a": "\\uD83D"}', NAME), { message: /^\/a holds half of a surrogate pair/ })
  assert.deepEqual(parseJson('["\\\\u0000", "\\ud83d\\ude00"]', NAME), ['\\u0000', '\u{1f600}'])
})
