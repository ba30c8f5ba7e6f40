import assert from 'node:assert/strict'
import { test } from 'node:test'
import { InvalidInputError } from '../../base/errors.ts'
import { parseCgroupsPath } from './cgroups-path.ts'
import { checkUnitName, escapeUnitName, slicePath } from './unit-name.ts'

const refused = (field: string) => (error: unknown) => error instanceof InvalidInputError && error.field === field

test('escapeUnitName() is systemd-escape(1)', () => {
  assert.equal(escapeUnitName('/dev/sda'), '-dev-sda')
  assert.equal(escapeUnitName('a-b c@d\\'), 'a\\x2db\\x20c\\x40d\\x5c')
  assert.equal(escapeUnitName('.hidden.x:y_Z9'), '\\x2ehidden.x:y_Z9')
  assert.equal(escapeUnitName('ü'), '\\xc3\\xbc')
})

test('checkUnitName() takes names of units, with their type', () => {
  for (const name of ['a.scope', 'carrel-1.scope', 'a\\x2db:c_d.e@1.scope', `${'x'.repeat(249)}.scope`]) {
    assert.doesNotThrow(() => checkUnitName(name, 'scope', 'name'), name)
  }
  for (const name of [
    '',
    '.scope',
    'a',
    'a.slice',
    'a b.scope',
    'a/b.scope',
    '../a.scope',
    '@a.scope',
    'ü.scope',
    `${'x'.repeat(250)}.scope`,
  ]) {
    assert.throws(() => checkUnitName(name, 'scope', 'name'), refused('name'), name)
  }
})

test('L58: slicePath() puts slices into those that their dashes name', () => {
  assert.equal(slicePath('-.slice'), '')
  assert.equal(slicePath('system.slice'), '/system.slice')
  assert.equal(slicePath('a-b-c.slice'), '/a.slice/a-b.slice/a-b-c.slice')
  for (const slice of ['a--b.slice', '-a.slice', 'a-.slice', '.slice', 'a@b.slice', 'a.scope', '--.slice']) {
    assert.throws(() => slicePath(slice), refused('slice'), slice)
  }
})

test('L58: parseCgroupsPath() reads slice:prefix:name', () => {
  assert.deepEqual(parseCgroupsPath('machine-qemu.slice:libpod:1a', 'system'), {
    slice: 'machine-qemu.slice',
    unit: 'libpod-1a.scope',
    path: '/machine.slice/machine-qemu.slice/libpod-1a.scope',
  })
  assert.equal(parseCgroupsPath(':docker:x', 'system').path, '/system.slice/docker-x.scope')
  assert.equal(parseCgroupsPath(':docker:x', 'user').path, '/user.slice/docker-x.scope')
  assert.equal(parseCgroupsPath('::x', 'system').unit, 'x.scope')
  assert.equal(parseCgroupsPath('-.slice:p:x', 'system').path, '/p-x.scope')
})

test('L58: parseCgroupsPath() refuses what names no scope', () => {
  for (const path of [
    '',
    'x',
    'a:b',
    'a.slice:b:',
    'a.slice:b:c:d',
    'a:b:c',
    'a.slice:b:c d',
    'a--b.slice:c:d',
    ':a:b.slice',
    'a.slice:../b:c',
  ]) {
    assert.throws(() => parseCgroupsPath(path, 'system'), refused('linux.cgroupsPath'), path)
  }
})
