import assert from 'node:assert/strict'
import { execFileSync } from 'node:child_process'
import { mkdirSync, readdirSync, readFileSync, rmSync, symlinkSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { test } from 'node:test'
import { SyncAgent } from '../../src/kernel/agent.ts'
import { currentKernel } from '../../src/kernel/current.ts'
import { type Program, program } from '../../src/program/builder.ts'
import { enterRoot } from '../support/entered-root.ts'
import { checkMachine } from '../support/machine-check.ts'
import type { Bundle } from '../support/oci-bundle.ts'
import { requires } from '../support/requires.ts'

checkMachine()
const ROOT = requires({ root: true })
const hostMounts = (): string => readFileSync('/proc/self/mountinfo', 'utf8')

test(
  'L39, L47, L49, X08: the root is the container’s own, and nothing of the host’s is left below it',
  ROOT,
  async () => {
    const before = hostMounts()
    await enterRoot({}, {}, ({ mounts, sh }) => {
      assert.equal(sh('ls /'), 'bin\ndev\netc\nmnt\nproc\nroot\nsys\ntmp\nvar')
      assert.ok(!mounts().some((line) => line.includes('/work') || line.startsWith('/tmp')))
      assert.ok(!mounts().some((line) => line.includes('shared:') || line.includes('master:')))
      assert.equal(sh('cd /; cd ..; pwd'), '/')
      assert.equal(hostMounts(), before)
    })
  },
)

test(
  'L12, L48: root.readonly: nothing of the root is written, mounts in it are as their own options say',
  ROOT,
  async () => {
    const mounts = [
      { destination: '/dev', type: 'tmpfs', source: 'tmpfs', options: ['mode=755'] },
      { destination: '/tmp', type: 'tmpfs', source: 'tmpfs' },
    ]
    await enterRoot({ root: { readonly: true }, mounts }, {}, ({ sh }) => {
      assert.match(sh('echo x > /etc/x'), /Read-only file system/)
      assert.equal(sh('echo x > /tmp/x && cat /tmp/x'), 'x')
    })
  },
)

test(
  'L50, X16: maskedPaths are covered by a null device or an empty directory, those that are not there are left',
  ROOT,
  async () => {
    const maskedPaths = [
      '/proc/acpi',
      '/nowhere',
      '/secret',
      '/hidden',
      '/proc/kcore',
      '/nowhere/at/all',
      '/other',
      '/link',
    ]
    const prepare = (root: string): void => {
      for (const name of ['hidden', 'other', 'target']) {
        mkdirSync(join(root, name))
        writeFileSync(join(root, name, 'inside'), 'x')
      }
      writeFileSync(join(root, 'secret'), 'told')
      symlinkSync('/target', join(root, 'link'))
    }
    await enterRoot({ linux: { maskedPaths } }, { prepare }, ({ sh, mounts }) => {
      assert.equal(
        sh('cat /secret; ls /hidden /other /target; test -c /secret && echo device'),
        '/hidden:\n\n/other:\n\n/target:\ndevice',
      )
      assert.match(sh('echo x > /hidden/x'), /Read-only/)
      assert.ok(mounts().some((line) => line.startsWith('/target ro')))
      assert.equal(sh('ls -d /nowhere 2>&1 | tail -1'), 'ls: /nowhere: No such file or directory')
    })
  },
)

test('L50, X10: readonlyPaths are read-only with what is mounted below them', ROOT, async () => {
  const changes = {
    mounts: [
      { destination: '/proc', type: 'proc', source: 'proc' },
      { destination: '/dev', type: 'tmpfs', source: 'tmpfs', options: ['mode=755'] },
      { destination: '/var/below', type: 'tmpfs', source: 'tmpfs' },
    ],
    linux: { readonlyPaths: ['/var', '/proc/sys', '/etc/passwd', '/nowhere'] },
  }
  await enterRoot(changes, {}, ({ sh }) => {
    for (const file of ['/var/x', '/var/below/x', '/etc/passwd', '/proc/sys/kernel/domainname']) {
      assert.match(sh(`echo x > ${file}`), /Read-only file system/, file)
    }
    assert.equal(sh('echo x > /etc/y && cat /etc/y'), 'x')
  })
})

test('sysctl is written in the container’s namespaces alone, whatever lies over /proc/sys', ROOT, async () => {
  const before = readFileSync('/proc/sys/kernel/shm_rmid_forced', 'utf8')
  const changes = {
    linux: {
      sysctl: { 'kernel.shm_rmid_forced': '1', 'net/ipv4/ip_forward': '1', 'net.ipv4.conf.lo.forwarding': '1' },
    },
  }
  await enterRoot(changes, {}, ({ sh }) => {
    assert.equal(sh('cat /proc/sys/kernel/shm_rmid_forced /proc/sys/net/ipv4/ip_forward'), '1\n1')
    assert.equal(readFileSync('/proc/sys/kernel/shm_rmid_forced', 'utf8'), before)
  })
})

test('sysctl works without a /proc in the container, and through a read-only one', ROOT, async () => {
  const dev = { destination: '/dev', type: 'tmpfs', source: 'tmpfs', options: ['mode=755'] }
  const sysctl = { 'net.ipv4.ip_forward': '1' }
  const later = 'mount -t proc proc /mnt && cat /mnt/sys/net/ipv4/ip_forward'
  for (const proc of [[], [{ destination: '/proc', type: 'proc', source: 'proc', options: ['ro'] }]]) {
    await enterRoot({ mounts: [...proc, dev], linux: { sysctl, maskedPaths: [], readonlyPaths: [] } }, {}, ({ sh }) => {
      assert.equal(sh(later), '1')
    })
  }
})

for (const [propagation, seen] of [
  ['shared', 'both'],
  ['private', 'here'],
  ['slave', 'here'],
] as const) {
  test(
    `rootfsPropagation ${propagation}: a mount below / is ${seen === 'both' ? '' : 'not '}seen in a bind of it`,
    ROOT,
    async () => {
      const rootMount = execFileSync('stat', ['-c', '%m', '/tmp'], { encoding: 'utf8' }).trim()
      const before = hostMounts()
      await enterRoot({ linux: { rootfsPropagation: propagation } }, { rootMount }, ({ sh }) => {
        const script =
          'mkdir /copy /var/x && mount --bind / /copy && mount -t tmpfs t /var/x && touch /var/x/y && ls /copy/var/x'
        assert.equal(sh(script), seen === 'both' ? 'y' : '')
        assert.equal(hostMounts(), before)
      })
    },
  )
}

test('rootfsPropagation unbindable: the root cannot be bound', ROOT, async () => {
  await enterRoot({ linux: { rootfsPropagation: 'unbindable' } }, {}, ({ sh }) => {
    assert.match(sh('mkdir /copy && mount --bind / /copy'), /Invalid argument/)
  })
})

test(
  'L13: without pivot_root the root is entered all the same, and no procfs or sysfs of the host is left',
  ROOT,
  async () => {
    const visibleProc = ['/sys', '/proc']
    await enterRoot({}, { pivot: false, visibleProc }, ({ sh, mounts }) => {
      assert.equal(sh('ls / | head -2; cd /; cd ..; pwd'), 'bin\ndev\n/')
      const kinds = mounts().filter((line) => / - (proc|sysfs) /.test(line))
      assert.ok(
        kinds.every((line) => /^\/(proc|sys)\b/.test(line)),
        kinds.join('\n'),
      )
      assert.equal(sh('cat /proc/1/comm | wc -l'), '1')
    })
  },
)

const HOSTILE: readonly (readonly [name: string, prepare: (root: string) => void, error: RegExp])[] = [
  ['/proc is a link', (root) => replace(root, 'proc', '/etc'), /ELOOP/],
  ['/sys is a link', (root) => replace(root, 'sys', '../../..'), /ELOOP/],
  ['/dev is a link', (root) => replace(root, 'dev', '/tmp'), /ELOOP/],
]

for (const [name, prepare, error] of HOSTILE) {
  test(`X09: ${name}: refused (CVE-2023-27561, CVE-2026-41579)`, ROOT, async () => {
    const before = hostMounts()
    await assert.rejects(
      enterRoot({}, { prepare }, () => assert.fail('it was entered')),
      error,
    )
    assert.equal(hostMounts(), before)
  })
}

function replace(root: string, name: string, target: string): void {
  rmSync(join(root, name), { recursive: true })
  symlinkSync(target, join(root, name))
}

test(
  'X09, L46: a mount target that is a link leads no further than the root, and creates nothing outside (CVE-2024-45310)',
  ROOT,
  async () => {
    const outside = execFileSync('mktemp', ['-d'], { encoding: 'utf8' }).trim()
    try {
      const mounts = [
        { destination: '/dev', type: 'tmpfs', source: 'tmpfs', options: ['mode=755'] },
        { destination: '/out/made', type: 'tmpfs', source: 'tmpfs', options: ['size=4k'] },
        { destination: '/up/made', type: 'tmpfs', source: 'tmpfs', options: ['size=4k'] },
      ]
      const prepare = (root: string): void => {
        mkdirSync(join(root, outside.slice(1)), { recursive: true })
        symlinkSync(outside, join(root, 'out'))
        symlinkSync(`../../../../../../..${outside}`, join(root, 'up'))
      }
      await enterRoot({ mounts, linux: { maskedPaths: [], readonlyPaths: [] } }, { prepare }, ({ mounts: shown }) => {
        assert.deepEqual(readdirSync(outside), [])
        assert.equal(shown().filter((line) => line.startsWith(`${outside}/made`)).length, 2)
      })
      const dangling = (root: string): void => symlinkSync('/not/there', join(root, 'out'))
      await assert.rejects(
        enterRoot({ mounts }, { prepare: dangling }, () => assert.fail('it was entered')),
        /ENOENT/,
      )
      assert.deepEqual(readdirSync(outside), [])
    } finally {
      rmSync(outside, { recursive: true })
    }
  },
)

test(
  'X09: directories that change places with links while a root is built: nothing lands outside of it (CVE-2021-30465)',
  ROOT,
  async () => {
    const outside = execFileSync('mktemp', ['-d'], { encoding: 'utf8' }).trim()
    const kernel = await currentKernel()
    const attacker = SyncAgent.start(kernel)
    try {
      mkdirSync(join(outside, 'sub'))
      const mounts = [
        { destination: '/dev', type: 'tmpfs', source: 'tmpfs', options: ['mode=755'] },
        { destination: '/vol/sub/made', type: 'tmpfs', source: 'tmpfs', options: ['size=4k'] },
        { destination: '/vol/new/er', type: 'tmpfs', source: 'tmpfs', options: ['size=4k'] },
      ]
      const prepare = (root: string): void => {
        mkdirSync(join(root, 'vol/sub'), { recursive: true })
        mkdirSync(join(root, outside, 'sub'), { recursive: true })
        symlinkSync(outside, join(root, 'vol2'))
        attacker.post(exchanging(root), {}, false)
      }
      const settle = (): void => void attacker.run(program())
      const before = hostMounts()
      let entered = 0
      for (let round = 0; round < 20; round++) {
        try {
          await enterRoot({ mounts, linux: { maskedPaths: [], readonlyPaths: [] } }, { prepare, settle }, () => {
            entered++
          })
        } catch (error) {
          assert.match(String(error), /ENOENT|EAGAIN|ELOOP|ENOTDIR/)
        }
        assert.deepEqual(readdirSync(outside), ['sub'])
        assert.deepEqual(readdirSync(join(outside, 'sub')), [])
        assert.equal(hostMounts(), before)
      }
      assert.ok(entered > 0)
    } finally {
      attacker.end()
      rmSync(outside, { recursive: true })
    }
  },
)

/** Two names of a directory that are exchanged some thousand times. */
function exchanging(root: string): Program {
  const p = program()
  const fd = p.openat('AT_FDCWD', root, ['O_PATH', 'O_DIRECTORY', 'O_CLOEXEC'])
  for (let i = 0; i < 10_000; i++) p.tolerate('ENOENT').renameat2(fd, 'vol', fd, 'vol2', ['RENAME_EXCHANGE'])
  p.close(fd)
  return p
}

test(
  'between two programs, where hooks run, the root is mounted at its own path, and the second goes on from there',
  ROOT,
  async () => {
    const mounts = [
      { destination: '/proc', type: 'proc', source: 'proc' },
      { destination: '/dev', type: 'tmpfs', source: 'tmpfs', options: ['mode=755', 'ro'] },
      { destination: '/etc', type: 'tmpfs', source: 'tmpfs', options: ['tmpcopyup', 'mode=755'] },
    ]
    const map = [{ containerID: 0, hostID: 0, size: 65_536 }]
    const namespaces = ['mount', 'pid', 'network', 'ipc', 'user'].map((type) => ({ type }))
    for (const more of [{}, { namespaces, uidMappings: map, gidMappings: map }]) {
      let called = 0
      const between = (pid: number, { root }: Bundle): void => {
        const seen = readFileSync(`/proc/${pid}/mountinfo`, 'utf8')
        assert.match(seen, new RegExp(` ${root} .*\n(.*\n)*.* ${root}/proc .* - proc `))
        called++
      }
      const sysctl = { 'net.ipv4.ip_forward': '1' }
      const linux = { maskedPaths: ['/proc/timer_list'], readonlyPaths: ['/proc/sys'], sysctl, ...more }
      await enterRoot({ mounts, linux }, { between }, ({ sh }) => {
        assert.match(sh('echo x > /dev/x'), /Read-only/)
        const script = 'cat /proc/sys/net/ipv4/ip_forward; wc -c < /proc/timer_list; head -c 4 /etc/passwd'
        assert.equal(sh(script), '1\n0\nroot')
      })
      assert.equal(called, 1)
    }
  },
)
