import assert from 'node:assert/strict'
import { test } from 'node:test'
import { mountLabelOption } from './mount-label.ts'

test('mountLabelOption() labels filesystems that hold files of the container, and no others', () => {
  assert.deepEqual(mountLabelOption('tmpfs', 'a:b:c'), { key: 'context', value: 'a:b:c' })
  for (const type of ['proc', 'sysfs', 'cgroup2', 'mqueue', 'bind', 'none'])
    assert.equal(mountLabelOption(type, 'a'), undefined)
  assert.equal(mountLabelOption('tmpfs', undefined), undefined)
})
