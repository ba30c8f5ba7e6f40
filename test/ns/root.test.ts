import assert from 'node:assert/strict'
import { spawnSync } from 'node:child_process'
import { once } from 'node:events'
import {
  existsSync,
  lstatSync,
  readdirSync,
  readFileSync,
  readlinkSync,
  rmSync,
  statSync,
  symlinkSync,
  writeFileSync,
} from 'node:fs'
import { join } from 'node:path'
import type { Readable } from 'node:stream'
import { text } from 'node:stream/consumers'
import { test } from 'node:test'
import { CARREL, carrel, start } from '../cli/carrel.ts'
import { checkMachine } from '../support/machine-check.ts'
import { requires } from '../support/requires.ts'
import { EXAMPLES, inside, ns, useRoot } from './ns.ts'

// The test root, and the /dev that a container sees.

checkMachine()
const needs = requires({ root: true, program: '/bin/busybox' })
const { folder, root } = useRoot('ns-root', needs)

const major = (device: number): number => (device >> 8) & 0xfff
const minor = (device: number): number => (device & 0xff) | ((device >> 12) & 0xfff00)

test(
  'N19, D-N11: mk-test-root makes directories, an applet a link, devices with their numbers and modes, and init.sh',
  needs,
  () => {
    for (const name of ['bin', 'sbin', 'etc', 'proc', 'dev', 'sys', 'tmp', 'usr/bin'])
      assert.ok(statSync(join(root, name)).isDirectory())
    const { stdout } = spawnSync('/bin/busybox', ['--list'], { encoding: 'utf8' })
    const applets = stdout.trim().split('\n')
    const inode = statSync(join(root, 'bin/busybox')).ino
    for (const name of applets) assert.equal(lstatSync(join(root, 'bin', name)).ino, inode, name)
    const nodes = ['null', 'zero', 'full', 'random', 'urandom', 'kmsg', 'tty', 'console', 'net/tun'].map((name) => {
      const node = lstatSync(join(root, 'dev', name))
      assert.ok(node.isCharacterDevice())
      return `${name} ${major(node.rdev)}:${minor(node.rdev)} ${(node.mode & 0o7777).toString(8)}`
    })
    assert.deepEqual(nodes, [
      ...['null 1:3 666', 'zero 1:5 666', 'full 1:7 666', 'random 1:8 666', 'urandom 1:9 666', 'kmsg 1:11 600'],
      ...['tty 5:0 666', 'console 5:1 600', 'net/tun 10:200 666'],
    ])
    assert.equal(readlinkSync(join(root, 'dev/fd')), '/proc/self/fd')
    assert.equal(readlinkSync(join(root, 'dev/stderr')), '/proc/self/fd/2')
    assert.deepEqual(readFileSync(join(root, 'init.sh')), readFileSync(join(EXAMPLES, 'init.sh')))
    assert.equal(statSync(join(root, 'init.sh')).mode & 0o777, 0o755)
  },
)

test('N19: mk-test-root refuses what exists, and leaves it as it is; its default is /tmp/zzroot', needs, () => {
  const names = readdirSync(root)
  const { status, stderr } = carrel(['mk-test-root', root])
  assert.equal(status, 125)
  assert.match(stderr, /^carrel: DIR must not exist, and .*root does: remove it, or name another one$/m)
  assert.deepEqual(readdirSync(root), names)
  assert.match(carrel(['mk-test-root', '--help']).stdout, /default: \/tmp\/zzroot/)
})

test(
  'N19: of two that make a root in one place at once, one makes it whole, and the other leaves it alone',
  needs,
  async () => {
    const [above, place] = [join(folder, 'at-once'), join(folder, 'at-once/root')]
    const all = [0, 1, 2].map(() => start(['mk-test-root', place], { stdio: ['ignore', 'ignore', 'pipe'] }))
    const ended = await Promise.all(
      all.map(async (each) => {
        const closed = once(each, 'close')
        return { message: await text(each.stderr as Readable), code: (await closed)[0] as number | null }
      }),
    )
    const losers = ended.filter(({ code }) => code !== 0)
    assert.equal(losers.length, 2)
    for (const { message } of losers) assert.match(message, /^carrel: DIR must not exist, and /)
    assert.deepEqual(readdirSync(above), ['root'])
    assert.equal(inside(place, 'echo whole'), 'whole\n')
  },
)

test('N19: an --init that is no file is refused by name, before anything is made', needs, () => {
  for (const init of ['/nonexistent', folder]) {
    const { status, stderr } = carrel(['mk-test-root', join(folder, 'new/one'), '--init', init])
    assert.equal(status, 125)
    assert.equal(stderr, `carrel: init must be a file of the host, and ${init} is none\n`)
    assert.equal(existsSync(join(folder, 'new')), false)
  }
})

test('N19: without a static busybox, mk-test-root names the package, and makes nothing', needs, () => {
  const target = join(folder, 'never')
  const places = ['/bin/busybox', '/usr/bin/busybox']
  const hide = places.map((path) => `mount --bind /bin/sh $(readlink -f ${path}) 2>/dev/null`).join('; ')
  const words = [process.execPath, CARREL, 'mk-test-root', target]
  const { status, stderr } = spawnSync('unshare', ['-m', 'sh', '-c', `${hide}; exec "$@"`, 'sh', ...words], {
    encoding: 'utf8',
  })
  assert.equal(status, 125)
  assert.match(stderr, /needs shared libraries: apt-get install busybox-static/)
  assert.equal(existsSync(target), false)
})

test('N13: a root with devices keeps its /dev; one without gets its own; --dev decides otherwise', needs, () => {
  const look = 'ls /dev | tr "\\n" " "; echo x >/dev/null && head -c 2 /dev/zero | wc -c'
  assert.match(inside(root, look), /^console fd full kmsg net null .* 2\n$/)
  const own = /^fd full null ptmx pts random shm stderr stdin stdout tty urandom zero 2\n$/
  assert.match(inside(root, `${look}`, ['--dev', 'own']), own)
  const bare = join(folder, 'bare')
  assert.equal(spawnSync('cp', ['-a', root, bare]).status, 0)
  for (const name of readdirSync(join(bare, 'dev'))) rmSync(join(bare, 'dev', name), { recursive: true })
  writeFileSync(join(bare, 'dev/null'), '')
  assert.match(inside(bare, look), own)
  assert.deepEqual(readdirSync(join(bare, 'dev')), ['null'], 'nothing was made in the root itself')
  assert.match(inside(bare, 'ls -A /dev; echo; ls -l /dev/null', ['--dev', 'root']), /^null\n\n-rw/)
  const nodev = `mount --bind ${root} ${root} && mount -o remount,bind,nodev ${root} && exec "$@"`
  const words = [process.execPath, CARREL, 'ns', '-', root, '/bin/sh', '--', '-c', look]
  const { stdout, stderr } = spawnSync('unshare', ['-m', 'sh', '-c', nodev, 'sh', ...words], { encoding: 'utf8' })
  assert.match(stdout, own, `devices on a mount with nodev are none: ${stderr}`)
})

test('N13: a root without a place for /proc or /dev is refused by name', needs, () => {
  const bare = join(folder, 'no-proc')
  assert.equal(spawnSync('cp', ['-a', root, bare]).status, 0)
  rmSync(join(bare, 'proc'), { recursive: true })
  const { status, stderr } = ns(['-', bare, '/bin/true'])
  assert.equal(status, 125)
  assert.match(stderr, /^carrel: ROOT .*no-proc has no directory proc, or a link instead of it: make it, to mount on$/m)
})

test(
  'N13: a link in the place of /proc or /dev is refused by name, and nothing is mounted where it leads',
  needs,
  () => {
    for (const name of ['proc', 'dev']) {
      const linked = join(folder, `linked-${name}`)
      assert.equal(spawnSync('cp', ['-a', root, linked]).status, 0)
      rmSync(join(linked, name), { recursive: true })
      symlinkSync('/etc', join(linked, name))
      const { status, stderr } = ns(['-', linked, '/bin/true'])
      assert.equal(status, 125)
      assert.match(stderr, new RegExp(`^carrel: ROOT .* has no directory ${name}, or a link instead of it`, 'm'))
    }
  },
)

test('N13: a link in the place of /dev/pts is left alone: the terminal works, and is seen nowhere', needs, () => {
  const linked = join(folder, 'linked-pts')
  assert.equal(spawnSync('cp', ['-a', root, linked]).status, 0)
  rmSync(join(linked, 'dev/pts'), { recursive: true })
  symlinkSync('/etc', join(linked, 'dev/pts'))
  const command = `${process.execPath} ${CARREL} ns - ${linked} /bin/sh -- -c 'test -t 0 && echo terminal && ls /etc && grep -c devpts /proc/mounts'`
  const { stdout } = spawnSync('script', ['-qec', command, '/dev/null'], { encoding: 'utf8' })
  // The end of its own input is a NUL for script(1), which the terminal echoes.
  assert.match(stdout.replaceAll('^@', ''), /^terminal\s+group\s+hosts\s+passwd\s+0\s*$/m)
})
