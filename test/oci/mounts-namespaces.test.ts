import assert from 'node:assert/strict'
import { execFileSync } from 'node:child_process'
import { mkdirSync, statSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { test } from 'node:test'
import { enterRoot } from '../support/entered-root.ts'
import { checkMachine } from '../support/machine-check.ts'
import { requires } from '../support/requires.ts'
import { PROC, DEV, SYS, linux, withMounts, withHost, lineOf, optionsOf } from './mount-trials.ts'

checkMachine()
const ROOT = requires({ root: true })

test(
  'cgroup on a host of v1: a directory for each hierarchy with the container’s own group, and links',
  ROOT,
  async () => {
    await withHost(async (host) => {
      for (const name of ['memory', 'cpu,cpuacct', 'unified']) {
        mkdirSync(join(host, name, 'own'), { recursive: true })
        writeFileSync(join(host, name, 'own', `of-${name}`), '')
      }
      const hierarchies = ['memory', 'cpu,cpuacct', 'unified'].map((name) => ({ name, path: join(host, name, 'own') }))
      const cgroup = {
        destination: '/sys/fs/cgroup',
        type: 'cgroup',
        source: 'cgroup',
        options: ['ro', 'nosuid', 'relatime'],
      }
      await withMounts(
        [SYS, cgroup],
        (entered) => {
          assert.equal(
            entered.sh('cd /sys/fs/cgroup; ls -d *; ls memory cpu unified; readlink cpuacct'),
            'cpu\ncpu,cpuacct\ncpuacct\nmemory\nunified\ncpu:\nof-cpu,cpuacct\n\nmemory:\nof-memory\n\nunified:\nof-unified\ncpu,cpuacct',
          )
          assert.match(entered.sh('cd /sys/fs/cgroup; touch x; touch memory/x'), /x: Read-only[^]*memory\/x: Read-only/)
          assert.match(optionsOf(entered, '/sys/fs/cgroup/memory'), /^ro,nosuid/)
        },
        { cgroups: { version: 1, hierarchies } },
      )
    })
  },
)

test('cgroup on a host of v2: the own group of a cgroup namespace, or the host’s tree without one', ROOT, async () => {
  const root = '/sys/fs/cgroup/unified'
  const cgroups = { version: 2, root, path: root } as const
  const cgroup = { destination: '/sys/fs/cgroup', type: 'cgroup', source: 'cgroup', options: ['ro', 'nosuid'] }
  for (const type of ['cgroup', 'ipc']) {
    const namespaces = ['mount', 'pid', 'network', type].map((each) => ({ type: each }))
    await enterRoot({ mounts: [PROC, DEV, SYS, cgroup], linux: linux({ namespaces }) }, { cgroups }, (entered) => {
      assert.match(lineOf(entered, '/sys/fs/cgroup'), /^ro,nosuid\S* - cgroup2/)
    })
  }
})

const USER = {
  namespaces: ['mount', 'pid', 'network', 'ipc', 'uts', 'user'].map((type) => ({ type })),
  uidMappings: [{ containerID: 0, hostID: 100_000, size: 65_536 }],
  gidMappings: [{ containerID: 0, hostID: 100_000, size: 65_536 }],
}

test(
  'X13: in a user namespace: host directories that its root may not enter, host nodes, a sysfs of its own',
  ROOT,
  async () => {
    await withHost(async (host) => {
      mkdirSync(join(host, 'closed'), { mode: 0o700 })
      writeFileSync(join(host, 'closed/f'), 'told')
      const mounts = [
        { destination: '/dev/pts', type: 'devpts', source: 'devpts', options: ['newinstance', 'gid=5'] },
        { destination: '/dev/mqueue', type: 'mqueue', source: 'mqueue' },
        SYS,
        { destination: '/f', type: 'bind', source: join(host, 'closed/f'), options: ['bind', 'ro', 'nosuid'] },
      ]
      const prepare = (root: string): void => {
        execFileSync('chown', ['-R', '100000:100000', root])
      }
      const linuxPart = {
        ...linux(USER),
        maskedPaths: ['/proc/timer_list', '/proc/acpi'],
        readonlyPaths: ['/proc/sys'],
      }
      await enterRoot({ mounts: [PROC, DEV, ...mounts], linux: linuxPart }, { prepare }, (entered) => {
        assert.equal(
          entered.sh('cat /f; echo; id -u; stat -c %u /dev/full /f /made 2>/dev/null; head -c 3 /dev/zero | wc -c'),
          'told\n0\n65534\n65534\n3',
        )
        assert.match(lineOf(entered, '/sys'), /^ro\S* - sysfs/)
        assert.match(lineOf(entered, '/dev/null'), / - devtmpfs /)
        assert.match(entered.sh('echo 1 > /proc/sys/kernel/domainname; echo x > /f'), /Read-only[^]*Read-only/)
        assert.equal(entered.sh('touch /x /dev/x && stat -c %u /x /dev/x; wc -c < /proc/timer_list'), '0\n0\n0')
      })
    })
  },
)

test(
  'in a user namespace without its own network and pid namespaces the host’s file systems are shown, sysfs read-only throughout',
  ROOT,
  async () => {
    const namespaces = ['mount', 'user'].map((type) => ({ type }))
    const mounts = [PROC, DEV, SYS]
    const prepare = (root: string): void => {
      execFileSync('chown', ['-R', '100000:100000', root])
    }
    await enterRoot({ mounts, linux: linux({ ...USER, namespaces }) }, { prepare }, (entered) => {
      assert.match(optionsOf(entered, '/sys'), /^ro/)
      for (const line of entered.mounts().filter((each) => each.startsWith('/sys/'))) assert.match(line, /^\S+ ro/)
      assert.match(entered.sh('mkdir /sys/fs/cgroup/memory/carrel-x'), /Read-only|No such file/)
      assert.equal(entered.sh('cat /proc/self/comm'), 'cat')
    })
  },
)

test('in a user namespace a bind takes the mappings of the container', ROOT, async () => {
  await withHost(async (host) => {
    writeFileSync(join(host, 'f'), '')
    const mounts = [PROC, DEV, { destination: '/d', type: 'bind', source: host, options: ['rbind', 'idmap'] }]
    const prepare = (root: string): void => {
      execFileSync('chown', ['-R', '100000:100000', root])
    }
    await enterRoot({ mounts, linux: linux(USER) }, { prepare }, (entered) => {
      assert.equal(entered.sh('stat -c %u,%g /d/f; touch /d/new && stat -c %u /d/new'), '0,0\n0')
    })
    assert.equal(statSync(join(host, 'new')).uid, 0)
  })
})

for (const [name, mount, error] of [
  [
    'nothing but a procfs on /proc',
    { destination: '/proc', type: 'tmpfs', source: 't' },
    /\/mounts\/2\/destination is \/proc/,
  ],
  [
    'nothing below /proc',
    { destination: '/proc/sys/../self/attr', type: 'tmpfs', source: 't' },
    /\/mounts\/2\/destination is below \/proc/,
  ],
  ['nothing on /', { destination: '/x/..', type: 'tmpfs', source: 't' }, /\/mounts\/2\/destination must not be "\/"/],
  [
    'no source that is missing',
    { destination: '/x', type: 'bind', source: '/nowhere/at/all', options: ['bind'] },
    /ENOENT/,
  ],
  ['no unknown file system', { destination: '/x', type: 'carrelfs', source: 'x' }, /ENODEV/],
  ['no unknown option', { destination: '/x', type: 'tmpfs', source: 'x', options: ['carrel=1'] }, /EINVAL/],
] as const) {
  test(`mounts: ${name}`, ROOT, async () => {
    await assert.rejects(
      withMounts([mount], () => assert.fail('it was entered')),
      error,
    )
  })
}
