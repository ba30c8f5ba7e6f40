import assert from 'node:assert/strict'
import { test } from 'node:test'
import { Cgroup } from '../../src/cgroup/index.ts'
import { Agent } from '../../src/process/index.ts'
import { cgroupName, checkMachine } from '../support/machine-check.ts'
import { descriptorsOf } from '../support/proc.ts'
import { requires } from '../support/requires.ts'

checkMachine()

// A machine in software is for the kernel's sake, not for the numbers'.
const CYCLES = process.env['CARREL_VM'] === undefined ? 1000 : 100
/** What the garbage collector may not have got to yet, in bytes. */
const SLACK = 24 * 2 ** 20

test(
  'L61, X03: 1,000 groups with all controllers come and go, and nothing stays or grows',
  requires({ root: true }),
  async () => {
    await using agent = await Agent.start()
    const name = cgroupName('cycle')
    const pid = agent.hostPid ?? 0
    const cycle = async (i: number) => {
      const group = await Cgroup.create(
        agent,
        `${name}-${i}`,
        { pids: { limit: 9 }, memory: { limit: 2 ** 25 } },
        { all: true },
      )
      if (i % 10 === 0) await group.statistics()
      await group.destroy()
    }
    for (let i = 0; i < 100; i++) await cycle(i)
    const earlier = { own: descriptorsOf('self').size, agent: descriptorsOf(pid).size, heap: process.memoryUsage().rss }
    for (let i = 0; i < CYCLES; i++) await cycle(i)
    assert.equal(descriptorsOf('self').size, earlier.own)
    assert.equal(descriptorsOf(pid).size, earlier.agent)
    assert(process.memoryUsage().rss - earlier.heap < SLACK, `${process.memoryUsage().rss - earlier.heap}`)
    const listed = await Cgroup.list(agent)
    assert.deepEqual(
      listed.filter(({ names }) => names[0]?.startsWith(name)),
      [],
    )
  },
)
