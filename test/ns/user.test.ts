import assert from 'node:assert/strict'
import { spawnSync } from 'node:child_process'
import { chmodSync, chownSync, cpSync, mkdirSync, readdirSync, rmSync, statSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { after, before, test } from 'node:test'
import { carrelAsUser, installForEverybody, USER } from '../rootless/ordinary-user.ts'
import { checkMachine } from '../support/machine-check.ts'
import { requires } from '../support/requires.ts'
import { EXAMPLES, inside, makeRoot, ns, script, statusOf, written } from './ns.ts'

// User namespaces: made by root for any id, and by an ordinary user for its own.

checkMachine()
const needs = requires({ root: true, program: '/bin/busybox' })
let folder = ''
let root = ''
/** A folder and a root of the ordinary user's */
let home = ''
let own = ''
before(() => {
  if (needs.skip !== false) return
  folder = installForEverybody()
  cpSync(EXAMPLES, join(folder, 'examples/ns'), { recursive: true })
  root = makeRoot(folder)
  home = join(folder, 'home')
  mkdirSync(home)
  chownSync(home, USER, USER)
  own = join(home, 'own')
})
after(() => {
  if (folder) rmSync(folder, { recursive: true })
})

const look =
  'id -u; id -g; cat /proc/self/uid_map /proc/self/gid_map /proc/self/setgroups; grep Groups /proc/self/status; touch /tmp/mine'

test('N05, D-N05: root gives the container any id: 0 is that one, one id each, setgroups denied', needs, () => {
  const lines = inside(root, `${look}; readlink /proc/self/ns/user`, ['-u'], ['4242', '4343']).split('\n')
  assert.deepEqual(lines.slice(0, 2), ['0', '0'])
  assert.deepEqual(
    lines.slice(2, 5).map((line) => line.trim().split(/\s+/).join(' ')),
    ['0 4242 1', '0 4343 1', 'deny'],
  )
  assert.equal(lines[5]?.trim(), 'Groups:', 'none of root’s groups is left')
  const { uid, gid } = statSync(join(root, 'tmp/mine'))
  assert.deepEqual([uid, gid], [4242, 4343])
})

test('D-N05: the way to ROOT may be closed to that user, ROOT itself may not', needs, () => {
  const closed = join(folder, 'closed')
  mkdirSync(closed, { mode: 0o700 })
  const deep = join(closed, 'root')
  assert.equal(spawnSync('cp', ['-a', root, deep]).status, 0)
  assert.equal(inside(deep, 'id -u', ['-u'], ['4242', '4343']), '0\n')
  chmodSync(deep, 0o700)
  const { status, stderr } = ns(['-u', '-', deep, '/bin/true', '4242', '4343'])
  assert.equal(status, 125)
  assert.match(stderr, /EACCES .*The container’s root must be able to enter .*: chmod o\+x it/)
})

test('D-N05: PRE has the groups of its caller all the same', needs, () => {
  const pre = script(
    folder,
    'groups.sh',
    `grep Groups /proc/$$/status >${folder}/groups; grep Groups /proc/$1/status >>${folder}/groups`,
  )
  const words = [process.execPath, join(folder, 'dist/cli/main.js'), 'ns', '-u', pre, root, '/bin/true', '4242', '4343']
  const { status, stderr } = spawnSync('setpriv', ['--groups', '0,77', ...words], { encoding: 'utf8' })
  assert.equal(status, 0, stderr)
  assert.deepEqual(
    written(folder, 'groups')
      .split('\n')
      .map((line) => line.trim().split(/\s+/)),
    [['Groups:', '0', '77'], ['Groups:']],
  )
})

test('N01, N05, N13, N19, N21: an ordinary user makes a root without devices, and is root in it', needs, () => {
  const made = carrelAsUser(['mk-test-root', own], { folder })
  assert.equal(made.status, 0, made.stderr)
  assert.match(
    made.stdout,
    /\d+ applets of busybox, no devices, which only root makes: carrel ns gives it a \/dev of its own/,
  )
  assert.deepEqual(readdirSync(join(own, 'dev')).sort(), [
    'fd',
    'net',
    'ptmx',
    'pts',
    'shm',
    'stderr',
    'stdin',
    'stdout',
  ])
  const text = `${look}; echo x >/dev/null && echo devices; ip -o link; ip addr add 10.1.2.3/24 dev lo && echo configured; cat /proc/self/status`
  const words = ['ns', '-n', '-u', '-', own, '/bin/sh', String(USER), String(USER), '--', '-c', text]
  const { status, stdout, stderr } = carrelAsUser(words, { folder })
  assert.equal(status, 0, stderr)
  assert.match(stdout, new RegExp(`^0\n0\n\\s+0\\s+${USER}\\s+1\n\\s+0\\s+${USER}\\s+1\ndeny\n`))
  assert.match(stdout, /^devices\n1: lo: <LOOPBACK,UP,LOWER_UP>.*\n(?:.*\n)?configured$/m)
  assert.deepEqual([statusOf(stdout)['CapBnd'], statusOf(stdout)['Seccomp']], ['00000000a00435fb', '2'])
  assert.equal(statSync(join(own, 'tmp/mine')).uid, USER)
})

test('D-N02, D-N08: PRE, exit codes and a failing PRE are the same for an ordinary user', needs, () => {
  const pre = script(folder, 'as-user.sh', '[ "$CLONE_NEWUSER" ] && id -u && [ -d /proc/$1 ] && exit ${CODE:-0}')
  const run = (...more: string[]): ReturnType<typeof carrelAsUser> =>
    carrelAsUser(['ns', '-u', ...more, pre, own, '/bin/sh', String(USER), String(USER), '--', '-c', 'exit 9'], {
      folder,
    })
  assert.deepEqual([run().status, run().stdout], [9, `${USER}\n`])
  assert.equal(run('--env', 'CODE=4').status, 4)
})

test('N05, N10, D-N05: an ordinary user is refused what it cannot have, by name', needs, () => {
  const rows: [readonly string[], RegExp][] = [
    [['-', own, '/bin/true'], /Namespaces without --user need CAP_SYS_ADMIN, .*give --user with your own UID and GID/],
    [['-u', '-', own, '/bin/true', '0', '0'], new RegExp(`UID must be ${USER}, your own, not 0`)],
    [
      ['-u', '-m', '64M', '-', own, '/bin/true', String(USER), String(USER)],
      /Cannot enforce memory\.limit, because this process may not write/,
    ],
  ]
  for (const [words, message] of rows) {
    const { status, stderr } = carrelAsUser(['ns', ...words], { folder })
    assert.equal(status, 125, words.join(' '))
    assert.match(stderr, message)
  }
  const words = [
    'ns',
    '-u',
    '--best-effort',
    '-m',
    '64M',
    '-',
    own,
    '/bin/echo',
    String(USER),
    String(USER),
    '--',
    'ran',
  ]
  const { status, stdout, stderr } = carrelAsUser(words, { folder })
  assert.deepEqual([status, stdout], [0, 'ran\n'])
  assert.match(stderr, /^carrel: memory is not enforced: /m)
})

test('N15, N21: where the host allows no user namespaces, the sysctl is named', needs, () => {
  const fake = join(folder, 'max_user_namespaces')
  writeFileSync(fake, '0\n')
  const words = [
    'setpriv',
    `--reuid=${USER}`,
    `--regid=${USER}`,
    '--clear-groups',
    process.execPath,
    join(folder, 'dist/cli/main.js'),
  ]
  const command = [...words, 'ns', '-u', '-', own, '/bin/true', String(USER), String(USER)]
  const cover = `mount --bind ${fake} /proc/sys/user/max_user_namespaces && exec "$@"`
  const { status, stderr } = spawnSync('unshare', ['-m', 'sh', '-c', cover, 'sh', ...command], { encoding: 'utf8' })
  assert.equal(status, 125)
  assert.match(
    stderr,
    /^carrel: No user namespace, because user\.max_user_namespaces is 0: sysctl -w user\.max_user_namespaces=15000$/m,
  )
})
