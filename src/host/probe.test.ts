import assert from 'node:assert/strict'
import { test } from 'node:test'
import * as hosts from '../../test/host/recorded-hosts.ts'
import { recordedSource } from '../../test/host/recorded-hosts.ts'
import type { Recording } from '../../test/host/recorded-hosts.ts'
import { UnsupportedError } from '../base/errors.ts'
import type { Answer, CgroupFacts, Controller, HostFacts } from './facts.ts'
import { readHostFacts } from './probe.ts'

const factsOf = (recording: Recording): HostFacts => readHostFacts(recordedSource(recording))

const reasonOf = (answer: Answer | undefined): string => (answer && !answer.ok ? answer.reason : 'ok')

/** `controller: version parent` or the reason why not. */
function summary({ controllers }: CgroupFacts): Record<string, string> {
  const entries = Object.entries(controllers) as [Controller, NonNullable<CgroupFacts['controllers'][Controller]>][]
  return Object.fromEntries(
    entries.map(([name, { version, parent, usable, enable = [] }]) => [
      name,
      usable.ok ? [`v${version}`, parent, ...enable.map((directory) => `+${directory}`)].join(' ') : usable.reason,
    ]),
  )
}

/** A recording with some files changed, or removed where the text is null. */
function change(recording: Recording, changes: Readonly<Record<string, string | null>>): Recording {
  const files = Object.entries({ ...recording.files, ...changes }).filter(
    (file): file is [string, string] => file[1] !== null,
  )
  return { ...recording, files: Object.fromEntries(files) }
}

test('readHostFacts() finds v1 groups below the own group of each hierarchy', () => {
  const { cgroups } = factsOf(hosts.v1Root)
  assert.equal(cgroups.mode, 'v1')
  assert.equal(cgroups.unified, undefined)
  assert.equal(cgroups.swap, true)
  assert.deepEqual(summary(cgroups), {
    memory: 'v1 /sys/fs/cgroup/memory/user.slice',
    pids: 'v1 /sys/fs/cgroup/pids/user.slice/session-1.scope',
    cpu: 'v1 /sys/fs/cgroup/cpu,cpuacct',
    cpuacct: 'v1 /sys/fs/cgroup/cpu,cpuacct',
    cpuset: 'v1 /sys/fs/cgroup/cpuset',
  })
  assert.deepEqual([cgroups.controllers.cpuset?.cpus, cgroups.controllers.cpuset?.mems], ['0-3', '0'])
})

test('readHostFacts() takes the root field of mountinfo into account in a container of a v1 host', () => {
  const { cgroups, procMount } = factsOf(hosts.v1Container)
  assert.equal(cgroups.controllers.pids?.parent, '/sys/fs/cgroup/pids')
  assert.equal(reasonOf(cgroups.controllers.pids?.usable), '/sys/fs/cgroup/pids is mounted read-only')
  assert.match(reasonOf(procMount), /^\/proc\/acpi is masked/)
})

test('readHostFacts() falls back to the mount when it does not show the own v1 group', () => {
  for (const path of ['/elsewhere', '/../sibling', '/gone']) {
    const { cgroups } = factsOf(change(hosts.v1Root, { '/proc/self/cgroup': `5:pids:${path}\n` }))
    assert.equal(cgroups.controllers.pids?.parent, '/sys/fs/cgroup/pids')
  }
})

test('readHostFacts() keeps v1 controllers and the v2 tree of a hybrid host apart', () => {
  const { cgroups } = factsOf(hosts.hybridRoot)
  assert.equal(cgroups.mode, 'hybrid')
  const own = '/sys/fs/cgroup/unified'
  assert.deepEqual(cgroups.unified, { parent: own, own, usable: { ok: true }, kill: true, freeze: true })
  assert.equal(cgroups.controllers.memory?.parent, '/sys/fs/cgroup/memory/api/one')
  assert.notEqual(cgroups.controllers.cpu?.parent, cgroups.controllers.cpuacct?.parent)
})

test('readHostFacts() climbs out of a v2 session and enables a controller from the top', () => {
  const { cgroups } = factsOf(hosts.v2SystemdRoot)
  const slice = '/sys/fs/cgroup/user.slice/user-0.slice'
  assert.equal(cgroups.mode, 'v2')
  assert.equal(cgroups.unified?.parent, slice)
  assert.equal(cgroups.unified.escapes, true, 'limits of the session do not bind there')
  const both = `+/sys/fs/cgroup/user.slice +${slice}`
  assert.deepEqual(summary(cgroups), {
    ...{ memory: `v2 ${slice}`, pids: `v2 ${slice}`, cpu: `v2 ${slice} ${both}` },
    ...{ cpuset: `v2 ${slice} ${both}`, io: `v2 ${slice} ${both}` },
  })
})

test('readHostFacts() stays in its own v2 group when that is empty and gives everything already', () => {
  const own = '/sys/fs/cgroup/user.slice/user-0.slice/session-1.scope'
  const given = {
    [`${own}/cgroup.controllers`]: 'cpu memory pids\n',
    [`${own}/cgroup.subtree_control`]: 'cpu memory pids\n',
  }
  const { cgroups } = factsOf(change(hosts.v2SystemdRoot, { ...given, [`${own}/cgroup.procs`]: '' }))
  assert.equal(cgroups.unified?.parent, own)
  assert.equal(cgroups.controllers.cpu?.enable, undefined)
})

test('readHostFacts() makes groups in the root of the v2 tree although it holds processes', () => {
  const { cgroups } = factsOf(change(hosts.v2SystemdRoot, { '/proc/self/cgroup': '0::/\n' }))
  assert.equal(cgroups.unified?.parent, '/sys/fs/cgroup')
  assert.deepEqual(cgroups.controllers.pids?.usable, { ok: true })
  assert.equal(cgroups.swap, true)
})

test('readHostFacts() finds what systemd delegated to an ordinary user, and stops at its edge', () => {
  const { cgroups, subordinate, userNamespaces } = factsOf(hosts.v2Delegated)
  const scope = '/sys/fs/cgroup/user.slice/user-1000.slice/user@1000.service/app.slice/run-1.scope'
  const { memory, pids, cpu, cpuset } = summary(cgroups)
  const expected = `v2 ${scope} +${scope}`
  assert.deepEqual([memory, pids, cpu], [expected, expected, expected])
  assert.equal(cpuset, `cpuset is not delegated to ${scope}`)
  assert.deepEqual(subordinate.uids, [{ start: 100000, count: 65536 }])
  assert.deepEqual(subordinate.gids, [{ start: 200000, count: 65536 }])
  assert.equal(subordinate.newuidmap, '/usr/bin/newuidmap')
  assert.deepEqual(userNamespaces, { ok: true })
})

test('readHostFacts() tells a user in a login session how to get a delegated group', () => {
  const { cgroups, userNamespaces } = factsOf(hosts.v2Session)
  for (const { usable } of Object.values(cgroups.controllers)) {
    assert(!usable.ok)
    assert.match(usable.remedy, /systemd-run --user --scope -p Delegate=yes/)
  }
  assert(!userNamespaces.ok)
  assert.match(userNamespaces.remedy, /AppArmor profile with `userns,`/)
})

test('readHostFacts() knows the no-internal-process rule in a cgroup namespace', () => {
  const { cgroups, procMount } = factsOf(hosts.v2Nested)
  assert.equal(cgroups.unified?.parent, '/sys/fs/cgroup')
  assert.match(
    reasonOf(cgroups.controllers.memory?.usable),
    /holds processes itself \(1 \(sh\)\), so it cannot give memory/,
  )
  assert.match(reasonOf(procMount), /^\/proc\/sys is masked/)
  const emptied = factsOf(change(hosts.v2Nested, { '/sys/fs/cgroup/cgroup.procs': '' }))
  assert.deepEqual(emptied.cgroups.controllers.memory?.enable, ['/sys/fs/cgroup'])
})

test('readHostFacts() refuses a v2 tree that does not show the own group, and threaded groups', () => {
  const outside = factsOf(change(hosts.v2Nested, { '/proc/self/cgroup': '0::/../other\n' })).cgroups
  assert.equal(reasonOf(outside.unified?.usable), 'the group of this process is not visible here')
  assert.deepEqual(outside.controllers, {})
  const threaded = factsOf(change(hosts.v2Nested, { '/sys/fs/cgroup/cgroup.type': 'threaded\n' })).cgroups
  assert.match(reasonOf(threaded.controllers.pids?.usable), /is a threaded group/)
})

test('readHostFacts() names the switch that is off on an older kernel', () => {
  const { cgroups, userNamespaces, memfdExec, kernel, procMount } = factsOf(hosts.wsl)
  assert.deepEqual(kernel, { release: '5.10.102.1-microsoft-standard-WSL2', major: 5, minor: 10 })
  assert.equal(cgroups.unified?.kill, false)
  assert.deepEqual(userNamespaces, {
    ok: false,
    reason: 'user.max_user_namespaces is 0',
    remedy: 'sysctl -w user.max_user_namespaces=15000',
  })
  assert.match(reasonOf(memfdExec), /vm.memfd_noexec is 2/)
  assert.deepEqual(procMount, { ok: true }, 'what covers /proc/sys/fs/binfmt_misc hides nothing')
})

test('readHostFacts() says no to user namespaces of ordinary users where Debian switched them off, not to root', () => {
  const off = { '/proc/sys/kernel/unprivileged_userns_clone': '0\n' }
  assert.match(reasonOf(factsOf(change(hosts.v2Delegated, off)).userNamespaces), /unprivileged_userns_clone is 0/)
  assert.deepEqual(factsOf(change(hosts.v2SystemdRoot, off)).userNamespaces, { ok: true })
})

test('readHostFacts() lists system directories as they are', () => {
  assert.deepEqual(factsOf(hosts.v1Root).rootEntries, [
    { name: 'bin', kind: 'symlink', target: 'usr/bin' },
    { name: 'lib', kind: 'symlink', target: 'usr/lib' },
    { name: 'usr', kind: 'directory' },
  ])
})

test('readHostFacts() shows of /etc only what everybody may read and nothing secret', () => {
  const names = (recording: Recording): string[] => factsOf(recording).etcEntries.map(({ name }) => name)
  assert.deepEqual(names(hosts.v1Root), ['ld.so.cache', 'localtime', 'os-release', 'python3.11', 'ssl/certs'])
  const private_ = { ...hosts.v1Root, modes: { '/etc/ld.so.cache': 0o640, '/etc/ssl/certs': 0o754 } }
  assert.deepEqual(names(private_), ['localtime', 'os-release', 'python3.11'])
})

test('readHostFacts() keeps links of /etc as links, and does not look behind a linked directory', () => {
  const links = {
    '/etc/os-release': '../usr/lib/os-release',
    '/etc/pki/tls': '/etc/ssl',
    '/etc/pki/ca-trust': '/etc/ssl/certs',
  }
  const { etcEntries } = factsOf({ ...hosts.v1Root, links })
  assert.deepEqual(
    etcEntries.filter(({ kind }) => kind === 'symlink'),
    [
      { name: 'os-release', kind: 'symlink', target: '../usr/lib/os-release' },
      { name: 'pki/ca-trust', kind: 'symlink', target: '/etc/ssl/certs' },
    ],
  )
})

test('readHostFacts() decodes ids, groups and capabilities', () => {
  const facts = factsOf(hosts.v1Container)
  assert.deepEqual([facts.uid, facts.gid, facts.groups], [0, 0, [0, 27]])
  assert.equal(facts.capabilities.length, 14)
  assert(facts.capabilities.includes('CAP_MKNOD') && !facts.capabilities.includes('CAP_SYS_ADMIN'))
  assert.deepEqual(factsOf(hosts.v2Session).capabilities, [])
})

test('readHostFacts() refuses an architecture without tables and a host without procfs', () => {
  assert.throws(() => factsOf({ ...hosts.v1Root, architecture: 'riscv64' }), UnsupportedError)
  assert.throws(() => factsOf({ files: {} }), /Cannot read \/proc\/sys\/kernel\/osrelease/)
})

test('readHostFacts() gives facts for a host with next to nothing', () => {
  const facts = factsOf({ files: { '/proc/sys/kernel/osrelease': '6.1.0' } })
  assert.deepEqual([facts.cgroups.mode, facts.cgroups.controllers, facts.cgroups.swap], ['none', {}, false])
  assert.equal(reasonOf(facts.cgroups.deviceRules), 'no hierarchy that could have device rules is mounted')
  assert.deepEqual([facts.cgroups.unified, facts.systemd], [undefined, null])
  assert.deepEqual([facts.userNamespaces.ok, facts.seccomp.ok, facts.procMount.ok], [false, false, false])
})

test('readHostFacts() names what exists of the paths to mask and to protect, relative to /proc', () => {
  assert.deepEqual(factsOf(hosts.v1Root).procPaths, [
    { path: 'bus', directory: true },
    { path: 'kcore', directory: false },
    { path: 'keys', directory: false },
    { path: 'sys', directory: true },
    { path: 'sysrq-trigger', directory: false },
  ])
})

test('readHostFacts() does not read a file of /etc that is too long to be copied, which costs more than all else (ld.so.cache)', () => {
  const read = new Set<string>()
  const entriesWith = (size: number) => {
    const source = recordedSource(change(hosts.v1Root, { '/etc/services': 'x'.repeat(size) }))
    read.clear()
    const { etcEntries } = readHostFacts({ ...source, text: (path) => (read.add(path), source.text(path)) })
    return etcEntries.find(({ name }) => name === 'services')
  }
  assert.deepEqual(entriesWith(16_385), { name: 'services', kind: 'file' })
  assert(!read.has('/etc/services'))
  assert.equal(entriesWith(16_384)?.content?.length, 16_384)
})
