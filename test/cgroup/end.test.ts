import assert from 'node:assert/strict'
import { existsSync, mkdirSync, readFileSync } from 'node:fs'
import { after, before, test } from 'node:test'
import {
  Cgroup,
  findOwnedGroups,
  formatGroupName,
  ownerSuffix,
  ownOwner,
  removeGroups,
  StateError,
} from '../../src/cgroup/index.ts'
import { Agent } from '../../src/process/index.ts'
import { checkMachine } from '../support/machine-check.ts'
import { requires } from '../support/requires.ts'
import { eventually } from '../support/eventually.ts'
import { startBuilt } from './built-script.ts'
import { freshName, isThere, makeGroup, pidsIn, shellIn } from './groups.ts'

const ROOT = requires({ root: true })

let agent: Agent
before(async () => {
  agent = await Agent.start()
})
after(() => agent.close())

checkMachine()

test('G07, L61: destroy() removes a group from every hierarchy, and once more does nothing', ROOT, async () => {
  const group = await makeGroup(agent, {}, { all: true })
  await group.destroy()
  for (const directory of group.directories) assert(!existsSync(directory), directory)
  await group.destroy()
})

test('D-A26, D-L16: a group with living processes is not removed, and the error names them', ROOT, async () => {
  await using group = await makeGroup(agent, {}, { all: true })
  await using inner = await Cgroup.create(agent, 'inner', {}, { parent: group })
  const program = await shellIn(inner, 'exec sleep 100')
  await assert.rejects(group.destroy(), (error: StateError) => {
    assert(error instanceof StateError)
    assert.equal(error.state, 'populated')
    assert(error.message.includes(`process ${program.hostPid} lives in it`), error.message)
    return true
  })
  for (const directory of [...group.directories, ...inner.directories]) assert(existsSync(directory), directory)
  assert(
    pidsIn(inner)
      .flat()
      .includes(program.hostPid ?? 0),
  )
})

test(
  'X03, L61: destroy({ kill }) ends what is in it, removes groups below, deepest first, and is gone when it resolves',
  ROOT,
  async () => {
    const group = await makeGroup(agent, {}, { all: true })
    const inner = await Cgroup.create(agent, ['a', 'b', 'c'], {}, { parent: group })
    const program = await shellIn(inner, 'sleep 100 & sleep 100 & wait')
    for (const directory of group.directories) mkdirSync(`${directory}/extra`)
    await group.destroy({ kill: true })
    assert(!isThere(group))
    assert.equal((await program.exited).kind, 'signaled')
    await inner.destroy()
  },
)

test('L61: leaving the scope of a group ends and removes it', ROOT, async () => {
  let left: Cgroup
  let exited: Promise<unknown>
  {
    await using group = await makeGroup(agent)
    exited = (await shellIn(group, 'exec sleep 100')).exited
    left = group
  }
  assert(!isThere(left))
  await exited
})

test(
  'X03: removing is tried again while the last process is not quite gone, and ends when there was enough time',
  ROOT,
  async () => {
    const group = await makeGroup(agent, {}, { all: true })
    // A big process takes the kernel some time to take apart.
    const program = await group.exec(
      'python3',
      ['python3', '-c', 'x = bytearray(2**27); print(len(x), flush=True); input()'],
      {
        env: { PATH: process.env['PATH'] ?? '' },
      },
    )
    await program.stdout.take(1).toArray()
    program.stdin.end('\n')
    await eventually(
      () => pidsIn(group).flat().length === 0,
      () => 'it stays',
    )
    await group.destroy()
    assert(!isThere(group))
    await program.exited
  },
)

test('D-R03: nothing is left to a release agent', ROOT, async () => {
  await using group = await makeGroup(agent, {}, { all: true })
  for (const { directory, version } of group.places) {
    if (version === 1) assert.equal(readFileSync(`${directory}/notify_on_release`, 'utf8'), '0\n', directory)
  }
})

test('X03: groups are judged by the life of the owner that their name tells, and by nothing else', ROOT, async () => {
  const owner = ownOwner()
  const id = `test-${process.pid}`
  const names = {
    alive: `carrel-${id}.${ownerSuffix()}`,
    dead: formatGroupName(id, { ...owner, start: owner.start - 100 }),
    unknown: formatGroupName(id, { ...owner, pidns: owner.pidns - 1 }),
  }
  const groups: Cgroup[] = []
  try {
    for (const name of Object.values(names)) groups.push(await Cgroup.create(agent, name, {}, { all: true }))
    const found = (await findOwnedGroups(agent)).filter((group) => group.id === id)
    assert.deepEqual(Object.fromEntries(found.map(({ life, name }) => [life, name])), names)
    const dead = found.find(({ life }) => life === 'dead')
    const program = await shellIn(groups[1] as Cgroup, 'exec sleep 100')
    await removeGroups(agent, dead?.places ?? [])
    assert.equal((await program.exited).kind, 'signaled')
    assert.deepEqual(groups.map(isThere), [true, false, true])
    await removeGroups(agent, dead?.places ?? [])
  } finally {
    for (const group of groups) await group.destroy({ kill: true })
  }
})

/** Each starts a Node, which takes a machine in software some seconds. */
const ROUNDS = process.env['CARREL_VM'] === undefined ? 5 : 1

test(
  'X03: what a killed Node and its agent leave is found by its owner, and removed',
  { ...ROOT, timeout: 240_000 },
  async () => {
    for (let round = 0; round < ROUNDS; round++) {
      const script = startBuilt('make-and-hang.mjs', freshName())
      const told = JSON.parse(await script.line) as { pid: number; agent: number }
      assert.equal(told.pid, script.pid)
      await new Promise((resolve) => setTimeout(resolve, 7 * round))
      // The agent first: it would tidy up.
      process.kill(told.agent, 'SIGKILL')
      script.kill()
      await script.ended
      const mine = (await findOwnedGroups(agent)).filter(({ owner }) => owner.pid === told.pid)
      assert(mine.length > 0)
      for (const { life, places } of mine) {
        assert.equal(life, 'dead')
        await removeGroups(agent, places)
      }
      assert.deepEqual(
        (await findOwnedGroups(agent)).filter(({ owner }) => owner.pid === told.pid),
        [],
      )
    }
  },
)

test('L61: a killed Node leaves no group as long as its agent lives', { ...ROOT, timeout: 240_000 }, async () => {
  for (let round = 0; round < ROUNDS; round++) {
    const script = startBuilt('make-and-hang.mjs', freshName())
    const { pid } = JSON.parse(await script.line) as { pid: number }
    await new Promise((resolve) => setTimeout(resolve, 11 * round))
    script.kill()
    await script.ended
    const mine = async () => (await findOwnedGroups(agent)).filter(({ owner }) => owner.pid === pid)
    await eventually(
      async () => (await mine()).length === 0,
      () => `groups of ${pid} are left`,
    )
  }
})
