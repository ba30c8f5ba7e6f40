import assert from 'node:assert/strict'
import { execFileSync } from 'node:child_process'
import {
  existsSync,
  lstatSync,
  mkdirSync,
  readdirSync,
  readFileSync,
  rmSync,
  symlinkSync,
  writeFileSync,
} from 'node:fs'
import { join } from 'node:path'
import { test } from 'node:test'
import type { Changes } from '../support/oci-bundle.ts'
import { enterRoot } from '../support/entered-root.ts'
import { checkMachine } from '../support/machine-check.ts'
import { requires } from '../support/requires.ts'

checkMachine()
const ROOT = requires({ root: true })

const PROC = { destination: '/proc', type: 'proc', source: 'proc' }
const DEV = { destination: '/dev', type: 'tmpfs', source: 'tmpfs', options: ['mode=755'] }
const BARE = { maskedPaths: [], readonlyPaths: [] }
const DEFAULTS = ['null 1:3', 'zero 1:5', 'full 1:7', 'random 1:8', 'urandom 1:9', 'tty 5:0']
const NUMBERS = 'cd /dev; for n in null zero full random urandom tty; do stat -c "$n %t:%T %a %F" $n; done'

test('L42, L43, L44: default nodes and links in a new /dev', ROOT, async () => {
  await enterRoot({ mounts: [PROC, DEV], linux: BARE }, {}, ({ sh }) => {
    assert.equal(sh(NUMBERS), DEFAULTS.map((each) => `${each} 666 character special file`).join('\n'))
    assert.equal(
      sh(
        'cd /dev; for n in fd stdin stdout stderr ptmx; do readlink $n; done; echo x | cat /dev/stdin; echo y > /dev/full',
      ),
      '/proc/self/fd\n/proc/self/fd/0\n/proc/self/fd/1\n/proc/self/fd/2\npts/ptmx\nx\nsh: write error: No space left on device',
    )
  })
})

test('L42: a devtmpfs is the host’s own, of which there is one: nothing is made or removed in it', ROOT, async () => {
  const before = readdirSync('/dev').filter((name) => name.startsWith('carrel-') || name === 'core')
  const own = { path: '/dev/carrel-node', type: 'c', major: 1, minor: 3 }
  const dev = { destination: '/dev', type: 'devtmpfs', source: 'devtmpfs' }
  await enterRoot({ mounts: [PROC, dev], linux: { ...BARE, devices: [own] } }, {}, ({ sh }) => {
    assert.equal(sh('stat -c %F /dev/ptmx; stat -c %F /dev/null'), 'character special file\ncharacter special file')
  })
  assert.ok(lstatSync('/dev/ptmx').isCharacterDevice())
  assert.deepEqual(
    readdirSync('/dev').filter((name) => name.startsWith('carrel-') || name === 'core'),
    before,
  )
})

test('L42: links to /proc are made only where the container has one', ROOT, async () => {
  await enterRoot({ mounts: [DEV], linux: BARE }, {}, ({ sh }) => {
    assert.equal(sh('ls /dev'), 'full\nnull\nptmx\nrandom\ntty\nurandom\nzero')
  })
})

test(
  'L42: without a mount on /dev the nodes are made in the root file system, and those that are right stay',
  ROOT,
  async () => {
    const prepare = (root: string): void => {
      execFileSync('mknod', ['-m', '600', join(root, 'dev/zero'), 'c', '1', '5'])
      execFileSync('mknod', ['-m', '600', join(root, 'dev/ptmx'), 'c', '5', '2'])
    }
    await enterRoot({ mounts: [PROC], linux: BARE }, { prepare }, ({ sh, mounts }) => {
      const expected = DEFAULTS.map((each) => `${each} ${each.startsWith('zero') ? 600 : 666} character special file`)
      assert.equal(sh(NUMBERS), expected.join('\n'))
      assert.equal(sh('readlink /dev/ptmx'), 'pts/ptmx')
      assert.ok(!mounts().some((line) => line.startsWith('/dev')))
    })
  },
)

test(
  'L42: linux.devices: type, numbers, mode, owner, directories above; one of the default paths stands for the default',
  ROOT,
  async () => {
    const devices = [
      { path: '/dev/net/deep/tun', type: 'c', major: 10, minor: 200, fileMode: 0o640, uid: 3, gid: 4 },
      { path: '/dev/disk', type: 'b', major: 7, minor: 300, fileMode: 0o660 | 0o60000 },
      { path: '/dev/raw', type: 'u', major: 1, minor: 8 },
      { path: '/var/pipe', type: 'p', fileMode: 0o622 },
      { path: '/dev/tty', type: 'c', major: 5, minor: 0, fileMode: 0o600, gid: 5 },
    ]
    await enterRoot({ mounts: [PROC, DEV], linux: { ...BARE, devices } }, {}, ({ sh }) => {
      const stat = (path: string): string => sh(`stat -c '%F %t:%T %a %u:%g' ${path}`)
      assert.equal(stat('/dev/net/deep/tun'), 'character special file a:c8 640 3:4')
      assert.equal(stat('/dev/disk'), 'block special file 7:12c 660 0:0')
      assert.equal(stat('/dev/raw'), 'character special file 1:8 666 0:0')
      assert.equal(stat('/var/pipe'), 'fifo 0:0 622 0:0')
      assert.equal(stat('/dev/tty'), 'character special file 5:0 600 0:5')
      assert.equal(stat('/dev/net'), 'directory 0:0 755 0:0')
    })
  },
)

test('a /dev that is bound from the host gets nothing added, and a node that is bound stays', ROOT, async () => {
  const before = execFileSync('ls', ['/dev'], { encoding: 'utf8' })
  const bound = { destination: '/dev', type: 'bind', source: '/dev', options: ['rbind', 'rprivate'] }
  await enterRoot({ mounts: [PROC, bound], linux: BARE }, {}, ({ sh }) => {
    assert.equal(`${sh('ls /dev')}\n`, before)
  })
  const random = { destination: '/dev/random', type: 'bind', source: '/dev/zero', options: ['bind'] }
  await enterRoot({ mounts: [PROC, DEV, random], linux: BARE }, {}, ({ sh }) => {
    assert.equal(sh('stat -c %t:%T /dev/random'), '1:5')
  })
  assert.equal(execFileSync('ls', ['/dev'], { encoding: 'utf8' }), before)
})

/** What an image may put where nodes are expected, and how a start with it ends. */
const HOSTILE: readonly (readonly [what: string, prepare: (root: string) => void, error: RegExp])[] = [
  [
    '/dev/null is a link',
    (root) => symlinkSync('/proc/sys/kernel/core_pattern', join(root, 'dev/null')),
    /\/dev\/null .* is not the device 1:3/,
  ],
  [
    '/dev/null is a FIFO',
    (root) => execFileSync('mkfifo', [join(root, 'dev/null')]),
    /\/dev\/null .* is not the device 1:3/,
  ],
  ['/dev/null is a file', (root) => writeFileSync(join(root, 'dev/null'), ''), /\/dev\/null .* is not the device 1:3/],
  [
    '/dev/zero is /dev/mem',
    (root) => execFileSync('mknod', [join(root, 'dev/zero'), 'c', '1', '1']),
    /\/dev\/zero .* is not the device 1:5/,
  ],
  ['/dev/net is a link', (root) => symlinkSync('/etc', join(root, 'dev/net')), /ELOOP/],
  [
    '/dev is a link',
    (root) => {
      rmSync(join(root, 'dev'), { recursive: true })
      symlinkSync('/tmp', join(root, 'dev'))
    },
    /ELOOP/,
  ],
]

for (const [what, prepare, error] of HOSTILE) {
  test(`X09: ${what}: refused before anything runs (CVE-2025-31133, CVE-2026-41579)`, ROOT, async () => {
    const devices = [{ path: '/dev/net/tun', type: 'c', major: 10, minor: 200 }]
    await assert.rejects(
      enterRoot({ mounts: [PROC], linux: { ...BARE, devices } }, { prepare }, () => assert.fail('it was entered')),
      error,
    )
  })
}

test('a mask is the null device even where /dev is bound from elsewhere, or else the start ends', ROOT, async () => {
  const changes = (source: string): Changes => ({
    mounts: [PROC, { destination: '/dev', type: 'bind', source, options: ['bind'] }],
    linux: { maskedPaths: ['/proc/timer_list'], readonlyPaths: [] },
  })
  const prepare = (root: string): void => {
    mkdirSync(join(root, 'false'))
    symlinkSync('/proc/sysrq-trigger', join(root, 'false/null'))
  }
  await enterRoot(changes('/dev'), {}, ({ sh }) => assert.equal(sh('stat -c %t:%T /proc/timer_list'), '1:3'))
  await assert.rejects(
    enterRoot(changes('rootfs/false'), { prepare }, () => assert.fail('it was entered')),
    /\/dev\/null .* is not the device 1:3/,
  )
  assert.ok(existsSync('/proc/timer_list') && readFileSync('/proc/timer_list', 'utf8').length > 0)
})

const USER = {
  namespaces: ['mount', 'pid', 'network', 'ipc', 'user'].map((type) => ({ type })),
  uidMappings: [{ containerID: 0, hostID: 100_000, size: 65_536 }],
  gidMappings: [{ containerID: 0, hostID: 100_000, size: 65_536 }],
}
const own = (root: string): void => void execFileSync('chown', ['-R', '100000:100000', root])

test('in a user namespace nodes are the host’s own, and one with other numbers is refused', ROOT, async () => {
  const pipe = { path: '/dev/pipe', type: 'p', fileMode: 0o600 }
  await enterRoot(
    { mounts: [PROC, DEV], linux: { ...BARE, ...USER, devices: [pipe] } },
    { prepare: own },
    ({ sh, mounts }) => {
      assert.equal(sh(NUMBERS), DEFAULTS.map((each) => `${each} 666 character special file`).join('\n'))
      assert.equal(sh('stat -c "%F %u" /dev/pipe; echo x > /dev/null && echo written'), 'fifo 0\nwritten')
      assert.equal(mounts().filter((line) => / - devtmpfs /.test(line)).length, DEFAULTS.length)
    },
  )
  const wrong = { path: '/dev/zero', type: 'c', major: 1, minor: 1 }
  await assert.rejects(
    enterRoot({ mounts: [PROC, DEV], linux: { ...BARE, ...USER, devices: [wrong] } }, { prepare: own }, () =>
      assert.fail('it was entered'),
    ),
    /\/dev\/zero .* is not the device 1:1/,
  )
})
