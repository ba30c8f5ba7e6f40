import assert from 'node:assert/strict'
import { readFileSync } from 'node:fs'
import { test } from 'node:test'
import { protocolHash } from './hash.ts'
import { generated, renderHeader } from './render-header.ts'
import { FAULTS, STRUCTS } from './wire.ts'

test('renderHeader() asserts the offset of every field and the size of every struct', () => {
  const header = renderHeader()
  for (const [name, fields] of Object.entries(STRUCTS)) {
    assert.match(header, new RegExp(`_Static_assert\\(sizeof\\(struct wire_${name}\\) == \\d+,`))
    for (const [field] of fields) {
      assert.ok(header.includes(`_Static_assert(offsetof(struct wire_${name}, ${field}) == `), `${name}.${field}`)
    }
  }
})

test('renderHeader() defines every constant and the hash', () => {
  const header = renderHeader()
  for (const [name, value] of Object.entries(FAULTS))
    assert.ok(header.includes(`#define FAULT_${name} ${value}U\n`), name)
  assert.ok(header.includes(protocolHash().toString(16).padStart(16, '0')))
})

test('generated() is what is committed', () => {
  const files = generated()
  assert.equal(files.length, 1)
  for (const { path, render } of files) {
    assert.equal(readFileSync(new URL(`../../${path}`, import.meta.url), 'utf8'), render())
  }
})
