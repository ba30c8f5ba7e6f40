import assert from 'node:assert/strict'
import { test } from 'node:test'
import type { CgroupFacts } from '../../host/facts.ts'
import { readHostFacts } from '../../host/probe.ts'
import { hybridFacts, v1Facts, v2Facts } from '../../../test/host/plain-cgroup-facts.ts'
import * as hosts from '../../../test/host/recorded-hosts.ts'
import type { Recording } from '../../../test/host/recorded-hosts.ts'
import { UnsupportedError } from '../../base/errors.ts'
import { planCgroups } from './plan-cgroups.ts'
import type { CgroupPlan, PlanCgroupsOptions } from './plan-cgroups.ts'
import { requireApplied } from './require-applied.ts'
import type { Resources } from './resources.ts'

function planOn(recording: Recording, resources: Resources, options: Partial<PlanCgroupsOptions> = {}): CgroupPlan {
  return planCgroups(resources, readHostFacts(hosts.recordedSource(recording)).cgroups, { name: 'box', ...options })
}

/** The plan as the commands that a person would type; the cgroup mount point is left out of paths. */
function listing(plan: CgroupPlan): string[] {
  const lines = [
    ...plan.enable.map(({ path, value }) => `echo ${value} > ${path}`),
    ...plan.groups.flatMap(({ directory, files, shared }) => [
      `mkdir ${shared ? '-p ' : ''}${directory}`,
      ...files.map(
        ({ path, value, optional, fresh }) =>
          `echo ${value} > ${path}${optional ? ' || true' : fresh ? ' if new' : ''}`,
      ),
    ]),
    ...plan.join.map(({ path }) => `join ${path}`),
    ...(plan.kill === null ? [] : [`kill ${plan.kill}`]),
    ...plan.remove.map((directory) => `rmdir ${directory}`),
    ...plan.notApplied.map(({ limit, reason }) => `not ${limit}: ${reason}`),
  ]
  return lines.map((line) => line.replaceAll('/sys/fs/cgroup/', ''))
}

const TYPICAL = {
  memory: { limit: 268435456, swap: 268435456 },
  pids: { limit: 64 },
  cpu: { quota: 50_000, period: 100_000 },
} as const satisfies Resources

test('X01, L56: planCgroups() on v1 makes a group in each hierarchy, cpu and cpuacct sharing one', () => {
  const resources = { ...TYPICAL, cpu: { ...TYPICAL.cpu, cpus: '1-2' } }
  assert.deepEqual(listing(planOn(hosts.v1Root, resources, { account: ['cpu', 'memory'] })), [
    'mkdir memory/user.slice/box',
    'echo 268435456 > memory/user.slice/box/memory.limit_in_bytes',
    'echo 268435456 > memory/user.slice/box/memory.memsw.limit_in_bytes',
    'mkdir pids/user.slice/session-1.scope/box',
    'echo 64 > pids/user.slice/session-1.scope/box/pids.max',
    'mkdir cpu,cpuacct/box',
    'echo 100000 > cpu,cpuacct/box/cpu.cfs_period_us',
    'echo 50000 > cpu,cpuacct/box/cpu.cfs_quota_us',
    'mkdir cpuset/box',
    'echo 0 > cpuset/box/cpuset.mems',
    'echo 1-2 > cpuset/box/cpuset.cpus',
    'join memory/user.slice/box/cgroup.procs',
    'join pids/user.slice/session-1.scope/box/cgroup.procs',
    'join cpu,cpuacct/box/cgroup.procs',
    'join cpuset/box/cgroup.procs',
    'rmdir cpuset/box',
    'rmdir cpu,cpuacct/box',
    'rmdir pids/user.slice/session-1.scope/box',
    'rmdir memory/user.slice/box',
  ])
})

test('X01: planCgroups() on hybrid limits on v1 and has a group in the v2 tree for all else', () => {
  assert.deepEqual(listing(planOn(hosts.hybridRoot, { pids: { limit: 64 } }, { account: ['cpu', 'freezer'] })), [
    'mkdir pids/box',
    'echo 64 > pids/box/pids.max',
    'mkdir unified/box',
    'join pids/box/cgroup.procs',
    'join unified/box/cgroup.procs',
    'kill unified/box/cgroup.kill',
    'rmdir unified/box',
    'rmdir pids/box',
  ])
})

test('X01: planCgroups() on v2 makes one group and enables controllers from the top', () => {
  const resources: Resources = {
    memory: { limit: 268435456, swap: 268435456 + 4096, oomGroup: true },
    pids: { limit: 64 },
    cpu: { ...TYPICAL.cpu, weight: 50, cpus: '7' },
    freezer: 'frozen',
  }
  assert.deepEqual(listing(planOn(hosts.v2SystemdRoot, resources)), [
    'echo +cpu +cpuset > user.slice/cgroup.subtree_control',
    'echo +cpu +cpuset > user.slice/user-0.slice/cgroup.subtree_control',
    'mkdir user.slice/user-0.slice/box',
    'echo 268435456 > user.slice/user-0.slice/box/memory.max',
    'echo 4096 > user.slice/user-0.slice/box/memory.swap.max',
    'echo 1 > user.slice/user-0.slice/box/memory.oom.group',
    'echo 64 > user.slice/user-0.slice/box/pids.max',
    'echo 50 > user.slice/user-0.slice/box/cpu.weight',
    'echo 50000 100000 > user.slice/user-0.slice/box/cpu.max',
    'echo 7 > user.slice/user-0.slice/box/cpuset.cpus',
    'echo 1 > user.slice/user-0.slice/box/cgroup.freeze',
    'join user.slice/user-0.slice/box/cgroup.procs',
    'kill user.slice/user-0.slice/box/cgroup.kill',
    'rmdir user.slice/user-0.slice/box',
  ])
})

test('planCgroups() for an ordinary user in a delegated scope stays inside what was delegated', () => {
  const plan = planOn(hosts.v2Delegated, { ...TYPICAL, cpu: { ...TYPICAL.cpu, cpus: '0' } })
  const { unified, delegated } = readHostFacts(hosts.recordedSource(hosts.v2Delegated)).cgroups
  for (const path of [...plan.enable, ...plan.groups.flatMap(({ files }) => files)].map((write) => write.path)) {
    assert(path.startsWith(`${delegated?.directory}/`), path)
  }
  assert.deepEqual(
    plan.groups.map(({ directory }) => directory),
    [`${unified?.parent}/box`],
  )
  assert.deepEqual(
    plan.notApplied.map(({ limit }) => limit),
    ['cpu.cpus'],
  )
})

test('planCgroups() lists every limit that an undelegated user cannot have, with the weaker bound', () => {
  const plan = planOn(hosts.v2Session, TYPICAL, { account: ['memory', 'cpu'], kill: true, all: true })
  assert.deepEqual([plan.groups, plan.join, plan.remove, plan.kill], [[], [], [], null])
  assert.deepEqual(
    plan.notApplied.map(({ limit, instead }) => [limit, instead?.rlimit, instead?.value]),
    [
      ['memory.limit', 'RLIMIT_DATA', 268435456],
      ['pids.limit', 'RLIMIT_NPROC', 64],
      ['cpu.quota', undefined, undefined],
    ],
  )
  assert.doesNotThrow(() => requireApplied(plan, ['memory.limit', 'pids.limit', 'cpu.quota']))
  assert.throws(
    () => requireApplied(plan, ['memory.limit']),
    (error) =>
      error instanceof UnsupportedError &&
      error.fact === 'cgroups.pids' &&
      /systemd-run --user --scope/.test(error.message),
  )
})

test('planCgroups() says what is missing where a host has no such controller, no cgroups, no such CPU', () => {
  const wsl = planOn(hosts.wsl, { pids: { limit: 1 } }).notApplied
  assert.equal(wsl[0]?.reason, 'this host has no pids controller')
  const none = planOn({ files: { '/proc/sys/kernel/osrelease': '6.1' } }, { pids: { limit: 1 } }).notApplied
  assert.equal(none[0]?.reason, 'no cgroup file system is mounted here')
  for (const recording of [hosts.hybridRoot, hosts.v2SystemdRoot]) {
    assert.match(planOn(recording, { cpu: { cpus: '0,9' } }).notApplied[0]?.reason ?? '', /^CPU 9 is not among/)
  }
})

test('planCgroups() without limits makes a group only where there is a v2 tree, and enables nothing', () => {
  for (const recording of Object.values(hosts.RECORDINGS)) {
    const { groups, enable } = planOn(recording, {})
    const { unified } = readHostFacts(hosts.recordedSource(recording)).cgroups
    assert.deepEqual(
      groups,
      unified?.usable.ok ? [{ directory: `${unified.parent}/box`, version: 2, controllers: [], files: [] }] : [],
    )
    assert.deepEqual(enable, [])
  }
})

test('planCgroups() joins every group it makes, removes every group it makes, and gives each write a reason', () => {
  for (const recording of Object.values(hosts.RECORDINGS)) {
    const plan = planOn(
      recording,
      { ...TYPICAL, cpu: { ...TYPICAL.cpu, cpus: '0', weight: 200 } },
      { account: ['memory', 'pids', 'cpu', 'io', 'freezer'], kill: true, all: true },
    )
    const made = plan.groups.map(({ directory }) => directory)
    assert.equal(new Set(made).size, made.length)
    assert.deepEqual([...plan.remove].sort(), [...made].sort())
    assert.deepEqual(
      plan.join.map(({ directory }) => directory),
      made,
    )
    for (const { because, value } of [...plan.enable, ...plan.groups.flatMap(({ files }) => files)])
      assert(because && value)
  }
})

test('G02, G03, L21: planCgroups() makes a level for each segment of a name in every hierarchy, and removes the last first', () => {
  const facts = v1Facts({ cpuset: { parent: '/cg/cpuset/own', cpus: '0-1', mems: '0' } })
  const plan = planCgroups({ cpu: { cpus: '1' } }, facts, { name: ['alcove', 'guest1234'], all: true })
  const parents = Object.values(facts.controllers).map(({ parent }) => parent)
  assert.deepEqual(
    new Set(plan.groups.map(({ directory, shared }) => `${directory}${shared ? ' shared' : ''}`)),
    new Set(parents.flatMap((parent) => [`${parent}/alcove shared`, `${parent}/alcove/guest1234`])),
  )
  assert.deepEqual(
    plan.join.map(({ directory }) => directory).sort(),
    parents.map((parent) => `${parent}/alcove/guest1234`).sort(),
  )
  for (const parent of parents) {
    assert(plan.remove.indexOf(`${parent}/alcove/guest1234`) < plan.remove.indexOf(`${parent}/alcove`))
  }
})

test('L56: planCgroups() copies the lists of a v1 cpuset level by level, but not over a level that is there already', () => {
  const facts = v1Facts({ cpuset: { parent: '/cg/cpuset/own', cpus: '0-1', mems: '0' } })
  const plan = planCgroups({ cpu: { cpus: '1' } }, facts, { name: ['a', 'b'] })
  assert.deepEqual(listing(plan), [
    'mkdir -p /cg/cpuset/own/a',
    'echo 0 > /cg/cpuset/own/a/cpuset.mems if new',
    'echo 0-1 > /cg/cpuset/own/a/cpuset.cpus if new',
    'mkdir /cg/cpuset/own/a/b',
    'echo 0 > /cg/cpuset/own/a/b/cpuset.mems',
    'echo 1 > /cg/cpuset/own/a/b/cpuset.cpus',
    'join /cg/cpuset/own/a/b/cgroup.procs',
    'rmdir /cg/cpuset/own/a/b',
    'rmdir /cg/cpuset/own/a',
  ])
})

test('G08, L56: planCgroups() asked for all joins what the host has, and fills a cpuset that nobody asked for', () => {
  const { controllers } = v1Facts()
  const { mems: _, ...unread } = controllers.cpuset ?? {}
  const kinds = (facts: CgroupFacts): string[] =>
    planCgroups({}, facts, { name: 'box', all: true }).groups.flatMap((group) => group.controllers)
  assert.deepEqual(kinds(v1Facts()).sort(), Object.keys(controllers).sort())
  // Stock Raspbian has no cpuset, G08; and one whose lists cannot be read takes no process.
  assert.deepEqual(kinds(v1Facts({ cpuset: null, perf_event: null })).includes('cpuset'), false)
  const blind = { ...v1Facts(), controllers: { ...controllers, cpuset: unread } } as CgroupFacts
  assert.deepEqual(kinds(blind).includes('cpuset'), false)
  const one = { memory: { parent: '/cg/all' }, cpuset: { parent: '/cg/all' } }
  assert.deepEqual(listing(planCgroups({ memory: { limit: 4096 } }, v1Facts(one), { name: 'box' })).slice(0, 4), [
    'mkdir /cg/all/box',
    'echo 0 > /cg/all/box/cpuset.mems',
    'echo 0-3 > /cg/all/box/cpuset.cpus',
    'echo 4096 > /cg/all/box/memory.limit_in_bytes',
  ])
})

test('X01: planCgroups() on v2 gives controllers down the levels of a name, and none where none is needed', () => {
  const plan = planCgroups({ pids: { limit: 5 }, memory: { limit: 4096 } }, v2Facts(), { name: ['a', 'b', 'c'] })
  assert.deepEqual(listing(plan).slice(0, 6), [
    'mkdir -p /cg/own/a',
    'echo +memory +pids > /cg/own/a/cgroup.subtree_control',
    'mkdir -p /cg/own/a/b',
    'echo +memory +pids > /cg/own/a/b/cgroup.subtree_control',
    'mkdir /cg/own/a/b/c',
    'echo 4096 > /cg/own/a/b/c/memory.max',
  ])
  assert.deepEqual(planCgroups({}, v2Facts(), { name: ['a', 'b'] }).groups[0]?.files, [])
})

test('planCgroups() empties the own group when controllers are enabled in it, and only then', () => {
  const vacate = { directory: '/cg/own', leaf: '/cg/own/carrel-self', pids: [7] }
  const unified = { parent: '/cg/own', usable: { ok: true }, kill: true, freeze: true, vacate } as const
  const facts = v2Facts({ pids: { enable: ['/cg/own'] } }, { unified })
  assert.deepEqual(planCgroups({ pids: { limit: 5 } }, facts, { name: 'box' }).vacate, vacate)
  assert.equal(planCgroups({}, facts, { name: 'box' }).vacate, null)
  assert.equal(planCgroups({ pids: { limit: 5 } }, v2Facts(), { name: 'box' }).vacate, null)
})

test('planCgroups() takes v1’s freezer and cpuacct for what there is no v2 tree to do', () => {
  const kinds = (facts: CgroupFacts, options: Omit<PlanCgroupsOptions, 'name'>): string[] =>
    planCgroups({}, facts, { name: 'box', ...options }).groups.flatMap(({ controllers }) => controllers)
  assert.deepEqual(kinds(v1Facts(), { kill: true }), ['freezer'])
  assert.deepEqual(kinds(v1Facts(), { account: ['freezer', 'cpu'] }), ['freezer', 'cpuacct'])
  assert.deepEqual(kinds(hybridFacts(), { account: ['freezer', 'cpu'], kill: true }), [])
  const old = { unified: { parent: '/cg/unified/own', usable: { ok: true }, kill: false, freeze: false } } as const
  assert.deepEqual(kinds(hybridFacts({}, old), { kill: true }), ['freezer'])
  assert.equal(planCgroups({}, hybridFacts({}, old), { name: 'box' }).kill, null)
})

test('planCgroups() hands on device rules that need a program, with a group to attach it to', () => {
  const devices = [{ allow: false }] as const
  const plan = planCgroups({ devices }, v2Facts(), { name: 'box' })
  assert.deepEqual([plan.devices, plan.groups.map(({ directory }) => directory)], [devices, ['/cg/own/box']])
  assert.equal(planCgroups({ devices }, v1Facts(), { name: 'box' }).devices, null)
})
