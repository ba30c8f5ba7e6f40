import assert from 'node:assert/strict'
import { test } from 'node:test'
import { decodeMountinfo } from '../linux/mountinfo.ts'
import { visibleMounts } from './visible-mounts.ts'

test('visibleMounts() leaves out what a later mount on the same place hides', () => {
  const mounts = decodeMountinfo(
    '1 0 0:1 / /a rw - tmpfs a rw\n2 0 0:2 / /b rw - tmpfs b rw\n3 1 0:3 / /a rw - tmpfs c rw\n',
  )
  assert.deepEqual(
    visibleMounts(mounts, ['tmpfs']).map(({ id }) => id),
    [2, 3],
  )
})

test('visibleMounts() leaves out what a mount further up hides, and keeps what stands on that', () => {
  const mounts = decodeMountinfo(
    [
      '1 0 0:1 / / rw - ext4 a rw',
      '2 1 0:2 / /sys rw - sysfs b rw',
      '3 2 0:3 / /sys/fs/cgroup rw - cgroup2 c rw',
      '4 2 0:4 / /sys/fs/cgroup rw - tmpfs d rw',
      '5 4 0:5 / /sys/fs/cgroup/unified rw - cgroup2 e rw',
      '6 1 0:6 / /other/tree rw - cgroup2 f rw',
      '7 1 0:7 / /sys rw - sysfs g rw',
      '8 1 0:8 / /cg rw - cgroup2 h rw',
    ].join('\n'),
  )
  const visible = (some: typeof mounts): number[] => visibleMounts(some, ['cgroup2']).map(({ id }) => id)
  assert.deepEqual(visible(mounts), [6, 8])
  assert.deepEqual(visible(mounts.filter(({ id }) => id !== 7)), [5, 6, 8])
})
