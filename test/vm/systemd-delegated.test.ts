import assert from 'node:assert/strict'
import { existsSync, mkdirSync, readFileSync, rmdirSync, writeFileSync } from 'node:fs'
import { test } from 'node:test'
import { delegatedScope } from '../../src/cgroup/systemd/index.ts'
import { Agent } from '../../src/process/index.ts'
import { gone, groupOf, ORDINARY, shown, waiting } from './systemd-units.ts'

// As root and as an ordinary user: a root agent gets a scope of its own, and groups are made by files beside it.

const MIB = 2 ** 20

/** As root the system's own controllers, as a user what Debian gives to user@.service. */
const CONTROLLERS = ORDINARY ? ['cpu', 'memory', 'pids'] : ['cpu', 'cpuset', 'io', 'memory', 'pids']

test('L58: a root agent has a delegated scope of its own, in which it is in a leaf', async () => {
  const agent = await Agent.start()
  const { unit, controlGroup, directory = '', leaf, places } = await delegatedScope(agent)
  try {
    assert.equal(unit, `carrel-${agent.pid}.scope`)
    assert.equal(groupOf(agent.pid), `${controlGroup}/carrel-self`)
    assert.equal(leaf, `${directory}/carrel-self`)
    assert.equal(readFileSync(`${directory}/cgroup.procs`, 'utf8'), '')
    const there = readFileSync(`${directory}/cgroup.controllers`, 'utf8').split(/\s+/)
    assert.deepEqual(
      CONTROLLERS.filter((name) => !there.includes(name)),
      [],
    )
    assert.equal(shown(unit, 'Delegate'), 'yes')
    await assert.rejects(delegatedScope(agent, { slice: 'a b.slice' }), /slice/)
  } finally {
    await agent.close()
  }
  await gone(unit, places)
})

test('L58: groups beside the leaf get every controller, and their limits are enforced', async () => {
  const agent = await Agent.start()
  const { unit, directory = '', places } = await delegatedScope(agent)
  const group = `${directory}/box`
  try {
    writeFileSync(`${directory}/cgroup.subtree_control`, CONTROLLERS.map((name) => `+${name}`).join(' '))
    mkdirSync(group)
    writeFileSync(`${group}/memory.max`, String(16 * MIB))
    writeFileSync(`${group}/memory.swap.max`, '0')
    writeFileSync(`${group}/pids.max`, '4')
    const hog = await agent.fork()
    await agent.sys.mkdir(`${group}/unused`, 0o755)
    rmdirSync(`${group}/unused`)
    writeFileSync(`${group}/cgroup.procs`, String(hog.hostPid))
    // Alone in its group: of several processes the kernel may have to kill more than one.
    const child = await hog.exec('/bin/sh', ['sh', '-c', 's=x; while :; do s=$s$s; done'])
    const exit = await child.exited
    assert.equal(exit.kind === 'signaled' && exit.signal, 'SIGKILL')
    assert.match(readFileSync(`${group}/memory.events`, 'utf8'), /^oom_kill 1$/m)
    await agent.sys.rmdir(group)
  } finally {
    await agent.close()
  }
  await gone(unit, places)
})

test('L58: the scope of an agent that is killed goes with it, and with all groups that were made in it', async () => {
  const agent = await Agent.start()
  const { unit, directory = '', places } = await delegatedScope(agent)
  mkdirSync(`${directory}/left/below`, { recursive: true })
  process.kill(agent.pid, 'SIGKILL')
  await agent.exited
  await gone(unit, places)
  assert.equal(existsSync(directory), false)
})

test('L58: a pid whose name is still in use by another scope gets a name with its start', async () => {
  const agent = await Agent.start()
  const first = await delegatedScope(agent)
  const held = waiting()
  writeFileSync(`${first.directory}/carrel-self/cgroup.procs`, String(held.pid))
  try {
    const second = await delegatedScope(agent)
    assert.match(second.unit, new RegExp(`^carrel-${agent.pid}-\\d+\\.scope$`))
    assert.equal(groupOf(agent.pid), `${second.controlGroup}/carrel-self`)
    assert.equal(groupOf(held.pid), `${first.controlGroup}/carrel-self`)
    await agent.close()
    await gone(second.unit, second.places)
  } finally {
    await agent.close()
    await held.kill()
  }
  await gone(first.unit, first.places)
})
