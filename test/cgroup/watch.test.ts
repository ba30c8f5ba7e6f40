import assert from 'node:assert/strict'
import { readFileSync } from 'node:fs'
import { after, before, test } from 'node:test'
import { setTimeout as sleep } from 'node:timers/promises'
import { Cgroup, type GroupEvent } from '../../src/cgroup/index.ts'
import { Agent } from '../../src/process/index.ts'
import { eventually } from '../support/eventually.ts'
import { checkMachine } from '../support/machine-check.ts'
import { descriptorsOf } from '../support/proc.ts'
import { requires } from '../support/requires.ts'
import { startBuilt } from './built-script.ts'
import { freshName, isInTree, makeGroup, shellIn } from './groups.ts'

const ROOT = requires({ root: true })

let agent: Agent
before(async () => {
  agent = await Agent.start()
})
after(() => agent.close())

checkMachine()

const kindsOf = (events: readonly GroupEvent[]): string[] => events.map(({ kind }) => kind)

test('X33: watch() tells who comes and goes, freezing, and the end of the group, in order', ROOT, async () => {
  const group = await makeGroup(agent)
  const events: GroupEvent[] = []
  const watching = (async () => {
    for await (const event of group.watch()) events.push(event)
  })()
  // v1 by itself tells none of this, but for the end of a group.
  const told = isInTree(group) ? ['populated', 'frozen', 'thawed', 'empty'] : []
  const settle = (count: number): Promise<unknown> =>
    eventually(
      () => events.length >= Math.min(count, told.length),
      () => kindsOf(events).join(),
    )
  const program = await shellIn(group, 'exec sleep 100')
  // The kernel tells of two changes at once as of one: each is waited for.
  await settle(1)
  await group.freeze()
  await settle(2)
  await group.thaw()
  await settle(3)
  await group.kill()
  await program.exited
  await settle(4)
  await group.destroy()
  await watching
  assert.deepEqual(kindsOf(events), [...told, 'gone'])
})

test('X33, L59: running out of memory is told by the kernel, with the kill that followed', ROOT, async () => {
  await using group = await makeGroup(agent, { memory: { limit: 2 ** 24, swap: 2 ** 24 } })
  const watch = group.watch()
  const program = await shellIn(group, 'head -c 100000000 /dev/zero | tail -c 100000000')
  const seen = new Set<string>()
  for await (const { kind, count } of watch) {
    seen.add(kind)
    if (kind === 'oom-kill') {
      assert((count ?? 0) >= 1)
      break
    }
  }
  await program.exited
  assert(seen.has('oom'), [...seen].join())
  assert(((await group.statistics(['memory'])).memory?.oomKills ?? 0) >= 1)
})

test('X33: a refused fork is told with how many there were', ROOT, async () => {
  await using group = await makeGroup(agent, { pids: { limit: 2 } })
  const watch = group.watch()
  await shellIn(group, 'sleep 100 & sleep 100 & sleep 100 & wait')
  for await (const { kind, count } of watch) {
    if (kind !== 'pids-max') continue
    assert((count ?? 0) >= 1)
    break
  }
})

test('X33: nothing is read while nothing happens, and groups beside it are none of its business', ROOT, async () => {
  await using group = await makeGroup(agent, { pids: { limit: 1 } })
  await using child = await agent.fork()
  const alone = await Cgroup.open(child, group.places)
  let programs = 0
  const attempt = child.attempt.bind(child)
  child.attempt = (p, options) => {
    programs++
    return attempt(p, options)
  }
  const watch = alone.watch()
  const first = watch.next()
  await watch.ready()
  const earlier = programs
  const ticks = () => readFileSync(`/proc/${child.hostPid}/stat`, 'utf8').split(' ').slice(13, 15).join()
  const spent = ticks()
  for (let i = 0; i < 20; i++) await (await makeGroup(agent)).destroy()
  await sleep(200)
  assert.equal(programs, earlier)
  assert.equal(ticks(), spent)
  await using born = await group.fork()
  await assert.rejects(group.fork(born), { errno: 'EAGAIN' })
  assert.equal((await first).done, false)
  assert(programs > earlier)
  await watch.return()
})

test('X33: a watch that is left holds nothing, in this process and in that of the group', ROOT, async () => {
  await using group = await makeGroup(agent, { memory: { limit: 2 ** 24 }, pids: { limit: 1 } })
  const open = () => [descriptorsOf('self').size, descriptorsOf(agent.hostPid ?? 0).size]
  await left(group)
  const earlier = open()
  for (let i = 0; i < 20; i++) await left(group)
  const never = group.watch()
  await never.return()
  const aborted = new AbortController()
  const waiting = group.watch({ signal: aborted.signal }).next()
  aborted.abort()
  assert.deepEqual(await waiting, { done: true, value: undefined })
  const pending = group.watch()
  const next = pending.next()
  await pending.ready()
  await pending.return()
  assert.deepEqual(await next, { done: true, value: undefined })
  assert.deepEqual(open(), earlier)
})

/** A watch that is left after its first event. */
async function left(group: Cgroup): Promise<void> {
  const watch = group.watch()
  await watch.ready()
  await using child = await group.fork()
  await assert.rejects(group.fork(child), { errno: 'EAGAIN' })
  for await (const { kind } of watch) {
    assert(['populated', 'pids-max'].includes(kind), kind)
    break
  }
}

test('X33: a watch of a group that is not there is an error, and so is one whose process ends', ROOT, async () => {
  await using group = await makeGroup(agent, { pids: { limit: 1 } })
  const child = await agent.fork()
  const watch = (await Cgroup.open(child, group.places)).watch()
  await watch.ready()
  await child.close()
  await using first = await group.fork()
  await assert.rejects(group.fork(first), { errno: 'EAGAIN' })
  await assert.rejects(watch.next())
  assert.deepEqual(await watch.next(), { done: true, value: undefined })
  const gone = await makeGroup(agent)
  await gone.destroy()
  await assert.rejects(gone.watch().next(), { name: 'SyscallError', errno: 'ENOENT' })
})

test(
  'waiting for an event keeps Node alive, a watch that nobody waits for does not',
  { ...ROOT, timeout: 60_000 },
  async () => {
    const idle = await startBuilt('watch-and-end.mjs', freshName(), 'idle').ended
    assert.deepEqual([idle.code, idle.stdout], [0, 'end\n'])
    const waits = await startBuilt('watch-and-end.mjs', freshName(), 'waits').ended
    assert.equal(waits.code, 0)
    assert.match(waits.stdout, /^end\n(populated|pids-max)\n$/)
  },
)
