import assert from 'node:assert/strict'
import { test } from 'node:test'
import { readHostFacts } from '../../host/probe.ts'
import * as hosts from '../../../test/host/recorded-hosts.ts'
import type { Recording } from '../../../test/host/recorded-hosts.ts'
import { InvalidInputError, UnsupportedError } from '../../base/errors.ts'
import { parseCpuList } from './cpu-list.ts'
import { quotaOf, sharesOf } from './limit-writes.ts'
import type { Limits } from './limits.ts'
import { planCgroups } from './plan-cgroups.ts'
import type { CgroupPlan, PlanCgroupsOptions } from './plan-cgroups.ts'
import { requireApplied } from './require-applied.ts'

function planOn(recording: Recording, limits: Limits, options: Partial<PlanCgroupsOptions> = {}): CgroupPlan {
  return planCgroups(limits, readHostFacts(hosts.recordedSource(recording)).cgroups, { name: 'box', ...options })
}

/** The plan as the commands that a person would type; the cgroup mount point is left out of paths. */
function listing(plan: CgroupPlan): string[] {
  const lines = [
    ...plan.enable.map(({ path, value }) => `echo ${value} > ${path}`),
    ...plan.groups.flatMap(({ directory, files }) => [
      `mkdir ${directory}`,
      ...files.map(({ path, value, optional }) => `echo ${value} > ${path}${optional ? ' || true' : ''}`),
    ]),
    ...plan.join.map(({ path }) => `join ${path}`),
    ...plan.readings.map(({ kind, path, optional }) => `read ${kind} ${path}${optional ? ' || true' : ''}`),
    ...(plan.kill === null ? [] : [`kill ${plan.kill}`]),
    ...plan.remove.map((directory) => `rmdir ${directory}`),
    ...plan.notApplied.map(({ limit, reason }) => `not ${limit}: ${reason}`),
  ]
  return lines.map((line) => line.replaceAll('/sys/fs/cgroup/', ''))
}

const TYPICAL = { memoryBytes: 268435456, pids: 64, cpus: 0.5 } as const satisfies Limits

test('planCgroups() on v1 makes a group in each hierarchy, cpu and cpuacct sharing one', () => {
  assert.deepEqual(
    listing(planOn(hosts.v1Root, { ...TYPICAL, cpuset: '1-2' }, { account: ['cpu', 'memory'], kill: true })),
    [
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
      'read oom memory/user.slice/box/memory.oom_control',
      'read memory memory/user.slice/box/memory.max_usage_in_bytes',
      'read pids pids/user.slice/session-1.scope/box/pids.current',
      'read pids pids/user.slice/session-1.scope/box/pids.peak || true',
      'read pids pids/user.slice/session-1.scope/box/pids.events || true',
      'read cpu cpu,cpuacct/box/cpu.stat || true',
      'read cpu cpu,cpuacct/box/cpuacct.usage',
      'read cpu cpu,cpuacct/box/cpuacct.usage_user || true',
      'read cpu cpu,cpuacct/box/cpuacct.usage_sys || true',
      'rmdir cpuset/box',
      'rmdir cpu,cpuacct/box',
      'rmdir pids/user.slice/session-1.scope/box',
      'rmdir memory/user.slice/box',
    ],
  )
})

test('planCgroups() on hybrid limits on v1 and takes killing and CPU time from the v2 tree', () => {
  assert.deepEqual(listing(planOn(hosts.hybridRoot, { pids: 64 }, { account: ['cpu'], kill: true })), [
    'mkdir pids/box',
    'echo 64 > pids/box/pids.max',
    'mkdir unified/box',
    'join pids/box/cgroup.procs',
    'join unified/box/cgroup.procs',
    'read pids pids/box/pids.current',
    'read pids pids/box/pids.peak || true',
    'read pids pids/box/pids.events || true',
    'read cpu unified/box/cpu.stat',
    'kill unified/box/cgroup.kill',
    'rmdir unified/box',
    'rmdir pids/box',
  ])
})

test('planCgroups() on v2 makes one group and enables controllers from the top', () => {
  const limits = { ...TYPICAL, memorySwapBytes: 268435456 + 4096, oomGroup: true, cpuWeight: 50, cpuset: '7' }
  assert.deepEqual(listing(planOn(hosts.v2SystemdRoot, limits)), [
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
    'join user.slice/user-0.slice/box/cgroup.procs',
    'read oom user.slice/user-0.slice/box/memory.events',
    'read memory user.slice/user-0.slice/box/memory.peak || true',
    'read pids user.slice/user-0.slice/box/pids.current',
    'read pids user.slice/user-0.slice/box/pids.peak || true',
    'read pids user.slice/user-0.slice/box/pids.events || true',
    'read cpu user.slice/user-0.slice/box/cpu.stat',
    'kill user.slice/user-0.slice/box/cgroup.kill',
    'rmdir user.slice/user-0.slice/box',
  ])
})

test('planCgroups() for an ordinary user in a delegated scope stays inside what was delegated', () => {
  const plan = planOn(hosts.v2Delegated, { ...TYPICAL, cpuset: '0' })
  const slice = 'user.slice/user-1000.slice/user@1000.service/app.slice'
  assert.deepEqual(listing(plan).slice(0, 2), [`echo +cpu > ${slice}/cgroup.subtree_control`, `mkdir ${slice}/box`])
  assert.deepEqual(
    plan.notApplied.map(({ limit }) => limit),
    ['cpuset'],
  )
})

test('planCgroups() lists every limit that an undelegated user cannot have, with the weaker bound', () => {
  const plan = planOn(hosts.v2Session, TYPICAL, { account: ['memory', 'cpu'], kill: true })
  assert.deepEqual([plan.groups, plan.join, plan.remove, plan.readings, plan.kill], [[], [], [], [], null])
  assert.deepEqual(
    plan.notApplied.map(({ limit, instead }) => [limit, instead?.rlimit, instead?.value]),
    [
      ['memory', 'RLIMIT_DATA', 268435456],
      ['pids', 'RLIMIT_NPROC', 64],
      ['cpus', undefined, undefined],
    ],
  )
  assert.doesNotThrow(() => requireApplied(plan, []))
  assert.throws(
    () => requireApplied(plan, ['pids']),
    (error) =>
      error instanceof UnsupportedError &&
      error.fact === 'cgroups.pids' &&
      /systemd-run --user --scope/.test(error.message),
  )
})

test('planCgroups() says what is missing where a host has no such controller, no swap count, no such CPU', () => {
  const wsl = planOn(hosts.wsl, { pids: 1 }).notApplied
  assert.equal(wsl[0]?.reason, 'this host has no pids controller')
  const none = planOn({ files: { '/proc/sys/kernel/osrelease': '6.1' } }, { pids: 1 }).notApplied
  assert.equal(none[0]?.reason, 'no cgroup file system is mounted here')
  for (const recording of [hosts.hybridRoot, hosts.v2SystemdRoot]) {
    assert.match(planOn(recording, { cpuset: '0,9' }).notApplied[0]?.reason ?? '', /^CPU 9 is not among/)
  }
  const uncounted = planCgroups(
    { memoryBytes: 8192, memorySwapBytes: 8192, oomGroup: true },
    { mode: 'v1', swap: false, controllers: { memory: { version: 1, parent: '/m', usable: { ok: true } } } },
    { name: 'box' },
  )
  assert.deepEqual(listing(uncounted).slice(0, 2), ['mkdir /m/box', 'echo 8192 > /m/box/memory.limit_in_bytes'])
  assert.deepEqual(
    uncounted.notApplied.map(({ limit }) => limit),
    ['memorySwap', 'oomGroup'],
  )
})

test('planCgroups() without limits, accounting and kill makes nothing', () => {
  for (const recording of Object.values(hosts.RECORDINGS)) {
    const plan = planOn(recording, {})
    assert.deepEqual(listing(plan), [])
  }
})

test('planCgroups() joins every group it makes, removes every group it makes, and gives each write a reason', () => {
  for (const recording of Object.values(hosts.RECORDINGS)) {
    const plan = planOn(
      recording,
      { ...TYPICAL, cpuset: '0', cpuWeight: 200 },
      { account: ['memory', 'pids', 'cpu'], kill: true },
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

test('planCgroups() refuses limits that cannot be meant, naming them', () => {
  const bad: readonly [keyof Limits, Limits][] = [
    ['memoryBytes', { memoryBytes: 0 }],
    ['memoryBytes', { memoryBytes: 1e6 + 0.5 }],
    ['memorySwapBytes', { memorySwapBytes: 2 ** 30 }],
    ['memorySwapBytes', { memoryBytes: 2 ** 30, memorySwapBytes: 2 ** 29 }],
    ['pids', { pids: 0 }],
    ['pids', { pids: 5_000_000 }],
    ['cpus', { cpus: NaN }],
    ['cpus', { cpus: 0 }],
    ['cpuWeight', { cpuWeight: 10_001 }],
    ['cpuset', { cpuset: '' }],
    ['cpuset', { cpuset: '0\n1' }],
    ['cpuset', { cpuset: '3-1' }],
  ]
  for (const [field, limits] of bad) {
    assert.throws(
      () => planOn(hosts.hybridRoot, limits),
      (error) => error instanceof InvalidInputError && error.field === field,
    )
  }
})

test('planCgroups() refuses a name that leaves its directory or is a file of the kernel', () => {
  for (const name of [
    '',
    '.',
    '..',
    'a/b',
    '../x',
    'cgroup.procs',
    'memory.max',
    'tasks',
    'a\n',
    'ä',
    'x'.repeat(201),
  ]) {
    assert.throws(() => planOn(hosts.hybridRoot, {}, { name }), InvalidInputError, name)
  }
  assert.doesNotThrow(() => planOn(hosts.hybridRoot, {}, { name: 'carrel-1.2_x:3' }))
})

test('quotaOf() keeps the ratio and the limits of the kernel', () => {
  for (let cpus = 0.001; cpus < 200; cpus *= 1.37) {
    const { quotaUs, periodUs } = quotaOf(cpus)
    assert(Number.isInteger(quotaUs) && quotaUs >= 1000 && periodUs >= 1000 && periodUs <= 1_000_000)
    assert(Math.abs(quotaUs / periodUs / cpus - 1) < 0.001 || quotaUs === 1000)
  }
})

test('sharesOf() maps equal to equal and stays in the range of the kernel', () => {
  assert.deepEqual([1, 100, 10_000].map(sharesOf), [10, 1024, 102_400])
})

test('parseCpuList() reads lists and refuses what is none', () => {
  assert.deepEqual([...(parseCpuList('0-2,8') ?? [])], [0, 1, 2, 8])
  for (const text of ['', ',', '1,', '-1', '1-', 'a', '0-99999', '0-3:1/2']) assert.equal(parseCpuList(text), undefined)
})
