import assert from 'node:assert/strict'
import { existsSync } from 'node:fs'
import { after, before, test } from 'node:test'
import { Cgroup, InvalidInputError, UnsupportedError } from '../../src/cgroup/index.ts'
import { Agent } from '../../src/process/index.ts'
import { eventually } from '../support/eventually.ts'
import { checkMachine } from '../support/machine-check.ts'
import { requires } from '../support/requires.ts'
import { kernelSays, makeGroup, pidsIn, shellIn } from './groups.ts'

const ROOT = requires({ root: true })

let agent: Agent
before(async () => {
  agent = await Agent.start()
})
after(() => agent.close())

checkMachine()

test('L59: statistics() says what the files of the group say', ROOT, async () => {
  await using group = await makeGroup(agent, { memory: { limit: 2 ** 26 }, pids: { limit: 20 } }, { all: true })
  await shellIn(group, 'i=0; while [ $i -lt 20000 ]; do i=$((i+1)); done; sleep 100 & sleep 100')
  await eventually(
    () => pidsIn(group)[0]?.length === 3,
    () => 'it does not start',
  )
  const { cpu, memory, pids, freezer, io } = await group.statistics()
  assert.equal(pids?.current, 3)
  assert.equal(pids.current, Number(kernelSays(group, 'pids', 'pids.current')))
  assert.equal(pids.limit, 20)
  assert.equal(memory?.limitBytes, 2 ** 26)
  assert((memory.currentBytes ?? 0) > 0 && (memory.stat?.['pgfault'] ?? 0) > 0)
  assert((cpu?.usageUs ?? 0) > 1000)
  assert.equal(freezer, 'thawed')
  assert(io)
  const some = await group.statistics(['pids'])
  assert.deepEqual(Object.keys(some), ['pids'])
})

test(
  'L59: many groups are asked in one pass, in their order, and one that is gone has nothing to tell',
  ROOT,
  async () => {
    const groups: Cgroup[] = []
    try {
      for (let i = 0; i < 40; i++) groups.push(await makeGroup(agent, { pids: { limit: i + 1 } }))
      await groups[7]?.destroy()
      for (let pass = 0; pass < 2; pass++) {
        const all = await Cgroup.statistics(agent, groups)
        assert.deepEqual(
          all.map(({ pids }) => pids?.limit),
          groups.map((_, i) => (i === 7 ? undefined : i + 1)),
        )
        assert.deepEqual(all[7], {})
      }
      // Who is asked about changes between two passes, in the middle of what was asked about together.
      await groups[20]?.destroy()
      groups.splice(3, 0, await makeGroup(agent, { pids: { limit: 100 } }))
      const some = groups.filter((_, i) => i % 5 !== 0).reverse()
      for (const asked of [some, groups, some, [...some, ...some]]) {
        const all = await Cgroup.statistics(agent, asked)
        assert.deepEqual(
          all.map(({ pids }) => pids?.limit),
          asked.map((group) => {
            const [text] = existsSync(group.directories[0] ?? '') ? [kernelSays(group, 'pids', 'pids.max')] : []
            return text === undefined ? undefined : Number(text)
          }),
        )
      }
    } finally {
      for (const group of groups) await group.destroy()
    }
  },
)

test('a file that is longer than its first room is read whole', ROOT, async () => {
  await using group = await makeGroup(agent, {}, { account: ['memory'] })
  const { memory } = await group.statistics(['memory-stat', 'memory'])
  const lines = kernelSays(group, 'memory', 'memory.stat').split('\n')
  assert.deepEqual(
    Object.keys(memory?.stat ?? {}),
    lines.map((line) => line.split(' ')[0]),
  )
})

test('update() changes what is named and nothing else, in the kernel', ROOT, async () => {
  await using group = await makeGroup(agent, { memory: { limit: 2 ** 26 }, pids: { limit: 20 } })
  assert.deepEqual(await group.update({ pids: { limit: 30 } }), [])
  assert.equal(kernelSays(group, 'pids', 'pids.max'), '30')
  assert.equal((await group.statistics(['memory'])).memory?.limitBytes, 2 ** 26)
  await group.update({ memory: { limit: 2 ** 27 } })
  assert.equal((await group.statistics(['memory'])).memory?.limitBytes, 2 ** 27)
  assert.equal(kernelSays(group, 'pids', 'pids.max'), '30')
})

test(
  'update() refuses by its name what the live group has no controller for, before it changes anything',
  ROOT,
  async () => {
    await using group = await makeGroup(agent, { pids: { limit: 20 } })
    const wanted = { pids: { limit: 30 }, memory: { limit: 2 ** 26 } }
    await assert.rejects(group.update(wanted), (error: UnsupportedError) => {
      assert(error instanceof UnsupportedError)
      assert.match(error.message, /Cannot enforce memory(\.limit)?, because the group was made without/)
      return true
    })
    assert.equal(kernelSays(group, 'pids', 'pids.max'), '20')
    const [left] = await group.update(wanted, { bestEffort: true })
    assert.equal(left?.controller, 'memory')
    assert.equal(kernelSays(group, 'pids', 'pids.max'), '30')
    await assert.rejects(group.update({ pids: { limit: 1.5 } }), InvalidInputError)
  },
)
