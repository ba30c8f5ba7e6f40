import assert from 'node:assert/strict'
import { text } from 'node:stream/consumers'
import { test } from 'node:test'
import { Agent } from '../../src/process/agent.ts'
import type { Process } from '../../src/process/process.ts'
import { program } from '../../src/program/builder.ts'
import { eventually } from '../support/eventually.ts'
import { checkMachine } from '../support/machine-check.ts'
import { descendants, descriptorsOf, seen } from '../support/proc.ts'

checkMachine()

/** What would hang fails instead, long before the runner gives up. */
const PATIENCE = { timeoutMs: 20_000 }

const many = <T>(count: number, make: (number: number) => Promise<T>): Promise<T[]> =>
  Promise.all(Array.from({ length: count }, (_, number) => make(number)))

/** Leaves a number in the process and takes it out again, in one program that nobody else's can come between. */
async function exchange(agent: Agent, number: number): Promise<number> {
  const p = program()
  p.umask(number)
  const own = p.umask(0)
  return (await agent.run(p, PATIENCE)).get(own)
}

test('P27: 10 callers with 20 forks each: every child is its caller’s own, and answers for itself', async () => {
  await using root = await Agent.start()
  const families = await many(10, async () => {
    const children: Agent[] = []
    for (let number = 0; number < 20; number++) children.push(await root.fork(PATIENCE))
    return children
  })
  const children = families.flat()
  const pids = new Set(children.map((child) => child.pid))
  assert.equal(pids.size, 200)
  assert.deepEqual(new Set(descendants(root.pid).map((each) => each.pid)), pids)
  assert.ok(children.every((child) => seen(child.pid)?.parent === root.pid))
  await Promise.all(children.map(async (child) => assert.equal(await child.sys.getpid(PATIENCE), child.pid)))
  assert.equal(root.children, 200)
  await Promise.all(children.map((child) => child.close()))
  assert.deepEqual([root.children, descendants(root.pid)], [0, []])
})

test('P27: 100 forks at once, and in them 100 more: all are there, none twice', async () => {
  await using root = await Agent.start()
  const children = await many(100, () => root.fork(PATIENCE))
  const grandchildren = await Promise.all(children.map((child) => child.fork(PATIENCE)))
  assert.equal(new Set([...children, ...grandchildren].map((each) => each.pid)).size, 200)
  assert.ok(grandchildren.every((each, at) => seen(each.pid)?.parent === children[at]?.pid))
})

test('A49, D-A03: 100 callers race for one process: all get an answer, each its own', async () => {
  await using root = await Agent.start()
  const child = await root.fork()
  for (let round = 0; round < 5; round++) {
    const answers = await many(100, (number) => exchange(child, number))
    assert.deepEqual(
      answers,
      Array.from({ length: 100 }, (_, number) => number),
    )
  }
})

test('A49, D-A03: of two callers of one process neither takes the other’s answer, nor waits for ever', async () => {
  await using root = await Agent.start()
  const child = await root.fork()
  const pipe = await child.sys.pipe2(['O_CLOEXEC'])
  // The first sits in a call that does not return, the second asks meanwhile: once both had waited on one slot.
  const first = child.sys.read(pipe.read, 5, PATIENCE)
  const second = child.sys.getpid(PATIENCE)
  const writer = await root.fork()
  const p = program()
  const end = p.openat('AT_FDCWD', `/proc/${child.pid}/fd/${pipe.write}`, ['O_WRONLY', 'O_CLOEXEC'])
  p.write(end, 'hello')
  await writer.run(p, PATIENCE)
  assert.equal(Buffer.from(await first).toString(), 'hello')
  assert.equal(await second, child.pid)
  for (let round = 0; round < 200; round++) {
    const pair = await Promise.all([exchange(child, round), child.sys.getppid(PATIENCE)])
    assert.deepEqual(pair, [round, root.pid])
  }
})

test('P27, A49: 1,000 calls under way at once in each of 8 processes', async () => {
  await using root = await Agent.start()
  const children = await many(8, () => root.fork())
  await Promise.all(
    children.map(async (child, at) => {
      const answers = await many(1000, (number) => exchange(child, (at * 61 + number) & 0o777))
      assert.deepEqual(
        answers,
        answers.map((_, number) => (at * 61 + number) & 0o777),
      )
    }),
  )
})

test('P27: prefork: 50 processes made ahead work for whoever takes one', async () => {
  await using root = await Agent.start()
  const pool = await many(50, () => root.fork())
  const results = await many(400, (number) => exchange(pool[number % pool.length] as Agent, number & 0o777))
  assert.deepEqual(
    results,
    results.map((_, number) => number & 0o777),
  )
})

test('P27: prefork, then exec: 50 processes made ahead become 50 programs at once', async () => {
  await using root = await Agent.start()
  const open = descriptorsOf('self').size
  const pool = await many(50, () => root.fork())
  const output = await Promise.all(
    pool.map(async (child, number) => {
      const sh = await child.exec('/bin/sh', ['sh', '-c', `echo $$ ${number}; exit ${number}`])
      const [said, exit] = await Promise.all([text(sh.stdout), sh.exited])
      return [said, exit.kind === 'exited' ? exit.code : exit.signal]
    }),
  )
  assert.deepEqual(
    output,
    pool.map((child, number) => [`${child.pid} ${number}\n`, number]),
  )
  assert.deepEqual([root.children, descendants(root.pid)], [0, []])
  await eventually(
    () => descriptorsOf('self').size === open,
    () => `${open} descriptors, there are ${descriptorsOf('self').size}`,
  )
})

test('P27: prefork, then kill: 50 processes are killed at once, some of them stopped, busy or with children', async () => {
  await using root = await Agent.start()
  const pool = await many(50, () => root.fork())
  const [stopped, busy, parent] = pool as [Agent, Agent, Agent]
  stopped.kill('SIGSTOP')
  const endless = assert.rejects(busy.sys.nanosleep({ tv_sec: 1000, tv_nsec: 0 }), { name: 'AgentError' })
  await parent.fork()
  assert.ok(pool.every((child) => child.kill('SIGKILL')))
  // An end that is awaited does not keep this process alive, what is asked for does.
  await eventually(
    () => root.children === 0,
    () => `${root.children} are left`,
  )
  for (const child of pool) {
    const exit = await child.exited
    assert.deepEqual([exit.kind, exit.kind === 'signaled' && exit.signal], ['signaled', 'SIGKILL'])
    assert.equal(child.kill('SIGKILL'), false)
  }
  await endless
  await assert.rejects(busy.sys.getpid(), { name: 'AgentError' })
  assert.equal(await (await root.fork()).sys.getppid(), root.pid)
})

test('P27: sh that is killed midway, while it is written to and read from, leaves its parent usable', async () => {
  await using root = await Agent.start()
  const parent = await root.fork()
  for (let round = 0; round < 10; round++) {
    const sh = await (await parent.fork()).exec('/bin/sh', ['sh', '-c', 'while read -r line; do echo "$line"; done'])
    const echoed = firstChunk(sh)
    for (let line = 0; line < 2000; line++) sh.stdin.write(`line ${line} of round ${round}\n`)
    await echoed
    assert.equal(sh.kill('SIGKILL'), true)
    sh.stdin.write('to nobody\n')
    const exit = await sh.exited
    assert.ok(exit.kind === 'signaled' && exit.signal === 'SIGKILL')
    await text(sh.stdout)
    assert.equal(await parent.sys.getpid(PATIENCE), parent.pid)
  }
  assert.equal(parent.children, 0)
})

const firstChunk = ({ stdout }: Process): Promise<void> =>
  new Promise((resolve) => stdout?.once('readable', () => resolve()))

test('A53, P27: 50 writers with 200 lines each to one cat: every line arrives once, whole, each writer’s in order', async () => {
  await using root = await Agent.start()
  const cat = await (await root.fork()).exec('/bin/cat')
  const arrived = text(cat.stdout)
  cat.stdin.setMaxListeners(50)
  const lineOf = (writer: number, line: number): string => {
    const head = `${writer} ${line} `
    return head + String.fromCharCode(97 + (writer % 26)).repeat((writer * 211 + line * 37) % (4096 - head.length))
  }
  await many(50, async (writer) => {
    for (let line = 0; line < 200; line++) {
      const room = cat.stdin.write(`${lineOf(writer, line)}\n`)
      if (!room) await new Promise((resolve) => cat.stdin.once('drain', resolve))
    }
  })
  cat.stdin.end()
  const next = Array.from({ length: 50 }, () => 0)
  for (const got of (await arrived).split('\n').slice(0, -1)) {
    const writer = Number.parseInt(got, 10)
    assert.equal(got, lineOf(writer, next[writer] ?? -1))
    next[writer] = (next[writer] ?? 0) + 1
  }
  assert.ok(next.every((count) => count === 200))
  await cat.exited
})

test('A53: writes that are larger than the pipe arrive whole too: no other write comes between their bytes', async () => {
  await using root = await Agent.start()
  const cat = await (await root.fork()).exec('/bin/cat')
  const chunks: Buffer[] = []
  cat.stdout.on('data', (chunk: Buffer) => chunks.push(chunk))
  const sizeOf = (writer: number, block: number): number => 70_000 + writer * 13_001 + block * 7919
  await many(10, async (writer) => {
    for (let block = 0; block < 10; block++)
      await new Promise((resolve) => cat.stdin.write(Buffer.alloc(sizeOf(writer, block), writer), resolve))
  })
  cat.stdin.end()
  await cat.exited
  await new Promise((resolve) => (cat.stdout.closed ? resolve(null) : cat.stdout.once('close', resolve)))
  const all = Buffer.concat(chunks)
  const blocks = Array.from({ length: 10 }, () => 0)
  for (let at = 0; at < all.length;) {
    const writer = all[at] as number
    const block = blocks[writer] as number
    blocks[writer] = block + 1
    const end = at + sizeOf(writer, block)
    assert.ok(all.subarray(at, end).equals(Buffer.alloc(sizeOf(writer, block), writer)), `block at ${at}`)
    at = end
  }
  assert.deepEqual(
    blocks,
    blocks.map(() => 10),
  )
})
