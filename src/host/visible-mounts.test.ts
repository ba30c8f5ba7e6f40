import assert from 'node:assert/strict'
import { test } from 'node:test'
import { decodeMountinfo } from '../linux/mountinfo.ts'
import { visibleMounts } from './visible-mounts.ts'

test('visibleMounts() leaves out what a later mount on the same place hides', () => {
  const mounts = decodeMountinfo(
    '1 0 0:1 / /a rw - tmpfs a rw\n2 0 0:2 / /b rw - tmpfs b rw\n3 1 0:3 / /a rw - tmpfs c rw\n',
  )
  assert.deepEqual(
    visibleMounts(mounts).map(({ id }) => id),
    [2, 3],
  )
})
