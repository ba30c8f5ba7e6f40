import assert from 'node:assert/strict'
import { test } from 'node:test'
import { C_RULES, judgeC } from './check-c-style.ts'

for (const rule of C_RULES) {
  test(`judgeC() ${rule.forbids.source.slice(0, 40)}… trips on its examples only`, () => {
    assert.ok(rule.trips.length > 0 && rule.passes.length > 0)
    for (const text of rule.trips) assert.equal(judgeC('agent/a.c', text, [rule]).length, 1, text)
    for (const text of rule.passes) assert.deepEqual(judgeC('agent/a.c', text, [rule]), [], text)
  })
}

test('judgeC() applies a rule only in its folder', () => {
  assert.equal(judgeC('agent/a.c', 'p = malloc(8);').length, 1)
  assert.deepEqual(judgeC('addon/a.c', 'p = malloc(8);'), [])
})

test('judgeC() limits functions to 60 lines', () => {
  const body = (lines: number): string => `int f(void) {\n${'  g();\n'.repeat(lines - 2)}}\n`
  assert.deepEqual(judgeC('a.c', body(60)), [])
  assert.match(judgeC('a.c', body(61)).join(), /a\.c:1: the function has 61 lines/)
})
