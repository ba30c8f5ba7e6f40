import assert from 'node:assert/strict'
import { test } from 'node:test'
import { Agent } from '../../../src/process/index.ts'
import { checkMachine } from '../../support/machine-check.ts'
import { statusField } from '../../support/proc.ts'
import { requires } from '../../support/requires.ts'

checkMachine()

const ROOT = requires({ root: true })

/** Real, effective, saved and file-system id, or the groups, as the kernel tells them. */
const ids = (child: Agent, field: 'Uid' | 'Gid' | 'Groups'): number[] =>
  statusField(child.pid, field).split(/\s+/).filter(Boolean).map(Number)

test('C73: setgid() sets all group ids when privileged, and is refused otherwise', ROOT, async () => {
  await using agent = await Agent.start()
  const child = await agent.fork()
  await child.sys.setgid(4_000_000_003)
  assert.deepEqual(ids(child, 'Gid'), Array(4).fill(4_000_000_003))
  await child.sys.setuid(12_345)
  await assert.rejects(child.sys.setgid(7), { errno: 'EPERM' })
  await child.sys.setgid(4_000_000_003)
})

test('C74: setgroups() replaces the supplementary groups; more than 65536 are refused', ROOT, async () => {
  await using agent = await Agent.start()
  const child = await agent.fork()
  await child.sys.setgroups([5, 200, 70_000])
  assert.deepEqual(ids(child, 'Groups'), [5, 200, 70_000])
  await child.sys.setgroups([])
  assert.deepEqual(ids(child, 'Groups'), [])
  const many = Array.from({ length: 65_536 }, (_, index) => index)
  await child.sys.setgroups(many)
  assert.equal((await child.sys.getgroups()).length, many.length)
  await assert.rejects(child.sys.setgroups([...many, 1]), { errno: 'EINVAL' })
  await child.sys.setuid(12_345)
  await assert.rejects(child.sys.setgroups([]), { errno: 'EPERM' })
})

test('C81: setresgid() sets real, effective and saved id each, -1 leaves one as it is', ROOT, async () => {
  await using agent = await Agent.start()
  const child = await agent.fork()
  await child.sys.setresgid(10, 20, 30)
  assert.deepEqual(ids(child, 'Gid'), [10, 20, 30, 20])
  await child.sys.setresgid(-1, 25, -1)
  assert.deepEqual(ids(child, 'Gid'), [10, 25, 30, 25])
  await child.sys.setresuid(12_345, 12_345, 12_345)
  await child.sys.setresgid(30, 10, -1)
  assert.deepEqual(ids(child, 'Gid'), [30, 10, 30, 10])
  await assert.rejects(child.sys.setresgid(-1, 25, -1), { errno: 'EPERM' })
})

test(
  'C82: setresuid() sets real, effective and saved id each; what was given away does not come back',
  ROOT,
  async () => {
    await using agent = await Agent.start()
    const child = await agent.fork()
    await child.sys.setresuid(1000, 2000, 0)
    assert.deepEqual(ids(child, 'Uid'), [1000, 2000, 0, 2000])
    await child.sys.setresuid(-1, 0, -1)
    assert.deepEqual(ids(child, 'Uid'), [1000, 0, 0, 0])
    await child.sys.setresuid(3_000_000_001, 3_000_000_001, 3_000_000_001)
    assert.deepEqual(ids(child, 'Uid'), Array(4).fill(3_000_000_001))
    await assert.rejects(child.sys.setresuid(-1, 0, -1), { errno: 'EPERM' })
    await assert.rejects(child.sys.setresuid(-2, -1, -1), { name: 'InvalidInputError' })
  },
)

test('C85: setuid() sets all user ids when privileged, and then none', ROOT, async () => {
  await using agent = await Agent.start()
  const child = await agent.fork()
  await child.sys.setuid(12_345)
  assert.deepEqual(ids(child, 'Uid'), Array(4).fill(12_345))
  assert.equal(statusField(child.pid, 'CapEff'), '0000000000000000')
  await assert.rejects(child.sys.setuid(0), { errno: 'EPERM' })
})
