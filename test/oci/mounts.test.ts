import assert from 'node:assert/strict'
import { execFileSync } from 'node:child_process'
import { chmodSync, chownSync, mkdirSync, readFileSync, statSync, symlinkSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { test } from 'node:test'
import { enterRoot } from '../support/entered-root.ts'
import { checkMachine } from '../support/machine-check.ts'
import { requires } from '../support/requires.ts'
import { PROC, DEV, SYS, type MountJson, linux, withMounts, withHost, lineOf, optionsOf } from './mount-trials.ts'

checkMachine()
const ROOT = requires({ root: true })

test('L40: every kernel file system with its options and source', ROOT, async () => {
  const mounts = [
    {
      destination: '/run/a',
      type: 'tmpfs',
      source: 'named',
      options: ['nosuid', 'noexec', 'noatime', 'size=64k', 'mode=1700'],
    },
    {
      destination: '/dev/pts',
      type: 'devpts',
      source: 'devpts',
      options: ['newinstance', 'ptmxmode=0666', 'mode=0620', 'gid=5'],
    },
    { destination: '/dev/mqueue', type: 'mqueue', source: 'mqueue', options: ['nodev'] },
    { ...SYS, options: ['ro', 'nosymfollow'] },
    { destination: '/var/ram', type: 'ramfs', source: 'ramfs', options: ['sync', 'rnosuid'] },
  ]
  await withMounts(mounts, (entered) => {
    assert.match(lineOf(entered, '/run/a'), /^rw,nosuid,noexec,noatime - tmpfs named rw,size=64k,mode=1700$/)
    assert.match(lineOf(entered, '/dev/pts'), / - devpts devpts rw,gid=5,mode=620,ptmxmode=666$/)
    assert.match(lineOf(entered, '/dev/mqueue'), /^rw,nodev,relatime - mqueue/)
    assert.match(lineOf(entered, '/sys'), /^ro,relatime,nosymfollow - sysfs/)
    assert.match(lineOf(entered, '/var/ram'), /^rw,nosuid,relatime - ramfs ramfs rw,sync$/)
    assert.equal(entered.sh('stat -c %a /run/a'), '1700')
  })
})

test(
  'a tmpfs without a mode takes that of the directory it covers, or lets everybody write where there was none',
  ROOT,
  async () => {
    const tmpfs = (destination: string): MountJson => ({ destination, type: 'tmpfs', source: 'tmpfs' })
    const prepare = (root: string): void => {
      mkdirSync(join(root, 'kept'))
      chmodSync(join(root, 'kept'), 0o2751)
    }
    await withMounts(
      [tmpfs('/kept'), tmpfs('/made/here')],
      (entered) => {
        assert.equal(entered.sh('stat -c %a /kept /made/here /made'), '2751\n1777\n755')
      },
      { prepare },
    )
  },
)

test('mounts inside of read-only tmpfs mounts and of each other', ROOT, async () => {
  const mounts = [
    { destination: '/a', type: 'tmpfs', source: 'a', options: ['ro'] },
    { destination: '/a/b/c', type: 'tmpfs', source: 'c' },
    { destination: '/a/b', type: 'tmpfs', source: 'b' },
    { destination: '/a/b/c', type: 'tmpfs', source: 'c2' },
  ]
  await withMounts(mounts, (entered) => {
    assert.match(entered.sh('touch /a/x'), /Read-only/)
    assert.equal(entered.sh('touch /a/b/c/x && ls /a/b'), 'c')
    assert.match(lineOf(entered, '/a/b/c'), /c2/)
  })
})

test('L23, L46: a bind shows a file or directory of the host, with the flags that are asked for', ROOT, async () => {
  await withHost(async (host) => {
    mkdirSync(join(host, 'd/below'), { recursive: true })
    writeFileSync(join(host, 'f'), 'file')
    symlinkSync('f', join(host, 'link'))
    const mounts = [
      { destination: '/etc/f', type: 'bind', source: join(host, 'f'), options: ['bind', 'ro', 'nosuid'] },
      { destination: '/deep/er/f', type: 'bind', source: join(host, 'link'), options: ['rbind', 'rprivate'] },
      {
        destination: '/d',
        type: 'none',
        source: join(host, 'd'),
        options: ['bind', 'noexec', 'nodev', 'noatime', 'nodiratime'],
      },
      { destination: 'relative', type: 'bind', source: 'rootfs/etc', options: ['ro', 'rw'] },
    ]
    await withMounts(mounts, (entered) => {
      assert.equal(entered.sh('cat /etc/f /deep/er/f; ls /d'), 'filefilebelow')
      assert.match(entered.sh('echo x > /etc/f'), /Read-only/)
      assert.match(optionsOf(entered, '/etc/f'), /^ro,nosuid/)
      assert.match(optionsOf(entered, '/d'), /^rw,nodev,noexec,noatime,nodiratime$/)
      assert.equal(entered.sh('echo x > /relative/y && cat /etc/y'), 'x')
      entered.sh('echo changed > /deep/er/f')
    })
    assert.equal(readFileSync(join(host, 'f'), 'utf8'), 'changed\n')
  })
})

test(
  'X10: rbind takes submounts along and bind does not; recursive flags reach them, others do not',
  ROOT,
  async () => {
    await withHost(async (host) => {
      mkdirSync(join(host, 'sub'))
      execFileSync('mount', ['-t', 'tmpfs', 'sub', join(host, 'sub')])
      const bind = (destination: string, ...options: readonly string[]): MountJson => ({
        destination,
        type: 'bind',
        source: host,
        options,
      })
      const mounts = [
        bind('/top', 'bind', 'ro'),
        bind('/all', 'rbind', 'ro'),
        bind('/rec', 'rbind', 'rro', 'rnosuid', 'rnoexec', 'rnoatime'),
      ]
      await withMounts(mounts, (entered) => {
        assert.ok(!entered.mounts().some((line) => line.startsWith('/top/sub')))
        assert.match(optionsOf(entered, '/all'), /^ro/)
        assert.match(optionsOf(entered, '/all/sub'), /^rw/)
        assert.equal(optionsOf(entered, '/rec/sub'), 'ro,nosuid,noexec,noatime')
        assert.match(entered.sh('touch /rec/sub/x'), /Read-only/)
      })
    })
  },
)

test(
  'propagation of a bind: the host’s later mounts are seen, or not, and the container’s by the host when shared',
  ROOT,
  async () => {
    await withHost(async (host) => {
      execFileSync('mount', ['-t', 'tmpfs', 'outer', host])
      execFileSync('mount', ['--make-shared', host])
      for (const name of ['late', 'back']) mkdirSync(join(host, name))
      const bind = (destination: string, option: string): MountJson => ({
        destination,
        type: 'bind',
        source: host,
        options: ['rbind', option],
      })
      const changes = {
        mounts: [PROC, DEV, bind('/slave', 'rslave'), bind('/private', 'rprivate'), bind('/shared', 'rshared')],
        linux: linux({ rootfsPropagation: 'shared' }),
      }
      const rootMount = execFileSync('stat', ['-c', '%m', tmpdir()], { encoding: 'utf8' }).trim()
      await enterRoot(changes, { rootMount }, (entered) => {
        execFileSync('mount', ['-t', 'tmpfs', 'late', join(host, 'late')])
        assert.ok(entered.mounts().some((line) => line.startsWith('/slave/late')))
        assert.ok(entered.mounts().some((line) => line.startsWith('/shared/late')))
        assert.ok(!entered.mounts().some((line) => line.startsWith('/private/late')))
        assert.equal(entered.sh('mount -t tmpfs back /shared/back'), '')
        assert.match(readFileSync('/proc/self/mountinfo', 'utf8'), new RegExp(`${host}/back `))
        assert.equal(entered.sh('mount -t tmpfs back /slave/back'), '')
      })
      assert.equal(readFileSync('/proc/self/mountinfo', 'utf8').split(`${host}/back `).length, 2)
    })
  },
)

test('X08: what is unmounted here stays mounted on the host although mounts are shared', ROOT, async () => {
  await withHost(async (host) => {
    execFileSync('mount', ['-t', 'tmpfs', 'outer', host])
    execFileSync('mount', ['--make-shared', host])
    mkdirSync(join(host, 'in'))
    execFileSync('mount', ['-t', 'tmpfs', 'inner', join(host, 'in')])
    const before = readFileSync('/proc/self/mountinfo', 'utf8')
    const rootMount = execFileSync('stat', ['-c', '%m', tmpdir()], { encoding: 'utf8' }).trim()
    await enterRoot(
      { mounts: [PROC, DEV], linux: linux({ rootfsPropagation: 'shared' }) },
      { rootMount },
      (entered) => {
        assert.ok(!entered.mounts().some((line) => line.includes('outer')))
        assert.equal(readFileSync('/proc/self/mountinfo', 'utf8'), before)
      },
    )
  })
})

test('remount changes the flags of a mount that is there, and the size of its file system', ROOT, async () => {
  const mounts = [
    { destination: '/a', type: 'tmpfs', source: 'a', options: ['size=64k', 'nosuid'] },
    { destination: '/a', type: 'tmpfs', source: 'a', options: ['remount', 'size=128k', 'noexec'] },
    { destination: '/b', type: 'tmpfs', source: 'b', options: ['size=64k'] },
    { destination: '/b', options: ['remount', 'bind', 'ro'] },
  ]
  await withMounts(mounts, (entered) => {
    assert.equal(lineOf(entered, '/a'), 'rw,noexec,relatime - tmpfs a rw,size=128k')
    assert.match(optionsOf(entered, '/b'), /^ro/)
  })
})

test(
  'a read-only sysfs does not make the host’s read-only, nor that of a container without a network namespace',
  ROOT,
  async () => {
    const before = readFileSync('/proc/self/mountinfo', 'utf8')
    const namespaces = ['mount', 'pid'].map((type) => ({ type }))
    await enterRoot({ mounts: [PROC, DEV, SYS], linux: linux({ namespaces }) }, {}, (entered) => {
      assert.match(lineOf(entered, '/sys'), /^ro\S* - sysfs sysfs rw/)
      assert.equal(readFileSync('/proc/self/mountinfo', 'utf8'), before)
    })
  },
)

test('an overlay with many long layers, and any other file system by its name', ROOT, async () => {
  await withHost(async (host) => {
    const layers = Array.from({ length: 12 }, (_, index) => join(host, `layer-with-quite-a-long-name-${index}`))
    for (const [index, layer] of layers.entries()) {
      mkdirSync(layer)
      writeFileSync(join(layer, `file${index}`), '')
    }
    for (const name of ['upper', 'work']) mkdirSync(join(host, name))
    execFileSync('sh', [
      '-c',
      `mount -t tmpfs t ${join(host, 'upper')} && mkdir ${join(host, 'upper/u')} ${join(host, 'upper/w')}`,
    ])
    const options = [
      `lowerdir=${layers.join(':')}`,
      `upperdir=${join(host, 'upper/u')}`,
      `workdir=${join(host, 'upper/w')}`,
      'nosuid',
      'ro',
    ]
    await withMounts([{ destination: '/over', type: 'overlay', source: 'overlay', options }], (entered) => {
      assert.equal(entered.sh('ls /over | wc -l'), '12')
      assert.match(optionsOf(entered, '/over'), /^ro,nosuid/)
    })
  })
})

test(
  'tmpcopyup: what the directory held is in the tmpfs, links unfollowed, sockets and FIFOs left out',
  ROOT,
  async () => {
    const prepare = (root: string): void => {
      mkdirSync(join(root, 'var/log/deep/er'), { recursive: true })
      writeFileSync(join(root, 'var/log/deep/er/file'), 'x'.repeat(100_000))
      symlinkSync('/etc/passwd', join(root, 'var/log/link'))
      symlinkSync('/nowhere', join(root, 'var/log/dangling'))
      execFileSync('mkfifo', [join(root, 'var/log/fifo')])
      chownSync(join(root, 'var/log/deep'), 7, 8)
      chmodSync(join(root, 'var/log/deep/er/file'), 0o4711)
      for (let i = 0; i < 150; i++) writeFileSync(join(root, `var/log/n${i}`), `${i}`)
    }
    const mounts = [
      { destination: '/var/log', type: 'tmpfs', source: 'tmpfs', options: ['tmpcopyup', 'ro', 'size=4m'] },
      { destination: '/var/log/deep/new', type: 'tmpfs', source: 'tmpfs' },
    ]
    await withMounts(
      mounts,
      (entered) => {
        assert.equal(
          entered.sh('cat /var/log/deep/er/file | wc -c; stat -c %a,%u,%g /var/log/deep/er/file /var/log/deep'),
          '100000\n4711,0,0\n755,7,8',
        )
        assert.equal(
          entered.sh('readlink /var/log/link; readlink /var/log/dangling; ls /var/log | grep -c ^n; cat /var/log/n149'),
          '/etc/passwd\n/nowhere\n150\n149',
        )
        assert.match(entered.sh('ls /var/log/fifo; touch /var/log/x'), /No such file[^]*Read-only/)
        assert.match(lineOf(entered, '/var/log'), /^ro\S* - tmpfs/)
      },
      { prepare },
    )
  },
)

test('X10: ids of a bind are mapped by the mappings of its own', ROOT, async () => {
  await withHost(async (host) => {
    mkdirSync(join(host, 'sub'))
    execFileSync('mount', ['-t', 'tmpfs', 'sub', join(host, 'sub')])
    for (const path of ['f', 'sub/f']) writeFileSync(join(host, path), '')
    const map = [{ containerID: 0, hostID: 4000, size: 100 }]
    const bind = (destination: string, ...options: readonly string[]): MountJson => ({
      destination,
      type: 'bind',
      source: host,
      options,
      uidMappings: map,
      gidMappings: [{ containerID: 0, hostID: 5000, size: 100 }],
    })
    await withMounts([bind('/one', 'rbind', 'idmap'), bind('/all', 'rbind', 'ridmap')], (entered) => {
      assert.equal(
        entered.sh('stat -c %u,%g /one/f /one/sub/f /all/f /all/sub/f'),
        '4000,5000\n0,0\n4000,5000\n4000,5000',
      )
    })
    assert.equal(statSync(join(host, 'f')).uid, 0)
  })
})
