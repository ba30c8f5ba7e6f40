import assert from 'node:assert/strict'
import { existsSync, mkdirSync, readdirSync, readFileSync, rmdirSync, statSync } from 'node:fs'
import { after, before, test } from 'node:test'
import { Cgroup, InvalidInputError, SyscallError, UnsupportedError } from '../../src/cgroup/index.ts'
import { factsOf } from '../../src/cgroup/caller-facts.ts'
import { Agent } from '../../src/process/index.ts'
import { checkMachine } from '../support/machine-check.ts'
import { requires } from '../support/requires.ts'
import { directoryOf, freshName, isThere, kernelSays, makeGroup, shellIn } from './groups.ts'

const ROOT = requires({ root: true })

let agent: Agent
before(async () => {
  agent = await Agent.start()
})
after(() => agent.close())

checkMachine()

test(
  'G01, G02: create() makes a directory in every hierarchy, mode 0755, and nothing when a name is taken',
  ROOT,
  async () => {
    await using group = await makeGroup(agent, {}, { all: true })
    const { controllers, unified } = await factsOf(agent)
    const parents = new Set([...Object.values(controllers), ...(unified ? [unified] : [])].map(({ parent }) => parent))
    assert.equal(group.places.length, parents.size)
    for (const directory of group.directories) {
      assert(readdirSync(directory).includes('cgroup.procs'), directory)
      assert.equal(statSync(directory).mode & 0o777, 0o755)
    }
    await assert.rejects(Cgroup.create(agent, group.names, {}, { all: true }), (error: SyscallError) => {
      assert.equal(error.errno, 'EEXIST')
      assert.match(error.message, /a group of this name exists/)
      return true
    })
    for (const directory of group.directories) assert(existsSync(directory), 'what was there stays')
  },
)

test('G02, D-N03: limits are in place when create() resolves, in the kernel’s words', ROOT, async () => {
  await using group = await makeGroup(agent, {
    memory: { limit: 32 * 2 ** 20, swap: 64 * 2 ** 20 },
    pids: { limit: 7 },
  })
  assert.equal(kernelSays(group, 'pids', 'pids.max'), '7')
  const place = group.places.find(({ controllers }) => controllers.includes('memory'))
  const file = place?.version === 1 ? 'memory.limit_in_bytes' : 'memory.max'
  assert.equal(kernelSays(group, 'memory', file), String(32 * 2 ** 20))
})

test(
  'G03: a list of names makes each level, shares those above, and the last to leave removes them',
  ROOT,
  async () => {
    const top = freshName()
    const first = await Cgroup.create(agent, [top, 'guest1'], { pids: { limit: 5 } })
    const second = await Cgroup.create(agent, [top, 'guest2'], { pids: { limit: 6 } })
    assert.deepEqual(first.names, [top, 'guest1'])
    assert(directoryOf(first, 'pids').endsWith(`/${top}/guest1`))
    assert.equal(kernelSays(second, 'pids', 'pids.max'), '6')
    await first.destroy()
    assert(isThere(second))
    await second.destroy()
    const levels = second.directories.map((directory) => directory.slice(0, directory.lastIndexOf('/')))
    assert.deepEqual(
      levels.filter((directory) => existsSync(directory)),
      [],
    )
  },
)

test('G08, D-A27: what a host does not have is refused by its name, or left out and listed', ROOT, async () => {
  const facts = await factsOf(agent)
  const { pids: _, ...controllers } = facts.controllers
  const without = { ...facts, controllers }
  const resources = { memory: { limit: 2 ** 25 }, pids: { limit: 5 } }
  const name = freshName()
  await assert.rejects(Cgroup.create(agent, name, resources, { facts: without }), (error: UnsupportedError) => {
    assert(error instanceof UnsupportedError)
    assert.match(error.message, /^Cannot enforce pids(\.limit)?, because this host has no pids controller/)
    return true
  })
  await using group = await Cgroup.create(agent, name, resources, { facts: without, bestEffort: true })
  assert.deepEqual(
    group.notApplied.map(({ controller }) => controller),
    ['pids'],
  )
  assert(directoryOf(group, 'memory'))
})

test(
  'D-N03, G05: a half-made group is undone, and the failing write is told with file, value and reason',
  ROOT,
  async () => {
    const name = freshName()
    // No driver has this number: the kernel alone knows that.
    const device = { major: 4000, minor: 1, rate: 1_000_000 }
    const resources = { memory: { limit: 2 ** 25 }, blockIO: { throttleReadBpsDevice: [device] } }
    await assert.rejects(Cgroup.create(agent, name, resources, { all: true }), (error: SyscallError) => {
      assert(error instanceof SyscallError)
      assert.equal(error.call, 'write')
      assert.match(error.args, /(blkio\.throttle\.read_bps_device|io\.max)", "4000:1 /)
      assert.equal(error.errno, 'ENODEV')
      assert.match(error.message, /device/)
      assert.deepEqual(error.cleanup, [])
      return true
    })
    const groups = await Cgroup.list(agent)
    assert.deepEqual(
      groups.filter(({ names }) => names[0] === name),
      [],
    )
  },
)

test('an undone group leaves alone what was there before it', ROOT, async () => {
  const facts = await factsOf(agent)
  const name = freshName()
  const theirs = `${facts.controllers.pids?.parent}/${name}`
  mkdirSync(theirs)
  try {
    await assert.rejects(Cgroup.create(agent, name, { pids: { limit: 3 } }, { all: true }), { errno: 'EEXIST' })
    assert(existsSync(theirs))
    const groups = await Cgroup.list(agent)
    const left = groups.filter(({ names }) => names[0] === name).flatMap(({ places }) => places)
    assert.deepEqual(
      left.map(({ directory }) => directory),
      [theirs],
    )
  } finally {
    rmdirSync(theirs)
  }
})

test('L56, D-L16: a group is placed below the group of the process that makes it, level by level', ROOT, async () => {
  await using outer = await makeGroup(agent, {}, { all: true })
  await using child = await outer.fork()
  await using inner = await Cgroup.create(child, 'inner', { pids: { limit: 4 } }, { all: true })
  const directory = directoryOf(inner, 'pids')
  assert.equal(directory, `${directoryOf(outer, 'pids')}/inner`)
  // cpuset of v1 takes nobody before both lists are filled, in each level.
  const program = await shellIn(inner, 'exec sleep 100')
  const membership = readFileSync(`/proc/${program.hostPid}/cgroup`, 'utf8')
  for (const name of ['pids', 'memory', 'cpuset']) {
    assert.match(membership, new RegExp(`(:${name}:|^0::).*/${outer.names.at(-1)}/inner$`, 'm'))
  }
  await inner.kill()
  await program.exited
})

test('a group in another one has the hierarchies of that one', ROOT, async () => {
  await using outer = await makeGroup(agent, { pids: { limit: 20 } })
  await using inner = await Cgroup.create(agent, 'inner', { pids: { limit: 4 } }, { parent: outer })
  assert.equal(directoryOf(inner, 'pids'), `${directoryOf(outer, 'pids')}/inner`)
  await assert.rejects(
    Cgroup.create(agent, 'other', { memory: { limit: 2 ** 25 } }, { parent: outer }),
    /Cannot enforce memory(\.limit)?, because/,
  )
})

test('open() finds a live group by name and by places, and says ENOENT for one that is not there', ROOT, async () => {
  await using group = await makeGroup(agent, { pids: { limit: 9 } })
  const byName = await Cgroup.open(agent, group.names)
  assert.deepEqual([...byName.directories].sort(), [...group.directories].sort())
  assert.equal(await byName.get('pids', 'pids.max'), '9\n')
  const byPlaces = await Cgroup.open(agent, group.places)
  assert.deepEqual(byPlaces.places, group.places)
  const nowhere = group.places.map((place) => ({ ...place, directory: `${place.directory}-not` }))
  await assert.rejects(Cgroup.open(agent, nowhere), { name: 'SyscallError', errno: 'ENOENT' })
  await assert.rejects(Cgroup.open(agent, [...group.places, ...nowhere.slice(0, 1)]), { errno: 'ENOENT' })
  await assert.rejects(Cgroup.open(agent, freshName()), { errno: 'ENOENT' })
})

test('names and places are checked before anything is done', ROOT, async () => {
  for (const name of ['', '..', 'a/b', 'tasks', 'memory.max', 'a\nb', []]) {
    await assert.rejects(Cgroup.create(agent, name), InvalidInputError, JSON.stringify(name))
  }
  for (const directory of ['x', '/a/../b', '/a//b', '']) {
    const places = [{ directory, version: 2, controllers: [] }] as const
    await assert.rejects(Cgroup.open(agent, places), InvalidInputError, directory)
  }
})

test('a group goes with the process that it was made with, and with all that is in it', ROOT, async () => {
  const own = await Agent.start()
  const group = await makeGroup(own, { pids: { limit: 9 } })
  const detached = await makeGroup(own, { pids: { limit: 9 } }, { detached: true })
  await shellIn(group, 'exec sleep 100')
  await own.close()
  assert(!isThere(group))
  await group[Symbol.asyncDispose]()
  assert(isThere(detached))
  await (await Cgroup.open(agent, detached.places)).destroy()
})
