import assert from 'node:assert/strict'
import { closeSync, existsSync, mkdtempSync, openSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { test } from 'node:test'
import { TimeoutError } from '../../src/base/errors.ts'
import { Agent } from '../../src/process/agent.ts'
import { program } from '../../src/program/builder.ts'
import { checkMachine } from '../support/machine-check.ts'
import { descriptorsOf } from '../support/proc.ts'

checkMachine()

const ms = (count: number) => ({ tv_sec: Math.floor(count / 1000), tv_nsec: (count % 1000) * 1_000_000 })

test('A47, X31: every call takes timeoutMs and signal', async () => {
  await using agent = await Agent.start()
  const begin = performance.now()
  await assert.rejects(agent.sys.nanosleep(ms(60_000), { timeoutMs: 30 }), (error) => {
    return error instanceof TimeoutError && error.timeoutMs === 30 && error.code === 'E_TIMEOUT'
  })
  assert.ok(performance.now() - begin < 20_000)
  const reason = new Error('enough')
  const abort = new AbortController()
  const call = agent.sys.nanosleep(ms(60_000), { signal: abort.signal })
  setTimeout(() => abort.abort(reason), 20)
  await assert.rejects(call, (error) => error === reason)
  await assert.rejects(agent.sys.getpid({ signal: AbortSignal.abort(reason) }), (error) => error === reason)
})

test('D-A01, A48, X31: the late answer of a call that timed out is never taken for another one’s', async () => {
  await using agent = await Agent.start()
  const late = agent.sys.nanosleep(ms(120), { timeoutMs: 10 })
  await assert.rejects(late, TimeoutError)
  const p = program()
  const where = p.getcwd()
  const answers = await Promise.all([agent.sys.getpid(), agent.sys.getppid(), agent.run(p), agent.sys.getpid()])
  assert.deepEqual(
    [answers[0], answers[1], answers[2].get(where), answers[3]],
    [agent.pid, process.pid, process.cwd(), agent.pid],
  )
})

test('D-A01, D-A10: descriptors that come with a late answer are closed', async () => {
  await using agent = await Agent.start()
  const before = descriptorsOf('self').size
  const p = program()
  p.nanosleep(ms(60))
  p.send(p.openat('AT_FDCWD', '/dev/null', ['O_RDONLY', 'O_CLOEXEC']))
  await assert.rejects(agent.run(p, { timeoutMs: 5 }), TimeoutError)
  await agent.sys.getpid()
  assert.equal(descriptorsOf('self').size, before)
})

test('A49, D-A03: 10 callers with 1,000 interleaved calls each get their own answers', async () => {
  await using agent = await Agent.start()
  const child = await agent.fork()
  const caller = async (number: number): Promise<void> => {
    for (let call = 0; call < 1000; call++) {
      const p = program()
      const first = p.umask(number)
      const own = p.umask((number * 31 + call) & 0o777)
      const third = p.umask(0)
      const result = await child.run(p)
      assert.equal(typeof result.get(first), 'number')
      assert.equal(result.get(own), number)
      assert.equal(result.get(third), (number * 31 + call) & 0o777)
    }
  }
  await Promise.all(Array.from({ length: 10 }, (_, number) => caller(number)))
})

test('A49: 2,000 calls that are all under way at once are answered in order', async () => {
  await using agent = await Agent.start()
  const order: number[] = []
  await Promise.all(
    Array.from({ length: 2000 }, async (_, number) => {
      await agent.sys.umask(0)
      order.push(number)
    }),
  )
  assert.deepEqual(
    order,
    Array.from({ length: 2000 }, (_, number) => number),
  )
})

test('D-A14: a call that blocks one process holds up neither its parent nor its children', async () => {
  await using root = await Agent.start()
  const middle = await root.fork()
  const leaf = await middle.fork()
  const blocked = assert.rejects(middle.sys.nanosleep(ms(60_000)), { name: 'AgentError' })
  const begin = performance.now()
  assert.equal(await leaf.sys.getppid(), middle.pid)
  assert.equal(await root.sys.getpid(), root.pid)
  assert.ok(performance.now() - begin < 20_000)
  await root.close()
  await blocked
})

test('D-A17: orders to a stopped process wait without a limit, and are all carried out when it goes on', async () => {
  await using root = await Agent.start()
  const child = await root.fork()
  child.kill('SIGSTOP')
  const block = new Uint8Array(64 * 1024).fill(7)
  const null_ = await root.sys.openat('AT_FDCWD', '/dev/null', ['O_WRONLY', 'O_CLOEXEC'])
  const writes = Array.from({ length: 64 }, () => child.sys.syscall('write', 0, block, block.length))
  const late = child.sys.getpid({ timeoutMs: 50 })
  await assert.rejects(late, TimeoutError)
  child.kill('SIGCONT')
  await Promise.all(writes)
  assert.equal(await child.sys.getpid(), child.pid)
  await root.sys.close(null_)
})

test('an order that was given up while it waited for the socket is not sent: its descriptors may be other ones by then', async () => {
  await using root = await Agent.start()
  const child = await root.fork()
  child.kill('SIGSTOP')
  const block = new Uint8Array(4 << 20)
  const filling = child.sys.syscall('write', 0, block, block.length)
  const file = openSync('/dev/null', 'r')
  const p = program()
  p.fchdir(p.attached(0))
  await assert.rejects(child.run(p, { descriptors: [file], timeoutMs: 20 }), TimeoutError)
  closeSync(file)
  const folder = openSync('/dev', 'r')
  child.kill('SIGCONT')
  await filling
  assert.equal(folder, file)
  assert.notEqual(await child.sys.getcwd(), '/dev')
  closeSync(folder)
})

test('D-A04: an agent that has executed a program takes no more orders', async () => {
  await using root = await Agent.start()
  const child = await root.fork()
  const cat = await child.exec('/bin/cat')
  const spent = { name: 'StateError', code: 'E_STATE', state: 'spent', wanted: 'ready' }
  await assert.rejects(child.sys.getpid(), spent)
  await assert.rejects(child.run(program()), spent)
  await assert.rejects(child.fork(), spent)
  await assert.rejects(child.exec('/bin/true'), spent)
  assert.throws(() => child.onEnd(1, null), spent)
  assert.throws(() => child.watchSignals(['SIGUSR1']), spent)
  cat.stdin?.end('only this')
  let text = ''
  for await (const chunk of cat.stdout ?? []) text += String(chunk)
  assert.equal(text, 'only this')
  await cat.exited
})

test('a closed agent and a detached one are told apart by their state', async () => {
  const agent = await Agent.start()
  const child = await agent.fork()
  await child.detach()
  await assert.rejects(child.sys.getpid(), { name: 'StateError', state: 'detached' })
  await agent.close()
  await assert.rejects(agent.sys.getpid(), { name: 'StateError', state: 'closed' })
})

test('an agent with children does not execute a program: nobody would report their end', async () => {
  await using root = await Agent.start()
  const child = await root.fork()
  await child.fork()
  await assert.rejects(child.exec('/bin/true'), { name: 'StateError', state: 'parent' })
})

test('A47: an order of whose signal is aborted already is not sent', async () => {
  await using root = await Agent.start()
  const reason = new Error('never mind')
  const aborted = { signal: AbortSignal.abort(reason) }
  await assert.rejects(root.sys.chdir('/proc', aborted), reason)
  assert.notEqual(await root.sys.getcwd(), '/proc')
  await assert.rejects(root.fork(aborted), reason)
  await assert.rejects(root.setopt('grace', 7, aborted), reason)
  assert.notEqual(root.getopt('grace'), 7)
  assert.equal(root.children, 0)
})

test('A47, D-A02: a limit that is none is refused before anything is sent; one of years is not one of a millisecond', async () => {
  await using root = await Agent.start()
  for (const timeoutMs of [NaN, -1, '5', null]) {
    await assert.rejects(root.sys.chdir('/proc', { timeoutMs: timeoutMs as number }), {
      name: 'InvalidInputError',
      field: 'timeoutMs',
    })
    await assert.rejects(root.close({ timeoutMs: timeoutMs as number }), { name: 'InvalidInputError' })
  }
  await assert.rejects(root.watch({ timeoutMs: NaN }), { name: 'InvalidInputError' })
  assert.notEqual(await root.sys.getcwd(), '/proc')
  const nap = { tv_sec: 0, tv_nsec: 20_000_000 }
  for (const timeoutMs of [2 ** 31, 1e12, Infinity]) await root.sys.nanosleep(nap, { timeoutMs })
})

test('A05: close() without a limit, or a long one, lets a clean-up take its time', async () => {
  for (const timeoutMs of [Infinity, 1e12]) {
    const folder = mkdtempSync(join(tmpdir(), 'carrel-waiting-'))
    const root = await Agent.start()
    const p = program()
    p.nanosleep({ tv_sec: 0, tv_nsec: 50_000_000 })
    p.unlinkat('AT_FDCWD', folder, ['AT_REMOVEDIR'])
    root.onEnd(1, p)
    await root.close({ timeoutMs })
    assert.equal(existsSync(folder), false)
  }
})
