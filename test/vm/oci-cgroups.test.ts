import assert from 'node:assert/strict'
import { existsSync, readFileSync, rmdirSync, writeFileSync, mkdirSync } from 'node:fs'
import { test } from 'node:test'
import { checkLinuxResources } from '../../src/bundle/config/check-linux-resources.ts'
import { newFindings } from '../../src/bundle/config/fields.ts'
import type { Resources } from '../../src/features/cgroups/resources.ts'
import type { SyncAgent } from '../../src/kernel/agent.ts'
import { nodeKernel } from '../../src/kernel/node.ts'
import { close } from '../../src/kernel/descriptors.ts'
import { openPidfd } from '../../src/kernel/process.ts'
import { freeze, isFrozen, thaw } from '../../src/oci/cgroups/freeze.ts'
import { joinSteps } from '../../src/oci/cgroups/join-steps.ts'
import { killGroup } from '../../src/oci/cgroups/kill-group.ts'
import { processesOf } from '../../src/oci/cgroups/processes.ts'
import { statisticsForEvents } from '../../src/oci/cgroups/statistics.ts'
import { updateGroup } from '../../src/oci/cgroups/update-group.ts'
import { GroupWatch } from '../../src/oci/cgroups/watch-group.ts'
import { program } from '../../src/program/builder.ts'
import { eventually } from '../support/eventually.ts'
import { withGroups } from '../support/grouped-process.ts'
import { cgroupName, checkMachine } from '../support/machine-check.ts'

checkMachine()

const kernel = nodeKernel()
const TOP = '/sys/fs/cgroup'
const MIB = 2 ** 20
const read = (path: string): string => readFileSync(path, 'utf8').trim()
const pathOf = (pid: number): string => read(`/proc/${pid}/cgroup`).replace(/^0::/, '')
const checked = (wanted: object): Resources => checkLinuxResources(wanted, '', newFindings(), { live: true })
const DENIED = [{ allow: false, access: 'rwm' }]

/** Errno of opening a device in a process, or nothing. */
function openIn(agent: SyncAgent, path: string): string | undefined {
  const p = program()
  const file = p.tolerate('EPERM').openat('AT_FDCWD', path, ['O_RDONLY', 'O_CLOEXEC'])
  p.close(file)
  return Number(agent.run(p).get(file)) < 0 ? 'EPERM' : undefined
}

test('X01, X02: on cgroup v2 the first process is born in the group, with controllers down the path and limits in its files', async () => {
  const name = cgroupName('v2')
  const resources = {
    devices: DENIED,
    memory: { limit: 64 * MIB, swap: 96 * MIB, reservation: 16 * MIB, disableOOMKiller: false },
    cpu: { shares: 0, quota: 25_000, period: 50_000, cpus: '0' },
    pids: { limit: 1 },
    blockIO: { weight: 0 },
    unified: { 'memory.high': String(60 * MIB) },
  }
  try {
    await withGroups({ cgroupsPath: `/${name}/inner`, resources }, ({ pid, maker, first }) => {
      const file = (leaf: string): string => read(`${TOP}/${name}/inner/${leaf}`)
      assert.equal(pathOf(pid), `/${name}/inner`)
      assert.ok(!pathOf(maker.pid as number).startsWith(`/${name}`))
      const texts = [
        'memory.max',
        'memory.swap.max',
        'memory.low',
        'memory.high',
        'cpu.max',
        'cpuset.cpus',
        'pids.max',
      ].map(file)
      assert.deepEqual(texts, [64 * MIB, 32 * MIB, 16 * MIB, 60 * MIB].map(String).concat('25000 50000', '0', '1'))
      assert.equal(file('pids.current'), '1')
      const given = file('cgroup.controllers').split(' ')
      for (const controller of ['cpu', 'cpuset', 'io', 'memory', 'pids'])
        assert.ok(given.includes(controller), controller)
      assert.deepEqual([openIn(first, '/dev/null'), openIn(first, '/dev/kmsg')], [undefined, 'EPERM'])
    })
  } finally {
    rmdirSync(`${TOP}/${name}`)
  }
})

test('G04: an update on cgroup v2 changes limits and the device filter in place', async () => {
  const name = cgroupName('update')
  const resources = { devices: DENIED, memory: { limit: 64 * MIB, swap: 64 * MIB } }
  await withGroups({ cgroupsPath: `/${name}`, resources }, async ({ plan: { places }, first }) => {
    const file = (leaf: string): string => read(`${TOP}/${name}/${leaf}`)
    const update = (wanted: object) => updateGroup(kernel, { groups: places }, checked(wanted))
    await update({
      memory: { limit: 128 * MIB, swap: 256 * MIB },
      cpu: { shares: 1024, quota: 10_000 },
      pids: { limit: 5 },
    })
    assert.deepEqual(['memory.max', 'memory.swap.max', 'cpu.weight', 'cpu.max', 'pids.max'].map(file), [
      ...[String(128 * MIB), String(128 * MIB), '100', '10000 100000', '5'],
    ])
    await update({ devices: [...DENIED, { allow: true, type: 'c', major: 1, minor: 11, access: 'r' }] })
    assert.equal(openIn(first, '/dev/kmsg'), undefined)
    await update({ devices: DENIED })
    assert.equal(openIn(first, '/dev/kmsg'), 'EPERM')
    await assert.rejects(update({ memory: { swappiness: 7 } }), { message: /^\/memory\/swappiness cannot be enforced/ })
  })
})

test('L60, X03, L59: a container on cgroup v2 stands still, is counted, and ends with groups of its own making', async () => {
  const name = cgroupName('life')
  await withGroups({ cgroupsPath: `/${name}` }, async ({ plan: { places }, exec, pid }) => {
    exec(['/bin/sh', '-c', 'sleep 1000 & while :; do :; done'])
    await eventually(
      () => processesOf(kernel, places).length === 2,
      () => 'two processes',
    )
    freeze(kernel, places)
    assert.ok(isFrozen(kernel, places))
    assert.match(read(`${TOP}/${name}/cgroup.events`), /frozen 1/)
    thaw(kernel, places)
    mkdirSync(`${TOP}/${name}/own`)
    writeFileSync(`${TOP}/${name}/own/cgroup.procs`, String(pid))
    assert.ok(processesOf(kernel, places).includes(pid))
    const { cpu, pids, memory } = statisticsForEvents(kernel, places)
    assert.ok(cpu.usage.total > 0 && pids.current === 2 && memory.usage.usage > 0)
    killGroup(kernel, places)
    assert.deepEqual(processesOf(kernel, places), [])
  })
  assert.ok(!existsSync(`${TOP}/${name}`))
})

test('exec on cgroup v2 finds the processes where a container has moved them, and other groups by name', async () => {
  const name = cgroupName('joined')
  await withGroups({ cgroupsPath: `/${name}` }, ({ plan: { places }, another, pid }) => {
    mkdirSync(`${TOP}/${name}/own`)
    mkdirSync(`${TOP}/${name}/other`)
    writeFileSync(`${TOP}/${name}/own/cgroup.procs`, String(pid))
    writeFileSync(`${TOP}/${name}/cgroup.subtree_control`, '+memory')
    const next = another((p) => joinSteps(kernel, p, places, { pid }))
    assert.equal(pathOf(next.pid as number), `/${name}/own`)
    const other = another((p) => joinSteps(kernel, p, places, { pid, paths: ['/other'] }))
    assert.equal(pathOf(other.pid as number), `/${name}/other`)
  })
})

test('X33: running out of memory on cgroup v2 is told by the kernel', async () => {
  const resources = { memory: { limit: 16 * MIB, swap: 16 * MIB } }
  await withGroups({ cgroupsPath: `/${cgroupName('oom')}`, resources }, ({ plan: { places }, exec, pid }) => {
    const pidfd = openPidfd(kernel, pid) as number
    const watch = new GroupWatch(kernel, places, pidfd)
    try {
      exec(['/bin/sh', '-c', 'a=x; while :; do a=$a$a; done'])
      assert.equal(watch.next(30_000_000), 'oom')
      assert.equal(watch.next(30_000_000), 'ended')
    } finally {
      watch.close()
      close(kernel, pidfd)
    }
  })
})
