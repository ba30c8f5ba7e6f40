import assert from 'node:assert/strict'
import { test } from 'node:test'
import type { Statmount } from './statmount.ts'
import { decodeMountinfo, mountOptionsIn, mountOptionsOf } from './mountinfo.ts'

const TEXT = `36 35 98:0 /mnt1 /a\\040b rw,noatime master:1 shared:2 - ext3 /dev/root rw,errors=continue
37 36 0:41 / /t ro,nosuid - tmpfs opt\\040ions rw,size=64k
38 35 0:6 / /y rw - tmpfs
broken
`

test('decodeMountinfo() reads lines with any number of optional fields, and octal escapes', () => {
  const [first, second, third, ...rest] = decodeMountinfo(TEXT)
  assert.deepEqual(first, {
    id: 36,
    parent: 35,
    major: 98,
    minor: 0,
    root: '/mnt1',
    mountPoint: '/a b',
    options: ['rw', 'noatime'],
    propagation: ['master:1', 'shared:2'],
    type: 'ext3',
    source: '/dev/root',
    superOptions: ['rw', 'errors=continue'],
  })
  assert.deepEqual([second?.propagation, second?.source], [[], 'opt ions'])
  assert.deepEqual([third?.type, third?.source, third?.superOptions], ['tmpfs', '', []])
  assert.deepEqual(rest, [])
})

test('A61: mountOptionsIn() finds a mount by its id', () => {
  assert.deepEqual(mountOptionsIn(TEXT, 37n), {
    type: 'tmpfs',
    source: 'opt ions',
    mount: ['ro', 'nosuid'],
    superblock: ['rw', 'size=64k'],
  })
  assert.equal(mountOptionsIn(TEXT, 39), undefined)
})

test('A61: mountOptionsOf() says the same words as mountinfo', () => {
  const told = {
    mnt_attr: ['MOUNT_ATTR_RDONLY', 'MOUNT_ATTR_NOSUID', 'MOUNT_ATTR_NOATIME', 'MOUNT_ATTR_IDMAP'],
    sb_flags: 0x2000011,
    fs_type: 'fuse',
    fs_subtype: 'sshfs',
    sb_source: 'host:',
    mnt_opts: 'user_id=0,max_read=1',
  } as unknown as Statmount
  assert.deepEqual(mountOptionsOf(told), {
    type: 'fuse.sshfs',
    source: 'host:',
    mount: ['ro', 'nosuid', 'noatime', 'idmapped'],
    superblock: ['ro', 'sync', 'lazytime', 'user_id=0', 'max_read=1'],
  })
})
