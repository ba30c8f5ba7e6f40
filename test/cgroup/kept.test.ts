import assert from 'node:assert/strict'
import { existsSync, mkdirSync, readFileSync, rmdirSync, writeFileSync } from 'node:fs'
import { after, before, test } from 'node:test'
import { Cgroup, type CgroupFacts, UnsupportedError } from '../../src/cgroup/index.ts'
import { returnProgram } from '../../src/cgroup/own-group.ts'
import { deviceProgram } from '../../src/features/devices/device-program.ts'
import { queryDeviceSteps } from '../../src/features/devices/device-steps.ts'
import { readCgroupFacts } from '../../src/host/process-source.ts'
import { encodeEbpf } from '../../src/linux/ebpf-instructions.ts'
import { Agent } from '../../src/process/index.ts'
import { program } from '../../src/program/index.ts'
import { eventually } from '../support/eventually.ts'
import { checkMachine } from '../support/machine-check.ts'
import { requires } from '../support/requires.ts'
import { directoryOf, freshName, isFrozen, isThere, kernelSays, makeGroup, shellIn } from './groups.ts'

const V1 = requires({ root: true, hierarchies: ['blkio'] })
const V2 = requires({ root: true, hierarchies: ['v2'] })
const ROOT = requires({ root: true })

let agent: Agent
before(async () => {
  agent = await Agent.start()
})
after(() => agent.close())

checkMachine()

/** As on a host with no group but the root, which does not tell what others have. */
async function factsWithoutFiles(): Promise<CgroupFacts> {
  const facts = await readCgroupFacts(agent)
  const { io } = facts.controllers
  assert(io)
  return { ...facts, controllers: { ...facts.controllers, io: { ...io, files: undefined } } }
}

test('G02: a limit whose file this kernel does not have is refused by name, or left out by name', V1, async () => {
  const resources = { blockIO: { leafWeight: 100 }, pids: { limit: 7 } }
  const name = freshName()
  const facts = await factsWithoutFiles()
  await assert.rejects(Cgroup.create(agent, name, resources, { facts }), (error: UnsupportedError) => {
    assert(error instanceof UnsupportedError)
    assert.equal(error.fact, 'cgroups.io')
    assert.match(error.message, /^Cannot enforce blockIO.leafWeight, because groups here have no blkio.leaf_weight/)
    return true
  })
  await using group = await Cgroup.create(agent, name, resources, { facts, bestEffort: true })
  assert.deepEqual(
    group.notApplied.map(({ limit }) => limit),
    ['blockIO.leafWeight'],
  )
  assert.equal(kernelSays(group, 'pids', 'pids.max'), '7')
})

test('G07: a group that was destroyed leaves another one of its name alone', ROOT, async () => {
  const name = freshName()
  const first = await Cgroup.create(agent, name)
  await first.destroy()
  await using second = await Cgroup.create(agent, name)
  await first.destroy({ kill: true })
  await first[Symbol.asyncDispose]()
  assert(isThere(second))
})

test('a signal to a group that stands still leaves it so', ROOT, async () => {
  await using group = await makeGroup(agent, {}, { account: ['freezer'] })
  const held = await shellIn(group, 'trap : USR1; sleep 100')
  await group.freeze()
  await group.kill('SIGUSR1')
  // The sleeper ends by it, and the group is not frozen while one of its processes is about to be gone.
  await eventually(
    () => isFrozen(group),
    () => 'frozen again',
  )
  await group.kill()
  await held.exited
})

test('X19: an update of device rules leaves filters of others in force', V2, async () => {
  await using group = await makeGroup(agent)
  const directory = directoryOf(group, 'v2')
  const attached = async (): Promise<readonly number[]> => {
    const p = program()
    const fd = p.openat('AT_FDCWD', directory, ['O_RDONLY', 'O_DIRECTORY', 'O_CLOEXEC'])
    const query = queryDeviceSteps(p, fd)
    p.close(fd)
    return (await agent.run(p)).get(query).prog_ids
  }
  const p = program()
  const target = p.openat('AT_FDCWD', directory, ['O_RDONLY', 'O_DIRECTORY', 'O_CLOEXEC'])
  const insns = encodeEbpf(deviceProgram([{ allow: false, type: 'b' }]).instructions)
  const foreign = p.bpfProgLoad({
    ...{ prog_type: 'BPF_PROG_TYPE_CGROUP_DEVICE', insns, license: 'Apache-2.0', prog_name: 'sd_devices' },
  })
  const flags = ['BPF_F_ALLOW_MULTI'] as const
  const attach = {
    target_fd: target,
    attach_bpf_fd: foreign,
    attach_type: 'BPF_CGROUP_DEVICE',
    attach_flags: flags,
  } as const
  p.bpf('BPF_PROG_ATTACH', attach)
  p.close(foreign)
  p.close(target)
  await agent.run(p)
  const [other] = await attached()
  await group.update({ devices: [{ allow: false }] })
  const [kept, ours, more] = await attached()
  assert.deepEqual([kept, more], [other, undefined])
  await group.update({ devices: [{ allow: true, type: 'c', major: 1, minor: 3 }] })
  const later = await attached()
  assert.equal(later.length, 2)
  assert(later.includes(other ?? 0) && !later.includes(ours ?? 0))
})

test('X01: the agent goes back to its own group only when no other group would lose its controllers', V2, async () => {
  for (const isLast of [true, false]) {
    await using home = await makeGroup(agent)
    const directory = directoryOf(home, 'v2')
    const leaf = `${directory}/carrel-self`
    mkdirSync(leaf)
    if (!isLast) mkdirSync(`${directory}/other`)
    const child = await agent.fork()
    const pid = child.hostPid ?? 0
    writeFileSync(`${leaf}/cgroup.procs`, String(pid))
    // What it does at its end, done while it can still be looked at.
    await child.run(returnProgram({ directory, leaf, pids: [] }, 'max'))
    const path = /^0::(.*)$/m.exec(readFileSync(`/proc/${pid}/cgroup`, 'utf8'))?.[1] ?? ''
    assert.equal(path.endsWith('/carrel-self'), !isLast)
    assert.equal(existsSync(leaf), !isLast)
    assert(!existsSync(`${leaf}-probe`))
    assert.equal(kernelSays(home, 'v2', 'cgroup.max.descendants'), 'max')
    await child.close()
    await eventually(
      () => /^populated 0$/m.test(kernelSays(home, 'v2', 'cgroup.events')),
      () => 'somebody is in it',
    )
    if (!isLast) for (const name of ['other', 'carrel-self']) rmdirSync(`${directory}/${name}`)
  }
})
