import assert from 'node:assert/strict'
import { test } from 'node:test'
import { resolveUser } from './resolve-user.ts'

const PASSWD = `# a comment
root:x:0:0:root:/root:/bin/sh
daemon:x:1:2:daemon:/usr/sbin:/usr/sbin/nologin
broken:x:one:2::/:
7:x:70:71:a name of digits:/:/bin/sh
www-data:x:33:33:www-data:/var/www:
`
const GROUP = `root:x:0:
adm:x:4:daemon,www-data
bin:x:2:daemon
www-data:x:33:
extra:x:2000:www-data,daemon
again:x:2000:daemon
`
const resolve = (user: string) => resolveUser(user, PASSWD, GROUP)

test('L14: resolveUser() finds a name and a number, with the groups that list the user', () => {
  assert.deepEqual(resolve('daemon'), { uid: 1, gid: 2, groups: [4, 2000] })
  assert.deepEqual(resolve('1'), resolve('daemon'))
  assert.deepEqual(resolve('0'), { uid: 0, gid: 0, groups: [] })
  assert.deepEqual(resolve(''), resolve('root'))
})

test('L14: resolveUser() takes the group that is named, and then no others', () => {
  assert.deepEqual(resolve('daemon:www-data'), { uid: 1, gid: 33, groups: [] })
  assert.deepEqual(resolve('1:2000'), { uid: 1, gid: 2000, groups: [] })
  assert.deepEqual(resolve(':adm'), { uid: 0, gid: 4, groups: [] })
})

test('L14: resolveUser() allows numbers that are in no list, and takes digits for a number', () => {
  assert.deepEqual(resolve('4242'), { uid: 4242, gid: 0, groups: [] })
  assert.deepEqual(resolve('4242:4343'), { uid: 4242, gid: 4343, groups: [] })
  assert.deepEqual(resolve('7'), { uid: 7, gid: 0, groups: [] })
  assert.deepEqual(resolveUser('5', '', ''), { uid: 5, gid: 0, groups: [] })
  assert.deepEqual(resolveUser('root', '', ''), { uid: 0, gid: 0, groups: [] })
  assert.throws(() => resolveUser('root', 'toor:x:0:0::/:', ''), /\/user names a user/)
})

test('L14: resolveUser() refuses names that are in no list, and numbers that are no ids', () => {
  assert.throws(
    () => resolve('deamon'),
    /^InvalidInputError: \/user names a user that is not in the container’s \/etc\/passwd: "deamon": did you mean daemon\?$/,
  )
  assert.throws(
    () => resolve('root:xtra'),
    /\/user names a group that is not in the container’s \/etc\/group: "xtra": did you mean extra\?$/,
  )
  for (const none of ['4294967295', '99999999999', '-1', 'broken'])
    assert.throws(() => resolve(none), /\/user names a user/)
})
