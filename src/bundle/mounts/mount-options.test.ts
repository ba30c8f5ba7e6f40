import assert from 'node:assert/strict'
import { test } from 'node:test'
import { InvalidInputError } from '../../base/errors.ts'
import type { Mount } from '../spec.ts'
import { MOUNT_OPTIONS, newMountAttributes, parseMountOptions } from './mount-options.ts'

const parse = (options: readonly string[], mount: Partial<Mount> = {}) =>
  parseMountOptions({ destination: '/x', type: 'tmpfs', ...mount, options }, '/mounts/0')

/** Option names of the table of config.md 1.3, "Linux mount options" */
const NAMES = `async atime bind defaults dev diratime dirsync exec idmap iversion lazytime loud mand noatime nodev nodiratime noexec
  noiversion nolazytime nomand norelatime nostrictatime nosuid nosymfollow private ratime rbind rdev rdiratime relatime remount rexec
  ridmap rnoatime rnodev rnodiratime rnoexec rnorelatime rnostrictatime rnosuid rnosymfollow ro rprivate rrelatime rro rrw rshared
  rslave rstrictatime rsuid rsymfollow runbindable rw shared silent slave strictatime suid symfollow sync tmpcopyup unbindable`

test('no option name of the specification is left to the file system', () => {
  for (const name of NAMES.trim().split(/\s+/)) {
    const { data } = parse([name], { type: 'bind' })
    assert.deepEqual(data, [], name)
  }
})

test('what the specification does not name is the file system’s, in order', () => {
  assert.deepEqual(parse(['size=64k', 'ro', 'mode=755', 'newinstance', '']).data, [
    'size=64k',
    'mode=755',
    'newinstance',
  ])
  assert.deepEqual(parse(['rsync', 'rbindx', 'rdefaults']).data, ['rsync', 'rbindx', 'rdefaults'])
})

test('a later word wins over an earlier one of the same thing', () => {
  assert.deepEqual(parse(['ro', 'rw']).top, { set: [], clear: ['MOUNT_ATTR_RDONLY'] })
  assert.deepEqual(parse(['rw', 'nosuid', 'ro']).top, { set: ['MOUNT_ATTR_RDONLY', 'MOUNT_ATTR_NOSUID'], clear: [] })
  assert.deepEqual(parse(['noatime', 'strictatime']).top, {
    set: ['MOUNT_ATTR_STRICTATIME'],
    clear: ['MOUNT_ATTR__ATIME'],
  })
  assert.deepEqual(parse(['noatime', 'atime']).top, { set: [], clear: ['MOUNT_ATTR__ATIME'] })
  assert.deepEqual(parse(['sync', 'lazytime', 'async']).words, ['lazytime'])
})

test('recursive words are told from those of the mount alone', () => {
  const { top, recursive, propagation } = parse(['rro', 'nosuid', 'rnoexec', 'rslave', 'shared', 'rrelatime'])
  assert.deepEqual(recursive.set, ['MOUNT_ATTR_RDONLY', 'MOUNT_ATTR_NOEXEC', 'MOUNT_ATTR_RELATIME'])
  assert.deepEqual(recursive.clear, ['MOUNT_ATTR__ATIME'])
  assert.deepEqual(top, { set: ['MOUNT_ATTR_NOSUID'], clear: [] })
  assert.deepEqual(propagation, [
    { flag: 'MS_SLAVE', recursive: true },
    { flag: 'MS_SHARED', recursive: false },
  ])
})

test('a new mount has the attributes of both, and its own word wins', () => {
  assert.deepEqual(newMountAttributes(parse(['rro', 'nodev'])), ['MOUNT_ATTR_RDONLY', 'MOUNT_ATTR_NODEV'])
  assert.deepEqual(newMountAttributes(parse(['rro', 'rw'])), [])
  assert.deepEqual(newMountAttributes(parse(['rnoatime', 'strictatime'])), ['MOUNT_ATTR_STRICTATIME'])
  assert.deepEqual(newMountAttributes(parse(['rnoatime'])), ['MOUNT_ATTR_NOATIME'])
})

test('a type of bind is a bind without the word', () => {
  assert.equal(parse([], { type: 'bind' }).bind, 'top')
  assert.equal(parse(['rbind'], { type: 'none' }).bind, 'recursive')
  assert.equal(parse(['bind', 'rbind'], { type: 'none' }).bind, 'recursive')
})

test('ids of a mount are mapped on binds alone', () => {
  const uidMappings = [{ containerID: 0, hostID: 1000, size: 1 }]
  assert.equal(parse(['bind'], { uidMappings, gidMappings: uidMappings }).idmap, 'top')
  assert.equal(parse(['rbind', 'ridmap']).idmap, 'recursive')
  assert.throws(
    () => parse(['idmap']),
    (error) => error instanceof InvalidInputError && error.field === '/mounts/0/uidMappings',
  )
})

test('a NUL byte in an option is an error that names it', () => {
  assert.throws(() => parse(['ro', 'a\0b']), /\/mounts\/0\/options\/1 must not hold a NUL byte/)
})

test('every meaning in the table is reached by its own name', () => {
  for (const name of Object.keys(MOUNT_OPTIONS)) assert.deepEqual(parse([name], { type: 'bind' }).data, [])
})
