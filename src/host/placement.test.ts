import assert from 'node:assert/strict'
import { test } from 'node:test'
import * as hosts from '../../test/host/recorded-hosts.ts'
import { type Recording, recordedSource } from '../../test/host/recorded-hosts.ts'
import { readCgroupFactsFrom } from './cgroup-facts.ts'
import type { Answer, CgroupFacts, HostFacts } from './facts.ts'
import { readHostFacts } from './probe.ts'

const factsOf = (recording: Recording): HostFacts => readHostFacts(recordedSource(recording))
const cgroupsOf = (recording: Recording): CgroupFacts => factsOf(recording).cgroups

const reasonOf = (answer: Answer | undefined): string => (answer && !answer.ok ? answer.reason : 'ok')

/** A recording with some files changed, or removed where the text is null. */
function change(recording: Recording, changes: Readonly<Record<string, string | null>>): Recording {
  const files = Object.entries({ ...recording.files, ...changes }).filter(
    (file): file is [string, string] => file[1] !== null,
  )
  return { ...recording, files: Object.fromEntries(files) }
}

const SCOPE = '/sys/fs/cgroup/system.slice/deleg.scope'
const USER_SCOPE = '/sys/fs/cgroup/user.slice/user-1000.slice/user@1000.service/app.slice/run-1.scope'

test('X01: readHostFacts() stays in a delegated group and says which processes have to leave it for a leaf', () => {
  const { unified, delegated, manager, controllers } = cgroupsOf(hosts.v2DelegatedRoot)
  assert.equal(unified?.parent, SCOPE)
  assert.deepEqual(unified.vacate, { directory: SCOPE, leaf: `${SCOPE}/carrel-self`, pids: [209, 215] })
  assert.equal(unified.escapes, undefined)
  assert.deepEqual(delegated, { directory: SCOPE, by: 'unit' })
  assert.equal(manager, 'files')
  assert.deepEqual(controllers.io?.enable, [SCOPE])
})

test('X01: readHostFacts() makes groups beside the leaf when this process is in it already', () => {
  const moved = change(hosts.v2DelegatedRoot, {
    '/proc/self/cgroup': '0::/system.slice/deleg.scope/carrel-self\n',
    [`${SCOPE}/cgroup.procs`]: '',
    [`${SCOPE}/cgroup.subtree_control`]: 'cpu memory pids\n',
    [`${SCOPE}/carrel-self/cgroup.procs`]: '209\n215\n',
    [`${SCOPE}/carrel-self/cgroup.controllers`]: 'cpu memory pids\n',
  })
  const { unified, delegated, controllers, manager } = cgroupsOf(moved)
  assert.deepEqual(
    [unified?.parent, unified?.own, unified?.vacate, unified?.escapes],
    [SCOPE, `${SCOPE}/carrel-self`, undefined, undefined],
  )
  assert.deepEqual([delegated?.directory, manager, controllers.memory?.enable], [SCOPE, 'files', undefined])
})

test('X01: readHostFacts() moves no process that is not its own', () => {
  const foreign = change(hosts.v2DelegatedRoot, {
    [`${SCOPE}/cgroup.procs`]: '209\n215\n300\n',
    '/proc/300/stat': '300 (evil) R 209) S 1 300 300\n',
  })
  const { unified, manager, managerBecause } = cgroupsOf(foreign)
  assert.equal(unified?.vacate, undefined)
  assert.deepEqual([manager, managerBecause], ['systemd', 'deleg.scope cannot give controllers to groups below it'])
  const user = cgroupsOf(
    change(hosts.v2UserService, { '/sys/fs/cgroup/system.slice/udeleg.service/cgroup.procs': '306\n0\n' }),
  )
  assert.match(reasonOf(user.controllers.memory?.usable), /holds processes itself \(0\), so it cannot give memory/)
})

test('X01: readHostFacts() takes a ring of parents, and a /proc of another pid namespace, for foreign processes', () => {
  const ring = {
    '/proc/300/stat': '300 (a) S 301 1\n',
    '/proc/301/stat': '301 (b) S 300 1\n',
    [`${SCOPE}/cgroup.procs`]: '209\n300\n',
  }
  assert.equal(cgroupsOf(change(hosts.v2DelegatedRoot, ring)).unified?.vacate, undefined)
  const other = {
    '/proc/self/stat': '7 (node) S 1 7\n',
    [`${SCOPE}/cgroup.procs`]: '215\n',
    '/proc/215/stat': '215 (x) S 7 1\n',
  }
  assert.equal(cgroupsOf(change(hosts.v2DelegatedRoot, other)).unified?.vacate, undefined)
})

test('X01: readHostFacts() leaves the own group as root only, and says that limits are left behind', () => {
  const root = cgroupsOf(hosts.v2SystemdRoot)
  assert.equal(root.unified?.escapes, true)
  assert.deepEqual(
    [root.manager, root.managerBecause],
    ['systemd', 'session-1.scope belongs to systemd and is not delegated'],
  )
  assert.deepEqual(root.scopeControllers, ['cpu', 'cpuset', 'io', 'memory', 'pids'])
  const user = cgroupsOf(hosts.v2UserScope)
  assert.equal(user.unified?.parent, user.unified?.own)
  assert.match(reasonOf(user.controllers.memory?.usable), /holds processes itself \(4241 \(bash\)\)/)
})

test('X01: readHostFacts() takes what a user owns below its manager for delegated only where a unit says so', () => {
  assert.deepEqual(cgroupsOf(hosts.v2Delegated).delegated, { directory: USER_SCOPE, by: 'unit' })
  assert.equal(cgroupsOf(hosts.v2UserScope).delegated, undefined)
  const { manager, scopeControllers } = cgroupsOf(hosts.v2UserScope)
  assert.deepEqual([manager, scopeControllers], ['systemd', ['cpu', 'memory', 'pids']])
  const service = cgroupsOf(hosts.v2UserService)
  assert.deepEqual([service.delegated?.by, service.manager, service.unified?.vacate?.pids], ['owner', 'files', [306]])
})

test('X01: readHostFacts() reads Delegate= as systemd does: the last one counts, drop-ins after the unit', () => {
  const file = '/run/systemd/transient/deleg.scope'
  const by = (changes: Record<string, string | null>): string | undefined =>
    cgroupsOf(change(hosts.v2DelegatedRoot, changes)).delegated?.by
  assert.equal(by({ [file]: '[Scope]\nDelegate=memory pids\n' }), 'unit')
  assert.equal(by({ [file]: '[Scope]\nDelegate=no\n' }), undefined)
  assert.equal(by({ [file]: '[Scope]\n#Delegate=yes\n' }), undefined)
  assert.equal(
    by({ [file]: '[Scope]\nDelegate=yes\n', [`${file}.d/50-Delegate.conf`]: '[Scope]\nDelegate=off\n' }),
    undefined,
  )
  assert.equal(by({ [file]: null, '/etc/systemd/system/deleg.scope.d/x.conf': 'Delegate=1\n' }), 'unit')
})

test('X01: readCgroupFactsFrom() believes the attribute that systemd puts on a delegated group', () => {
  const plain = change(hosts.v2DelegatedRoot, { '/run/systemd/transient/deleg.scope': null })
  assert.equal(cgroupsOf(plain).delegated, undefined)
  for (const name of ['trusted.delegate', 'user.delegate']) {
    const source = recordedSource({ ...plain, attributes: { [`${SCOPE} ${name}`]: '1' } })
    assert.deepEqual(readCgroupFactsFrom(source).delegated, { directory: SCOPE, by: 'attribute' })
  }
})

test('X01: readHostFacts() owns the root of its cgroup namespace when it may write there', () => {
  const { unified, delegated, manager } = cgroupsOf(hosts.v2Container)
  assert.deepEqual(delegated, { directory: '/sys/fs/cgroup', by: 'namespace' })
  assert.deepEqual(
    [unified?.vacate?.leaf, unified?.vacate?.pids, manager],
    ['/sys/fs/cgroup/carrel-self', [1, 12], 'files'],
  )
  const readOnly = cgroupsOf(hosts.v2ReadOnly)
  assert.equal(readOnly.delegated, undefined)
  assert.equal(reasonOf(readOnly.unified?.usable), '/sys/fs/cgroup is mounted read-only')
})

test('X01: readHostFacts() makes nothing through a mount from outside its cgroup namespace', () => {
  const { unified, controllers } = cgroupsOf(hosts.v2OutsideMount)
  assert.equal(reasonOf(unified?.usable), 'the group of this process is not visible here')
  assert.deepEqual(controllers, {})
})

test('X01: readHostFacts() enables nothing above what systemd delegated', () => {
  const less = { [`${SCOPE}/cgroup.controllers`]: 'memory pids\n' }
  const { controllers } = cgroupsOf(change(hosts.v2DelegatedRoot, less))
  assert.equal(reasonOf(controllers.cpu?.usable), `cpu is not delegated to ${SCOPE}`)
  assert.deepEqual(controllers.memory?.enable, [SCOPE])
})

test('X01: readHostFacts() asks systemd only where it can', () => {
  const deaf = cgroupsOf({ ...hosts.v2SystemdRoot, sockets: [] })
  assert.deepEqual([deaf.manager, deaf.managerBecause], ['files', 'systemd runs here, but its bus cannot be reached'])
  const alone = cgroupsOf({ ...hosts.v2Session, sockets: ['/run/dbus/system_bus_socket'] })
  assert.equal(alone.managerBecause, 'this user has no systemd manager to ask')
  const none = cgroupsOf(change(hosts.v2SystemdRoot, { '/run/systemd/system/': null }))
  assert.equal(none.managerBecause, 'systemd is not PID 1 here')
})

test('X01: readHostFacts() finds systemd, its buses and the unit of this process', () => {
  const bus = '/run/dbus/system_bus_socket'
  assert.deepEqual(factsOf(hosts.v2UserScope).systemd, {
    ...{ running: true, systemBus: bus, userBus: '/run/user/1000/bus', unit: 'plain.scope' },
    controlGroup: '/user.slice/user-1000.slice/user@1000.service/app.slice/plain.scope',
  })
  assert.equal(
    factsOf({ ...hosts.v2DelegatedRoot, sockets: ['/run/systemd/private'] }).systemd?.systemBus,
    '/run/systemd/private',
  )
  assert.equal(
    factsOf({ ...hosts.v2UserScope, sockets: ['/run/user/1000/systemd/private'] }).systemd?.userBus,
    '/run/user/1000/systemd/private',
  )
  const foreign = { ...hosts.v2UserScope, variables: { XDG_RUNTIME_DIR: '/run/user/0' } }
  assert.equal(factsOf(change(foreign, { '/run/user/0/x': '' })).systemd?.userBus, '/run/user/1000/bus')
  const unit = (path: string): string | null | undefined =>
    factsOf(change(hosts.v2SystemdRoot, { '/proc/self/cgroup': `0::${path}\n` })).systemd?.unit
  assert.deepEqual(
    [
      '/',
      '/init.scope',
      '/a.slice/_tasks.service/sub',
      '/user.slice/user-1.slice/user@1.service/init.scope',
      '/plain',
    ].map(unit),
    [null, 'init.scope', 'tasks.service', 'init.scope', null],
  )
})

test('L56: readHostFacts() goes by name=systemd on a hybrid host, and knows all v1 controllers', () => {
  const { cgroups, systemd } = factsOf(hosts.hybridSystemd)
  assert.equal(systemd?.unit, 'session-1.scope')
  assert.deepEqual([cgroups.manager, cgroups.delegated], ['systemd', undefined])
  assert.deepEqual(Object.keys(cgroups.controllers).sort(), [
    ...['cpu', 'cpuacct', 'devices', 'memory', 'net_cls', 'net_prio', 'pids'],
  ])
  const given = change(hosts.hybridSystemd, { '/run/systemd/transient/session-1.scope': 'Delegate=yes\n' })
  assert.equal(cgroupsOf(given).delegated?.by, 'unit')
  const v1 = cgroupsOf(change(hosts.v1Root, { '/run/systemd/transient/session-1.scope': 'Delegate=yes\n' }))
  assert.equal(v1.delegated?.directory, '/sys/fs/cgroup/systemd/user.slice/session-1.scope')
  assert.equal(cgroupsOf(given).manager, 'files')
})

test('L56: readHostFacts() names the files of a controller by a group that is not the root', () => {
  const v1 = cgroupsOf(hosts.hybridSystemd).controllers
  assert.deepEqual(v1.cpu?.files, ['cpu.cfs_quota_us', 'cpu.shares'])
  assert.deepEqual(v1.memory?.files, ['memory.limit_in_bytes', 'memory.memsw.limit_in_bytes', 'memory.stat'])
  assert.equal(v1.net_cls?.files, undefined, 'only the root is there')
  const v2 = cgroupsOf(hosts.v2DelegatedRoot).controllers
  assert.deepEqual([v2.memory?.files, v2.pids?.files], [['memory.swap.max'], undefined])
  const own = '/sys/fs/cgroup/user.slice/user-0.slice/session-1.scope'
  const everywhere = cgroupsOf(change(hosts.v2SystemdRoot, { [`${own}/cpu.stat`]: 'usage_usec 0\n' })).controllers
  assert.equal(everywhere.cpu?.usable.ok, true)
  assert.equal(everywhere.cpu.files, undefined, 'a group without the controller has cpu.stat too')
})

test('X01: readHostFacts() knows threaded groups and the limits of a tree', () => {
  const reason = (changes: Record<string, string>): string =>
    reasonOf(cgroupsOf(change(hosts.v2UserService, changes)).unified?.usable)
  const own = '/sys/fs/cgroup/system.slice/udeleg.service'
  assert.match(reason({ [`${own}/cgroup.type`]: 'threaded\n' }), /is a threaded group/)
  assert.match(reason({ [`${own}/cgroup.type`]: 'domain threaded\n' }), /has threaded groups below it/)
  assert.match(reason({ [`${own}/cgroup.type`]: 'domain invalid\n' }), /inside a threaded subtree/)
  assert.equal(reason({ [`${own}/cgroup.max.depth`]: '1\n', '/sys/fs/cgroup/cgroup.max.depth': '3\n' }), 'ok')
  assert.equal(
    reason({ '/sys/fs/cgroup/cgroup.max.depth': '2\n' }),
    '/sys/fs/cgroup/cgroup.max.depth is 2, and a group more would be past it',
  )
  const stat = { [`${own}/cgroup.stat`]: 'nr_descendants 4\nnr_dying_descendants 9\n' }
  assert.equal(reason({ ...stat, [`${own}/cgroup.max.descendants`]: '5\n' }), 'ok')
  assert.match(reason({ ...stat, [`${own}/cgroup.max.descendants`]: '4\n' }), /cgroup.max.descendants is 4/)
})

test('X01: readHostFacts() knows cgroup.freeze by the version, or by its file', () => {
  const old = { '/proc/sys/kernel/osrelease': '5.1.0\n' }
  assert.equal(cgroupsOf(change(hosts.v2UserService, old)).unified?.freeze, false)
  const file = { '/sys/fs/cgroup/system.slice/udeleg.service/cgroup.freeze': '0\n' }
  assert.equal(cgroupsOf(change(hosts.v2UserService, { ...old, ...file })).unified?.freeze, true)
})

test('X19: readHostFacts() says whether device rules can be made: v1 lists, or BPF from the first user namespace', () => {
  assert.deepEqual(cgroupsOf(hosts.hybridSystemd).deviceRules, { ok: true })
  assert.deepEqual(cgroupsOf(hosts.v2DelegatedRoot).deviceRules, { ok: true })
  assert.match(reasonOf(cgroupsOf(hosts.v2Container).deviceRules), /from outside user namespaces only/)
  assert.match(reasonOf(cgroupsOf(hosts.v2Delegated).deviceRules), /CAP_BPF and CAP_NET_ADMIN/)
})

test('X01: what groups will have of a controller that is enabled first is told by the groups above', () => {
  const slice = '/sys/fs/cgroup/user.slice'
  const without = change(hosts.v2SystemdRoot, {
    [`${slice}/user-0.slice/cpuset.cpus.effective`]: null,
    [`${slice}/cpuset.cpus.effective`]: '0-5\n',
    [`${slice}/cgroup.subtree_control`]: 'pids\n',
    [`${slice}/user-0.slice/cgroup.controllers`]: 'pids\n',
    [`${slice}/user-0.slice/cgroup.subtree_control`]: 'pids\n',
    [`${slice}/user-0.slice/memory.swap.max`]: null,
    '/proc/swaps': 'Filename\n',
    '/proc/cmdline': 'quiet\n',
  })
  const { controllers, swap } = cgroupsOf(without)
  assert.equal(controllers.memory?.parent, `${slice}/user-0.slice`)
  assert.deepEqual(
    controllers.memory.enable,
    [slice, `${slice}/user-0.slice`].slice(-controllers.memory.enable!.length),
  )
  assert.equal(controllers.cpuset?.cpus, '0-5')
  assert.equal(swap, true)
  assert.equal(cgroupsOf(change(without, { '/proc/cmdline': 'swapaccount=0\n' })).swap, false)
})
