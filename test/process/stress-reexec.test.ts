import assert from 'node:assert/strict'
import { readFileSync } from 'node:fs'
import { text } from 'node:stream/consumers'
import { test } from 'node:test'
import { Agent } from '../../src/process/agent.ts'
import { checkMachine } from '../support/machine-check.ts'
import { descendants, descriptorsOf, seen, statusField } from '../support/proc.ts'
import { requires } from '../support/requires.ts'

checkMachine()

/** Where the program of a process lies: another place after each execve(2), the same one after a fork. */
const layoutOf = (pid: number): string => readFileSync(`/proc/${pid}/maps`, 'utf8').split('-', 1)[0] ?? ''

const isDistinct = (values: readonly unknown[]): boolean => new Set(values).size === values.length

test('P27: a chain of 200 forks, each of which becomes a fresh image before it forks the next', async () => {
  await using root = await Agent.start()
  const chain: Agent[] = [root]
  for (let level = 0; level < 200; level++) {
    const next = await (chain.at(-1) as Agent).fork()
    await next.reexec()
    chain.push(next)
  }
  assert.equal(descendants(root.pid).length, 200)
  for (const [level, agent] of chain.entries()) {
    if (level > 0) assert.equal(seen(agent.pid)?.parent, chain[level - 1]?.pid)
  }
  assert.ok(isDistinct(chain.map((agent) => layoutOf(agent.pid))), 'two of them have the same addresses')
  const pids = await Promise.all(chain.map((agent) => agent.sys.getpid()))
  assert.deepEqual(
    pids,
    chain.map((agent) => agent.pid),
  )
  const last = chain.at(-1) as Agent
  assert.equal(descriptorsOf(last.pid).size, descriptorsOf(root.pid).size)
  const echo = await last.exec('/bin/echo', ['echo', 'from the end'])
  assert.equal(await text(echo.stdout), 'from the end\n')
  await root.close()
  assert.deepEqual(
    chain.flatMap((agent) => seen(agent.pid) ?? []),
    [],
  )
})

test('P27: one process that becomes a fresh image 200 times keeps its pid, and gathers neither descriptors nor memory', async () => {
  await using root = await Agent.start()
  const child = await root.fork()
  const look = () => [descriptorsOf(child.pid).size, statusField(child.pid, 'VmData')]
  await child.reexec()
  const [before, mine] = [look(), descriptorsOf('self').size]
  let layout = layoutOf(child.pid)
  for (let round = 0; round < 200; round++) {
    await child.reexec()
    assert.equal(await child.sys.getpid(), child.pid)
    assert.notEqual(layoutOf(child.pid), layout)
    layout = layoutOf(child.pid)
  }
  assert.deepEqual([look(), descriptorsOf('self').size], [before, mine])
})

test('P27: calls of 10 callers meet 50 fresh images of one process: none is lost, each has its answer', async () => {
  await using root = await Agent.start()
  const child = await root.fork()
  let over = false
  const caller = async (): Promise<number> => {
    let calls = 0
    for (; !over; calls++) assert.equal(await child.sys.getpid({ timeoutMs: 20_000 }), child.pid)
    return calls
  }
  const callers = Array.from({ length: 10 }, caller)
  const layouts: string[] = []
  for (let round = 0; round < 50; round++) {
    await child.reexec()
    layouts.push(layoutOf(child.pid))
  }
  over = true
  const calls = await Promise.all(callers)
  assert.ok(
    calls.every((count) => count >= 5),
    `${calls.join(', ')} calls`,
  )
  assert.ok(isDistinct(layouts))
})

test('P27: clone and fresh image in turn, 16 pid namespaces deep', requires({ root: true }), async () => {
  await using root = await Agent.start()
  let agent: Agent = root
  for (let level = 1; level <= 16; level++) {
    agent = await agent.clone(['CLONE_NEWPID'])
    await agent.reexec()
    assert.equal(await agent.sys.getpid(), 1)
    const numbers = statusField(agent.hostPid as number, 'NSpid').split(/\s+/)
    assert.deepEqual([numbers.length, numbers.at(-1)], [level + 1, '1'])
  }
})
