import assert from 'node:assert/strict'
import { test } from 'node:test'
import { anchorsOf, linksOf } from './check-docs.ts'

test('linksOf() finds links with their lines, and none in code', () => {
  const text = '# A\n[a](b.md) ![c](<d.png> "t")\n`[no](no.md)`\n```\n[no](no.md)\n```\n[e]: f.md\n'
  assert.deepEqual(linksOf(text), [
    { target: 'b.md', line: 2 },
    { target: 'd.png', line: 2 },
    { target: 'f.md', line: 7 },
  ])
})

test('anchorsOf() spells headings as GitHub does, and sees none in code', () => {
  const text = '## The life of one `run`\n### A, b & c\n```sh\n# no\n```\n'
  assert.deepEqual([...anchorsOf(text)], ['the-life-of-one-run', 'a-b--c'])
})
