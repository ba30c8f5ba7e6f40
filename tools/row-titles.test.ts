import assert from 'node:assert/strict'
import { test } from 'node:test'
import { idsOf, ROW_RANGES } from './row-ids.ts'
import { rowsOfTitle, titlesOf } from './row-titles.ts'

test('rowsOfTitle() reads the rows at the start of a title only', () => {
  assert.deepEqual(rowsOfTitle('A31 kills the tree'), ['A31'])
  assert.deepEqual(rowsOfTitle('D-A01, X11: late answers'), ['D-A01', 'X11'])
  assert.deepEqual(rowsOfTitle('D-A02, Channel: gives up'), ['D-A02'])
  for (const title of ['kills A31', 'A31kills', 'A3 x', 'ABC', 'SA31 x'])
    assert.deepEqual(rowsOfTitle(title), [], title)
})

test('titlesOf() takes the first argument of calls, not other texts', () => {
  const text = `
    test('A01 one', () => {})
    rootTest(\`D-L02: two \${x}\`, f)
    // test('A03 no')
    const x = 'A04 no'
    t.test("X05 five", { skip: 'A06 no' })`
  assert.deepEqual(titlesOf(text), ['A01 one', 'D-L02: two ${x}', 'X05 five'])
})

test('ROW_RANGES name every row once', () => {
  const ids = ROW_RANGES.flatMap((range) => idsOf(range))
  assert.equal(new Set(ids).size, ids.length)
  assert.equal(ids.filter((id) => !id.startsWith('D-')).length, 354)
})
