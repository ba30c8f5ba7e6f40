import assert from 'node:assert/strict'
import { test } from 'node:test'
import { checkLinkName, checkLinkRef } from './link-name.ts'

test('checkLinkName() takes what dev_valid_name() of the kernel takes', () => {
  for (const name of ['a', 'eth0', 'veth0.12', 'x'.repeat(15), 'br-lan', 'ärger', '...'])
    assert.equal(checkLinkName(name, 'name'), name)
  for (const name of [
    '',
    'x'.repeat(16),
    'é'.repeat(8),
    '.',
    '..',
    'a b',
    'a/b',
    'a:b',
    'a\tb',
    'a\0b',
    'a\x1bb',
    'à',
    'a%d',
    'a%',
    'all',
    'default',
  ]) {
    assert.throws(
      () => checkLinkName(name, 'peer.name'),
      { name: 'InvalidInputError', field: 'peer.name' },
      JSON.stringify(name),
    )
  }
  assert.throws(() => checkLinkName(5, 'name'), { field: 'name' })
})

test('a template has one %d, and nothing else of %', () => {
  const options = { template: true }
  assert.equal(checkLinkName('eth%d', 'name', options), 'eth%d')
  for (const name of ['%s', 'a%d%d', '%', 'a%%d']) assert.throws(() => checkLinkName(name, 'name', options), name)
})

test('checkLinkRef() takes a name, or an index from 1 on', () => {
  assert.deepEqual([checkLinkRef('lo', 'dev'), checkLinkRef(7, 'dev')], ['lo', 7])
  for (const ref of [0, -1, 1.5, 2 ** 31, NaN, null]) assert.throws(() => checkLinkRef(ref, 'dev'), { field: 'dev' })
})
