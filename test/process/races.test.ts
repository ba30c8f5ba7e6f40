import assert from 'node:assert/strict'
import { existsSync, mkdtempSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { text } from 'node:stream/consumers'
import { setTimeout as sleep } from 'node:timers/promises'
import { test } from 'node:test'
import { Agent } from '../../src/process/agent.ts'
import { type Program, program } from '../../src/program/builder.ts'
import { checkMachine } from '../support/machine-check.ts'
import { isAlive, seen } from '../support/proc.ts'

checkMachine()

const ENV = { PATH: '/usr/bin:/bin' }

test('P04: of two executions at once one is refused, and so is one with a child on its way', async () => {
  await using root = await Agent.start()
  const child = await root.fork()
  const [first, second] = await Promise.allSettled([
    child.exec('/bin/echo', ['echo', 'first'], { env: ENV }),
    child.exec('/bin/echo', ['echo', 'second'], { env: ENV }),
  ])
  assert.equal(first.status === 'fulfilled' && (await text(first.value.stdout)), 'first\n')
  assert.equal(second.status === 'rejected' && second.reason.name, 'StateError')
  const parent = await root.fork()
  const fork = parent.fork()
  await assert.rejects(parent.exec('/bin/true'), { name: 'StateError', state: 'parent' })
  await assert.rejects(parent.exit(), { name: 'StateError', state: 'parent' })
  assert.equal(await (await fork).sys.getppid(), parent.pid)
  await assert.rejects((await parent.fork()).exec('/nonexistent'), { name: 'SyscallError', errno: 'ENOENT' })
})

test('P23: close() while an exec is under way ends what comes of it, and waits for no limit', async () => {
  await using root = await Agent.start()
  for (let round = 0; round < 12; round++) {
    const child = await root.fork()
    const begin = performance.now()
    const close = async () => {
      await sleep(round / 4)
      await child.close()
    }
    const [executed, closed] = await Promise.allSettled([child.exec('/bin/sleep', ['sleep', '1000']), close()])
    assert.equal(closed.status, 'fulfilled')
    assert.ok(performance.now() - begin < 4000, 'close() itself kills after 5000')
    assert.equal(seen(child.pid), undefined)
    if (executed.status === 'fulfilled') assert.equal((await executed.value.exited).kind, 'signaled')
    else assert.match(String(executed.reason), /^(StateError|AgentError)/)
  }
})

test('A50: close() of what has become a program ends that at once, unless it was detached', async () => {
  const root = await Agent.start()
  const [attached, detached] = [await root.fork(), await root.fork()]
  const ends = await attached.exec('/bin/sleep', ['sleep', '1000'], { stdio: 'null' })
  const stays = await detached.exec('/bin/sleep', ['sleep', '1000'], { stdio: 'null', lifetime: 'detached' })
  const begin = performance.now()
  await Promise.all([attached.close(), attached.close(), detached.close()])
  assert.ok(performance.now() - begin < 4000, 'close() itself kills after 5000')
  assert.deepEqual([isAlive(ends.pid), isAlive(stays.pid)], [false, true])
  stays.kill('SIGKILL')
  await stays.watch()
  await root.close()
})

test('A15: reexec() is not disturbed by another one that is given up before it was sent', async () => {
  await using root = await Agent.start()
  const limit = new AbortController()
  const [first, second] = [root.reexec(), root.reexec({ signal: limit.signal })]
  const refused = assert.rejects(second, /enough/)
  limit.abort(new Error('enough'))
  await refused
  assert.equal(await root.sys.getpid(), root.pid)
  await first
})

test('P23, A05: two close() of an agent and its parent: clean-up programs of both run', async () => {
  const folder = mkdtempSync(join(tmpdir(), 'carrel-races-'))
  const root = await Agent.start()
  const parent = await root.fork()
  const child = await parent.fork()
  const cleanup = program()
  cleanup.nanosleep({ tv_sec: 0, tv_nsec: 100_000_000 })
  cleanup.unlinkat('AT_FDCWD', folder, ['AT_REMOVEDIR'])
  child.onEnd(1, cleanup)
  await Promise.all([child.close(), parent.exec('/bin/true', ['true'], { children: 'close' })])
  assert.equal(existsSync(folder), false)
  await root.close()
})

test('P04: a prepare that adds steps later is refused: they would be lost', async () => {
  await using root = await Agent.start()
  const child = await root.fork()
  const late = (async (p: Program) => {
    await sleep(1)
    p.chdir('/tmp')
  }) as (p: Program) => void
  for (const prepare of [late, 5 as never]) {
    await assert.rejects(child.exec('/bin/true', ['true'], { prepare }), {
      name: 'InvalidInputError',
      field: 'prepare',
    })
  }
  assert.equal(await child.sys.getpid(), child.pid)
})
