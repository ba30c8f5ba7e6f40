import assert from 'node:assert/strict'
import { test } from 'node:test'
import { parseMountInfo, visibleMounts } from './mount-info.ts'

test('parseMountInfo() reads lines with and without optional fields, and octal escapes', () => {
  const text = [
    '36 35 98:0 /mnt1 /mnt/a\\040b rw,noatime master:1 propagate_from:2 - ext3 /dev/root rw,errors=continue',
    '37 35 0:5 / /x ro - tmpfs none rw',
    '38 35 0:6 / /y rw - tmpfs',
    'junk',
    '',
  ].join('\n')
  const [first, second, third, ...rest] = parseMountInfo(text)
  assert.deepEqual(first, {
    ...{ id: 36, parent: 35, root: '/mnt1', mountPoint: '/mnt/a b', options: ['rw', 'noatime'] },
    ...{ type: 'ext3', superOptions: ['rw', 'errors=continue'] },
  })
  assert.deepEqual([second?.options, third?.type, rest.length], [['ro'], 'tmpfs', 0])
})

test('visibleMounts() leaves out what a later mount on the same place hides', () => {
  const mounts = parseMountInfo(
    '1 0 0:1 / /a rw - tmpfs a rw\n2 0 0:2 / /b rw - tmpfs b rw\n3 1 0:3 / /a rw - tmpfs c rw\n',
  )
  assert.deepEqual(
    visibleMounts(mounts).map(({ id }) => id),
    [2, 3],
  )
})
