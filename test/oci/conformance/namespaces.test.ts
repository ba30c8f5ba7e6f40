import assert from 'node:assert/strict'
import { execFileSync } from 'node:child_process'
import { existsSync, mkdirSync, readFileSync, statSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { test } from 'node:test'
import { type Changes, container, run, scratch, script, stateRoot, useOci } from '../../support/oci.ts'
import { usualMounts } from '../../support/oci-bundle.ts'
import { namespaceOf } from '../../support/proc.ts'
import { mountAt, refused } from './expect.ts'

useOci()

const FILES = {
  pid: 'pid',
  network: 'net',
  mount: 'mnt',
  ipc: 'ipc',
  uts: 'uts',
  user: 'user',
  cgroup: 'cgroup',
  time: 'time',
}
const MAPS = {
  uidMappings: [{ containerID: 0, hostID: 70000, size: 1000 }],
  gidMappings: [{ containerID: 0, hostID: 80000, size: 500 }],
}

const namespaces = (...types: readonly string[]): readonly Changes[] => types.map((type) => ({ type }))

/** Gives the root to the user that is the superuser of MAPS. */
const giveAway = (root: string): void => void execFileSync('chown', ['-hR', '70000:80000', root])

test('OCI-L05, OCI-L06, OCI-L08: listed namespaces are new, the others those of the runtime', () => {
  const few = container({
    hostname: undefined,
    linux: { namespaces: namespaces('pid', 'mount'), sysctl: undefined },
    mounts: usualMounts().filter(({ type }) => type !== 'mqueue'),
  })
  const most = container({ linux: { namespaces: namespaces('pid', 'network', 'mount', 'ipc', 'uts', 'cgroup') } })
  for (const [type, file] of Object.entries(FILES)) {
    const own = namespaceOf('self', file)
    assert.equal(namespaceOf(few.pid, file) !== own, ['pid', 'mount'].includes(type), `few: ${type}`)
    assert.equal(namespaceOf(most.pid, file) !== own, !['user', 'time'].includes(type), `most: ${type}`)
  }
})

test('OCI-L08, OCI-L11: time namespaces, with their offsets', () => {
  const timeOffsets = { monotonic: { secs: 100_000, nanosecs: 5 }, boottime: { secs: 300_000 } }
  const one = container({ linux: { namespaces: namespaces('pid', 'mount', 'uts', 'ipc', 'time'), timeOffsets } })
  assert.notEqual(namespaceOf(one.pid, 'time'), namespaceOf('self', 'time'))
  const lines = readFileSync(`/proc/${one.pid}/timens_offsets`, 'utf8').trim().split('\n')
  assert.deepEqual(
    lines.map((line) => line.split(/\s+/)),
    [
      ['monotonic', '100000', '5'],
      ['boottime', '300000', '0'],
    ],
  )
})

test('OCI-L09, OCI-L10, OCI-L08: a user namespace has the maps, and files keep their owners', () => {
  const types = namespaces('pid', 'network', 'mount', 'ipc', 'uts', 'user')
  const prepare = (root: string): void => {
    giveAway(root)
    writeFileSync(join(root, 'foreign'), '')
  }
  const one = container({ linux: { namespaces: types, ...MAPS } }, { prepare })
  assert.notEqual(namespaceOf(one.pid, 'user'), namespaceOf('self', 'user'))
  assert.match(readFileSync(`/proc/${one.pid}/uid_map`, 'utf8'), /^\s+0\s+70000\s+1000\n$/)
  assert.match(readFileSync(`/proc/${one.pid}/gid_map`, 'utf8'), /^\s+0\s+80000\s+500\n$/)
  assert.equal(statSync(`/proc/${one.pid}`).uid, 70000)
  assert.deepEqual(
    [statSync(join(one.bundle.root, 'foreign')).uid, statSync(join(one.bundle.root, 'bin')).uid],
    [0, 70000],
  )
})

test('OCI-L02: namespaces of a path are joined', () => {
  const first = container({ linux: { namespaces: namespaces('pid', 'network', 'mount', 'ipc', 'uts', 'cgroup') } })
  const joined = (['pid', 'network', 'ipc', 'uts', 'cgroup'] as const).map((type) => ({
    type,
    path: `/proc/${first.pid}/ns/${FILES[type]}`,
  }))
  const second = container({ hostname: undefined, linux: { namespaces: [...joined, { type: 'mount' }] } })
  for (const file of ['pid', 'net', 'ipc', 'uts', 'cgroup']) {
    assert.equal(namespaceOf(second.pid, file), namespaceOf(first.pid, file), file)
  }
  assert.notEqual(namespaceOf(second.pid, 'mnt'), namespaceOf(first.pid, 'mnt'))
})

test('OCI-L02: a user namespace is joined with the namespaces that it owns', () => {
  const types = namespaces('pid', 'network', 'mount', 'ipc', 'uts', 'user')
  const first = container({ linux: { namespaces: types, ...MAPS } }, { prepare: giveAway })
  const joined = (['user', 'network', 'ipc'] as const).map((type) => ({
    type,
    path: `/proc/${first.pid}/ns/${FILES[type]}`,
  }))
  const second = container(
    { hostname: undefined, linux: { namespaces: [...joined, ...namespaces('pid', 'mount')], ...MAPS } },
    { prepare: giveAway },
  )
  for (const file of ['user', 'net', 'ipc'])
    assert.equal(namespaceOf(second.pid, file), namespaceOf(first.pid, file), file)
})

test('OCI-L03, OCI-L04: a path must be absolute and a namespace of that type', () => {
  const first = container()
  const path = (name: string): string => `/proc/${first.pid}/ns/${name}`
  const refuse = (type: string, file: string): void => {
    refused({
      hostname: undefined,
      linux: {
        namespaces: [...namespaces('pid', 'mount').filter((each) => each['type'] !== type), { type, path: file }],
      },
    })
  }
  refuse('network', path('uts'))
  refuse('network', '/etc/passwd')
  refuse('ipc', '/nowhere')
  refuse('network', path('net').slice(1))
})

test('OCI-L07: a namespace that is listed twice is refused', () => {
  refused({ linux: { namespaces: namespaces('pid', 'mount', 'uts', 'pid') } })
})

test('OCI-L01: the usual file systems are there', () => {
  const one = container()
  const types = { '/proc': 'proc', '/sys': 'sysfs', '/dev/pts': 'devpts', '/dev/shm': 'tmpfs' }
  for (const [path, type] of Object.entries(types)) assert.equal(mountAt(one.pid, path).type, type)
})

const device = (path: string, more: Changes = {}): Changes => ({ path, type: 'c', major: 1, minor: 3, ...more })

test('OCI-L12, OCI-L14: devices, in /dev and elsewhere, with mode and owner', () => {
  const devices = [
    device('/dev/mine', { fileMode: 0o640, uid: 7, gid: 8 }),
    device('/var/zero', { minor: 5, fileMode: 0o600 }),
    device('/dev/deep/er/block', { type: 'b', major: 7, minor: 99, fileMode: 0o660 }),
    { path: '/dev/pipe', type: 'p', fileMode: 0o622 },
  ]
  const paths = devices.map(({ path }) => path).join(' ')
  const outcome = run({ process: script(`stat -c '%n %F %t:%T %a %u:%g' ${paths}`), linux: { devices } })
  assert.deepEqual(
    outcome.stdout.trim().split('\n'),
    [
      '/dev/mine character special file 1:3 640 7:8',
      '/var/zero character special file 1:5 600 0:0',
      '/dev/deep/er/block block special file 7:63 660 0:0',
      '/dev/pipe fifo 0:0 622 0:0',
    ],
    outcome.stderr,
  )
})

test('OCI-L13: another file at the path of a device is an error', () => {
  const changes = { process: { args: ['/bin/true'] }, linux: { devices: [device('/var/taken')] } }
  assert.notEqual(run(changes, { files: { 'var/taken': 'a file' } }).status, 0)
  assert.equal(run(changes).status, 0)
})

test('OCI-L15: the default devices are there, and work', () => {
  const names = ['null', 'zero', 'full', 'random', 'urandom', 'tty']
  const use =
    'echo x > /dev/null; head -c 3 /dev/zero | od -An -tx1; echo x > /dev/full; head -c 4 /dev/urandom | wc -c; head -c 4 /dev/random | wc -c'
  const list = names.map((name) => `/dev/${name}`).join(' ')
  const outcome = run({ process: script(`stat -c '%t:%T %a' ${list}; ${use}`) })
  const [first, ...others] = outcome.stdout.trim().split('\n')
  assert.deepEqual([first, ...others.slice(0, 5)], ['1:3 666', '1:5 666', '1:7 666', '1:8 666', '1:9 666', '5:0 666'])
  assert.deepEqual(
    others.slice(5).map((line) => line.trim()),
    ['00 00 00', '4', '4'],
  )
  assert.match(outcome.stderr, /No space left/)
})

test('OCI-L17: /dev/ptmx is that of the own /dev/pts', () => {
  const outcome = run({
    process: script('readlink /dev/ptmx || stat -c %t:%T /dev/ptmx; exec 5<>/dev/ptmx; ls /dev/pts'),
  })
  assert.match(outcome.stdout, /^(pts\/ptmx|\/dev\/pts\/ptmx|5:2)\n0\nptmx\n$/, outcome.stderr)
})

const propagationOf = (rootfsPropagation: string): string =>
  mountAt(container({ linux: { rootfsPropagation } }).pid, '/')
    .propagation.map((each) => each.replace(/:.*/, ''))
    .join()

test('OCI-L17: a node that is listed for /dev/ptmx changes nothing about it', () => {
  const devices = [device('/dev/ptmx', { major: 5, minor: 2, fileMode: 0o666 })]
  assert.equal(run({ process: script('readlink /dev/ptmx'), linux: { devices } }).stdout, 'pts/ptmx\n')
})

test('OCI-L12: a device that is listed twice is one', () => {
  const devices = [device('/dev/mine', { fileMode: 0o640 }), device('/dev/mine', { fileMode: 0o640 })]
  const outcome = run({ process: script("stat -c '%t:%T %a' /dev/mine"), linux: { devices } })
  assert.equal(outcome.stdout, '1:3 640\n', outcome.stderr)
})

test('OCI-L46: an empty propagation of the root is none', () => {
  assert.equal(propagationOf(''), '')
})

test('OCI-L46: the propagation of the root', () => {
  assert.equal(propagationOf('private'), '')
  assert.equal(propagationOf('shared'), 'shared')
  assert.equal(propagationOf('unbindable'), 'unbindable')
  assert.ok(!propagationOf('slave').includes('shared'))
})

test('OCI-L46: a slave gets mounts of the host, and gives none', () => {
  const folder = scratch('folder')
  mkdirSync(join(folder, 'in'), { recursive: true })
  execFileSync('mount', ['--bind', folder, folder])
  execFileSync('mount', ['--make-shared', folder])
  try {
    const mounts = [...usualMounts(), { destination: '/shared', source: folder, options: ['rbind', 'rslave'] }]
    const one = container({ mounts, linux: { rootfsPropagation: 'slave' } })
    execFileSync('mount', ['-t', 'tmpfs', 'late', join(folder, 'in')])
    assert.equal(mountAt(one.pid, '/shared/in').source, 'late')
    assert.match(mountAt(one.pid, '/shared').propagation.join(), /^master:\d+$/)
  } finally {
    execFileSync('umount', ['-R', folder])
  }
})

test('OCI-L47: masked files and folders cannot be read', () => {
  const maskedPaths = ['/etc/passwd', '/var', '/no/such']
  const prepare = { files: { 'var/secret': 'x' } }
  const outcome = run(
    { linux: { maskedPaths }, process: script('cat /etc/passwd | wc -c; ls -A /var | wc -l; touch /var/x || echo no') },
    prepare,
  )
  assert.equal(outcome.stdout, '0\n0\nno\n')
})

test('OCI-L49: read-only files and folders cannot be written', () => {
  const readonlyPaths = ['/etc/passwd', '/var', '/proc/sys', '/no/such']
  const text =
    'for each in /etc/passwd /var/x /proc/sys/net/ipv4/ip_forward /etc/other; do (echo 1 > $each) 2>&1 | grep -c Read-only; done'
  assert.equal(run({ linux: { readonlyPaths }, process: script(text) }).stdout, '1\n1\n1\n0\n')
})

test('OCI-L48: relative masked and read-only paths are refused', () => {
  refused({ linux: { maskedPaths: ['proc/kcore'] } })
  refused({ linux: { readonlyPaths: ['proc/sys'] } })
})

test('OCI-L33: sysctl', () => {
  const sysctl = { 'net.ipv4.ip_forward': '1', 'kernel.shmmax': '12345', 'net/ipv4/ip_default_ttl': '33' }
  const text = 'cat /proc/sys/net/ipv4/ip_forward /proc/sys/kernel/shmmax /proc/sys/net/ipv4/ip_default_ttl'
  const outcome = run({ linux: { sysctl }, process: script(text) })
  assert.equal(outcome.stdout, '1\n12345\n33\n', outcome.stderr)
})

test('OCI-L34: a sysctl that would change the host is refused', () => {
  const value = (): string => readFileSync('/proc/sys/kernel/panic', 'utf8')
  const before = value()
  refused({ linux: { sysctl: { 'kernel.panic': '77' } } })
  const shared = namespaces('pid', 'mount', 'uts', 'ipc')
  const forward = readFileSync('/proc/sys/net/ipv4/ip_default_ttl', 'utf8')
  refused({ linux: { namespaces: shared, sysctl: { 'net.ipv4.ip_default_ttl': '66' } } })
  assert.deepEqual([value(), readFileSync('/proc/sys/net/ipv4/ip_default_ttl', 'utf8')], [before, forward])
})

test('OCI-L31, OCI-L32: intelRdt without resctrl, or with a schema that is none, is refused', () => {
  assert.equal(existsSync('/sys/fs/resctrl/schemata'), false)
  refused({ linux: { intelRdt: { closID: 'one', l3CacheSchema: 'L3:0=ff' } } })
  refused({ linux: { intelRdt: { memBwSchema: 'L3:0=ff' } } })
  refused({ linux: { intelRdt: { memBwSchema: 'MB:0=20\nMB:1=70' } } })
  assert.ok(existsSync(stateRoot()))
})
