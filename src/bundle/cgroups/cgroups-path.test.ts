import assert from 'node:assert/strict'
import { test } from 'node:test'
import { parseCgroupsPath } from './cgroups-path.ts'

test('parseCgroupsPath() tells absolute from relative, and chooses a name that no file of the kernel has', () => {
  assert.deepEqual(parseCgroupsPath('/docker/1', 'x'), { absolute: true, segments: ['docker', '1'] })
  assert.deepEqual(parseCgroupsPath('pods//1/', 'x'), { absolute: false, segments: ['pods', '1'] })
  for (const none of [undefined, '']) {
    assert.deepEqual(parseCgroupsPath(none, 'memory.max'), { absolute: false, segments: ['carrel-oci-memory.max'] })
  }
})

test('X29: parseCgroupsPath() refuses what leads elsewhere, names that no directory can have, and the form of systemd', () => {
  const refused: readonly (readonly [string, RegExp])[] = [
    ['/a/../b', /"\.\."/],
    ['./a', /"\."/],
    ['///', /must name a group below the root/],
    ['/a\nb', /control characters/],
    [`/${'é'.repeat(128)}`, /at most 255 bytes/],
    ['user.slice:libpod:1', /--systemd-cgroup/],
    ['::1', /--systemd-cgroup/],
  ]
  for (const [path, message] of refused) {
    assert.throws(() => parseCgroupsPath(path, 'x'), {
      name: 'InvalidInputError',
      field: '/linux/cgroupsPath',
      message,
    })
  }
  assert.deepEqual(parseCgroupsPath('/a:b:c', 'x').segments, ['a:b:c'])
})
