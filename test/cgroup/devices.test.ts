import assert from 'node:assert/strict'
import { mkdtempSync, readFileSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { test } from 'node:test'
import { SyscallError, UnsupportedError } from '../../src/base/errors.ts'
import { DEFAULT_DEVICE_RULES } from '../../src/features/devices/default-rules.ts'
import {
  deviceLinesV1,
  deviceUpdateV1,
  type DeviceWrite,
  readDeviceList,
} from '../../src/features/devices/device-lines.ts'
import { deviceProgram } from '../../src/features/devices/device-program.ts'
import type { DeviceRule } from '../../src/features/devices/device-rule.ts'
import {
  DEVICE_FILTER_NAME,
  deviceRefusal,
  deviceSteps,
  deviceTrialSteps,
  queryDeviceSteps,
  type Replaced,
  verifierLog,
} from '../../src/features/devices/device-steps.ts'
import { printEbpfInstruction } from '../../src/linux/ebpf-instructions.ts'
import { type Fd, makedev } from '../../src/linux/index.ts'
import { Agent } from '../../src/process/index.ts'
import { type Program, program } from '../../src/program/index.ts'
import type { Ref } from '../../src/linux/ref.ts'
import { checkMachine } from '../support/machine-check.ts'
import { eventually } from '../support/eventually.ts'
import { requires } from '../support/requires.ts'
import { deedsOf, FEW_RULES, OTHER_RULES, outcome, TestGroup } from './device-groups.ts'

checkMachine()

const ROOT = requires({ root: true })
const V1 = requires({ root: true, hierarchies: ['devices'] })
const V2 = requires({ root: true, hierarchies: ['v2'] })

/** Runs steps that want the directory of a group. */
async function inGroup<T>(
  agent: Agent,
  group: TestGroup,
  steps: (p: Program, directory: Ref<Fd>) => Ref<T> | undefined,
) {
  const p = program()
  const directory = p.openat('AT_FDCWD', group.directory, ['O_RDONLY', 'O_DIRECTORY', 'O_CLOEXEC'])
  const wanted = steps(p, directory)
  p.close(directory)
  const result = await agent.run(p)
  return wanted && result.get(wanted)
}

const filter = (agent: Agent, group: TestGroup, rules: readonly DeviceRule[], replace?: Replaced) =>
  inGroup(agent, group, (p, directory) => {
    deviceSteps(p, directory, rules, replace)
    return undefined
  })

async function attached(agent: Agent, group: TestGroup, effective = false): Promise<readonly number[]> {
  const found = await inGroup(agent, group, (p, directory) => queryDeviceSteps(p, directory, effective))
  assert.ok(found)
  return found.prog_ids
}

const FEW = {
  'read null': 'ok',
  'write null': 'ok',
  'both null': 'ok',
  'read zero': 'ok',
  'read urandom': 'EPERM',
  'read kmsg': 'EPERM',
}
const OTHER = { ...FEW, 'write null': 'EPERM', 'both null': 'EPERM', 'read urandom': 'ok' }
const ALL = { ...OTHER, 'write null': 'ok', 'both null': 'ok', 'read kmsg': 'ok' }

/** The outcome of making nodes for null and urandom. */
async function nodesOf(agent: Agent): Promise<readonly string[]> {
  const folder = mkdtempSync(join(tmpdir(), 'carrel-nodes-'))
  const make = (minor: number) =>
    outcome(() => agent.sys.mknodat('AT_FDCWD', join(folder, String(minor)), 0o20600, makedev(1, minor)))
  const made = [await make(3), await make(9)]
  rmSync(folder, { recursive: true })
  return made
}

test('X19: a filter of cgroup v2 lets a process use the devices of its rules, and no other', V2, async () => {
  await using group = new TestGroup('filter', 'v2')
  await using agent = await Agent.start()
  const child = await agent.fork()
  group.write('cgroup.procs', String(child.pid))
  assert.deepEqual(await deedsOf(child), ALL)
  await filter(agent, group, FEW_RULES)
  assert.deepEqual(await deedsOf(child), FEW)
  assert.deepEqual(await nodesOf(child), ['ok', 'EPERM'])
  // Whoever is not in the group is not asked.
  assert.deepEqual(await deedsOf(agent), ALL)
})

test(
  'X19: an update replaces the filter, at once or with both in force for a moment, and one is left',
  V2,
  async () => {
    await using group = new TestGroup('replace', 'v2')
    await using agent = await Agent.start()
    const child = await agent.fork()
    group.write('cgroup.procs', String(child.pid))
    await filter(agent, group, FEW_RULES)
    const [first, ...others] = await attached(agent, group)
    assert.ok(first !== undefined && others.length === 0)
    await filter(agent, group, OTHER_RULES, { id: first, atOnce: true })
    assert.deepEqual(await deedsOf(child), OTHER)
    const [second, ...more] = await attached(agent, group)
    assert.ok(second !== undefined && second !== first && more.length === 0)
    await filter(agent, group, FEW_RULES, { id: second, atOnce: false })
    assert.deepEqual(await deedsOf(child), FEW)
    const [third, ...rest] = await attached(agent, group)
    assert.ok(third !== undefined && third !== second && rest.length === 0)
    await filter(agent, group, [], { id: third, atOnce: true })
    assert.deepEqual([await attached(agent, group), await deedsOf(child)], [[], ALL])
  },
)

test('X19: while a filter is replaced nothing is allowed that old and new rules both deny', V2, async () => {
  await using group = new TestGroup('moment', 'v2')
  await using agent = await Agent.start()
  const updater = await agent.fork()
  const child = await agent.fork()
  group.write('cgroup.procs', String(child.pid))
  await filter(updater, group, FEW_RULES)
  let over = false
  const tries = (async () => {
    const seen = new Set<string>()
    while (!over) {
      const p = program()
      const opened = Array.from({ length: 50 }, () =>
        p.tolerate('EPERM').openat('AT_FDCWD', '/dev/kmsg', ['O_RDONLY', 'O_CLOEXEC']),
      )
      const result = await child.run(p)
      for (const each of opened) seen.add(String(result.get(each)))
    }
    return [...seen]
  })()
  for (let round = 0; round < 20; round++) {
    const [id] = await attached(updater, group)
    assert.ok(id !== undefined)
    await filter(updater, group, round % 2 ? FEW_RULES : OTHER_RULES, { id, atOnce: round % 4 < 2 })
  }
  over = true
  assert.deepEqual(await tries, ['-1'])
})

test(
  'X19: a group below is bound by the filters of both, and the kernel frees them with their groups',
  V2,
  async () => {
    await using agent = await Agent.start()
    const ids: number[] = []
    {
      await using group = new TestGroup('above', 'v2')
      await using below = new TestGroup('below', group)
      const child = await agent.fork()
      below.write('cgroup.procs', String(child.pid))
      await filter(agent, group, FEW_RULES)
      await filter(agent, below, OTHER_RULES)
      const both = { ...OTHER, 'read urandom': 'EPERM' }
      assert.deepEqual(await deedsOf(child), both)
      ids.push(...(await attached(agent, below, true)))
      assert.equal(ids.length, 2)
      await child.close()
    }
    // An open program lives on.
    const look = async (prog_id: number) => agent.sys.close(await agent.sys.bpfProgGetFdById({ prog_id }))
    const gone = async (prog_id: number) => (await outcome(() => look(prog_id))) === 'ENOENT'
    for (const id of ids)
      await eventually(
        () => gone(id),
        () => `program ${id} is still there`,
      )
  },
)

test('X19: the kernel knows a filter by its name, and its verifier prints it as we do', V2, async () => {
  await using group = new TestGroup('name', 'v2')
  await using agent = await Agent.start()
  await filter(agent, group, DEFAULT_DEVICE_RULES)
  const [prog_id] = await attached(agent, group)
  assert.ok(prog_id !== undefined)
  const fd = await agent.sys.bpfProgGetFdById({ prog_id })
  const { type, id, name, xlated_prog_len } = await agent.sys.bpfProgInfo(fd)
  await agent.sys.close(fd)
  const { instructions } = deviceProgram(DEFAULT_DEVICE_RULES)
  assert.deepEqual([type, id, name], ['BPF_PROG_TYPE_CGROUP_DEVICE', prog_id, DEVICE_FILTER_NAME])
  assert.equal(xlated_prog_len, 8 * instructions.length)
  const p = program()
  const log = deviceTrialSteps(p, DEFAULT_DEVICE_RULES, true)
  await agent.run(p)
  const lines = verifierLog(log).split('\n')
  for (const [at, instruction] of instructions.entries()) {
    const line = `${at}: ${printEbpfInstruction(instruction)}`
    assert.ok(
      lines.some((each) => each === line || each.startsWith(`${line} `) || each.startsWith(`${line};`)),
      `${line} is not in the log`,
    )
  }
})

test('X19: every shape of rules makes a program that the verifier takes', ROOT, async () => {
  await using agent = await Agent.start()
  const shapes: readonly (readonly DeviceRule[])[] = [
    [{ allow: true }],
    [{ allow: false }],
    [{ allow: true }, { allow: false, access: 'w' }],
    [{ allow: true, access: 'r' }],
    [{ allow: true }, { allow: false, type: 'b' }, { allow: true, type: 'b', major: 8, access: 'r' }],
    [{ allow: false }, { allow: true, type: 'c', minor: 3, access: 'rw' }],
    Array.from({ length: 700 }, (_, minor) => ({ allow: minor % 3 > 0, type: 'b', major: 8, minor, access: 'rw' })),
  ]
  for (const rules of shapes) {
    const p = program()
    deviceTrialSteps(p, rules)
    await agent.run(p)
  }
})

test('X19: a failed load is told with the reason that the verifier gives', ROOT, async () => {
  await using agent = await Agent.start()
  const p = program()
  const log = deviceTrialSteps(p, FEW_RULES)
  const { failure } = await agent.attempt(p)
  assert.deepEqual([failure, verifierLog(log).startsWith('processed ')], [undefined, true])
  const child = await agent.fork()
  await child.sys.setresuid(12_345, 12_345, 12_345)
  await assert.rejects(
    async () => {
      const tried = program()
      deviceTrialSteps(tried, FEW_RULES)
      await child.run(tried)
    },
    (error) => {
      assert.ok(error instanceof SyscallError)
      const refusal = deviceRefusal(error)
      assert.ok(refusal instanceof UnsupportedError)
      assert.match(
        refusal.message,
        /^The kernel refuses the device filter \(BPF_PROG_LOAD: EPERM\): .*CAP_SYS_ADMIN.*nodev/,
      )
      return true
    },
  )
})

function writeAll(group: TestGroup, writes: readonly DeviceWrite[]): void {
  for (const { file, value } of writes) group.write(file, value)
}

const listOf = (group: TestGroup) => readDeviceList(readFileSync(group.file('devices.list'), 'utf8'))

test('L57: the lists of cgroup v1 let a process use the devices of its rules, and no other', V1, async () => {
  await using group = new TestGroup('lists', 'devices')
  await using agent = await Agent.start()
  const child = await agent.fork()
  group.write('cgroup.procs', String(child.pid))
  writeAll(group, deviceLinesV1(FEW_RULES))
  assert.deepEqual(await deedsOf(child), FEW)
  assert.deepEqual(await nodesOf(child), ['ok', 'EPERM'])
  writeAll(
    group,
    deviceUpdateV1(listOf(group), [{ allow: false }, { allow: true, type: 'c', major: 1, access: 'r' }]).writes,
  )
  assert.deepEqual(await deedsOf(child), { ...OTHER, 'read kmsg': 'ok' })
  writeAll(group, deviceUpdateV1(listOf(group), FEW_RULES).writes)
  assert.deepEqual(await deedsOf(child), FEW)
  writeAll(group, deviceUpdateV1(listOf(group), []).writes)
  assert.deepEqual(await deedsOf(child), ALL)
})

async function assertDefaultRules(agent: Agent, group: TestGroup): Promise<void> {
  const child = await agent.fork()
  group.write('cgroup.procs', String(child.pid))
  assert.deepEqual(await deedsOf(child), { ...ALL, 'read kmsg': 'EPERM' })
  assert.deepEqual(await nodesOf(child), ['ok', 'ok'])
  const ptmx = await child.sys.openat('AT_FDCWD', '/dev/ptmx', ['O_RDWR', 'O_NOCTTY'])
  await child.sys.close(ptmx)
  await child.close()
}

test('L57: the default rules let a process make any node, and use the harmless ones, by v1’s lists', V1, async () => {
  await using group = new TestGroup('default', 'devices')
  await using agent = await Agent.start()
  writeAll(group, deviceLinesV1(DEFAULT_DEVICE_RULES))
  await assertDefaultRules(agent, group)
})

test('L57: the default rules let a process make any node, and use the harmless ones, by a filter', V2, async () => {
  await using group = new TestGroup('default', 'v2')
  await using agent = await Agent.start()
  await filter(agent, group, DEFAULT_DEVICE_RULES)
  await assertDefaultRules(agent, group)
})

test('L57: the list that the kernel keeps is the one that was meant', V1, async () => {
  await using group = new TestGroup('kept', 'devices')
  writeAll(group, deviceLinesV1(DEFAULT_DEVICE_RULES))
  const lines = readFileSync(group.file('devices.list'), 'utf8').trim().split('\n')
  assert.deepEqual(
    lines.toSorted(),
    [
      'b *:* m',
      'c *:* m',
      ...['10:200', '136:*', '1:3', '1:5', '1:7', '1:8', '1:9', '4:0', '4:1', '5:0', '5:1', '5:2'].map(
        (n) => `c ${n} rwm`,
      ),
    ].toSorted(),
  )
  // With a group below it, the kernel refuses another default, which no list that denies by default can do without here.
  await using below = new TestGroup('below', group)
  const update = deviceUpdateV1(listOf(group), [{ allow: true }, { allow: false, type: 'c', major: 1, minor: 11 }])
  assert.deepEqual(
    [update.changesDefault, update.opens, below.directory.startsWith(group.directory)],
    [true, true, true],
  )
  assert.throws(() => writeAll(group, update.writes), { code: 'EINVAL' })
  const all = deviceUpdateV1(listOf(group), [{ allow: true }])
  assert.deepEqual([all.changesDefault, all.opens], [false, false])
  writeAll(group, all.writes)
  assert.deepEqual(readFileSync(group.file('devices.list'), 'utf8').trim().split('\n').toSorted(), [
    'b *:* rwm',
    'c *:* rwm',
  ])
})
