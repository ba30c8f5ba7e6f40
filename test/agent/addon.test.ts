import assert from 'node:assert/strict'
import { execFile, spawnSync } from 'node:child_process'
import { closeSync, fstatSync, readdirSync, readSync } from 'node:fs'
import { join } from 'node:path'
import { test } from 'node:test'
import { promisify } from 'node:util'
import { Worker } from 'node:worker_threads'
import { compileAddon, ROOT } from './compile.ts'
import { addon, agentPath, reaped, startAgent, stopAgent } from './connection.ts'

const addonPath = compileAddon()
const noop = (): void => {}

test('watch(): chunks in order, descriptors with their first byte, null once at the end', async () => {
  const [ours, theirs] = addon.socketpair()
  const sender = addon.watch(theirs, noop)
  const total = 20 * 1024 * 1024
  const bytes = new Uint8Array(total).map((_, i) => i % 251)
  const [read, write] = addon.pipe()
  let sent = 0
  let fds = [read]
  const push = (): void => {
    while (sent < total) {
      const count = addon.send(sender, bytes.subarray(sent), fds)
      if (count === -11) return addon.onWritable(sender, push)
      assert.ok(count > 0)
      sent += count
      fds = []
    }
    addon.shutdown(sender)
  }
  push()
  let received = 0
  const descriptors: number[] = []
  const errno = await new Promise((resolve) => {
    const receiver = addon.watch(ours, (chunk, more, error) => {
      if (chunk === null) {
        addon.close(receiver)
        return resolve(error)
      }
      assert.equal(chunk[0], received % 251)
      if (more) assert.equal(received, 0)
      descriptors.push(...(more ?? []))
      received += chunk.length
    })
    addon.ref(receiver)
  })
  assert.equal(errno, 0)
  assert.equal(received, total)
  assert.equal(descriptors.length, 1)
  assert.equal(fstatSync(descriptors[0] ?? -1).isFIFO(), true)
  for (const fd of [read, write, ...descriptors]) closeSync(fd)
  addon.close(sender)
  addon.close(sender)
  assert.equal(addon.send(sender, bytes, []), -9)
})

test('watch(): promise callbacks run between two chunks', async () => {
  const [ours, theirs] = addon.socketpair()
  const sender = addon.watch(theirs, noop)
  const order: string[] = []
  let arrived = noop
  const channel = addon.watch(ours, (chunk) => {
    order.push(`chunk ${chunk?.length}`)
    void Promise.resolve().then(() => order.push('microtask'))
    process.nextTick(() => order.push('tick'))
    setImmediate(arrived)
  })
  addon.ref(channel)
  addon.send(sender, new Uint8Array(1), [])
  await new Promise<void>((resolve) => (arrived = resolve))
  assert.deepEqual(order, ['chunk 1', 'tick', 'microtask'])
  addon.close(channel)
  addon.close(sender)
})

test('send(): to a closed end is EPIPE, not a signal', () => {
  const [ours, theirs] = addon.socketpair()
  closeSync(theirs)
  const channel = addon.watch(ours, noop)
  assert.equal(addon.send(channel, new Uint8Array(1), []), -32)
  addon.close(channel)
})

const inNode = (code: string): ReturnType<typeof spawnSync> =>
  spawnSync(process.execPath, ['-e', `const a = require(${JSON.stringify(addonPath)});${code}`], { timeout: 10_000 })

test('an exception in a callback is the uncaught exception of the program', () => {
  const result = inNode(`
    process.on('uncaughtException', (error) => { console.log(error.message); process.exit(7) })
    const [ours, theirs] = a.socketpair()
    a.ref(a.watch(ours, () => { throw new Error('from the callback') }))
    a.send(a.watch(theirs, () => {}), new Uint8Array(1), [])`)
  assert.equal(String(result.stdout), 'from the callback\n')
  assert.equal(result.status, 7)
})

test('a watched socket does not keep the event loop alive until ref()', () => {
  const idle = `const [ours, theirs] = a.socketpair(); const c = a.watch(ours, () => {});`
  assert.equal(inNode(idle).status, 0)
  const held = inNode(`${idle} a.ref(c); setTimeout(() => { console.log('held'); a.unref(c) }, 100).unref()`)
  assert.equal(String(held.stdout), 'held\n')
  assert.equal(held.status, 0)
})

test('a worker may use the addon, and leaves no descriptor open when it is stopped', async () => {
  const count = (): number => readdirSync('/proc/self/fd').length
  const code = `
    const { parentPort } = require('node:worker_threads')
    const a = require(${JSON.stringify(addonPath)})
    for (let i = 0; i < 10; i++) { const [ours, theirs] = a.socketpair(); a.ref(a.watch(ours, () => {})); a.watch(theirs, () => {}) }
    const { socket, pidfd } = a.start(${JSON.stringify(agentPath)})
    a.watch(socket, () => {})
    parentPort.postMessage(pidfd)`
  const runWorker = async (): Promise<number> => {
    const worker = new Worker(code, { eval: true })
    const pidfd: number = await new Promise((resolve) => worker.once('message', resolve))
    await worker.terminate()
    assert.equal(await reaped(pidfd), 0)
    closeSync(pidfd)
    return count()
  }
  // The first one opens what Node and the addon open once per process.
  const before = await runWorker()
  assert.equal(await runWorker(), before)
})

test('start(): an error names the call and the errno', () => {
  const result = inNode(`try { a.start('/nowhere/agent') } catch (e) { console.log(e.code, e.syscall, e.message) }
    try { a.start(${JSON.stringify(join(ROOT, 'package.json'))}) } catch (e) { console.log(e.code, e.syscall) }`)
  assert.equal(String(result.stdout), 'ENOENT open no such file or directory\nENOEXEC execveat\n')
})

test('signal() and reap(): by pidfd, with the status of wait4(2)', async () => {
  const agent = await startAgent()
  assert.equal(addon.reap(agent.pidfd), null)
  assert.equal(addon.signal(agent.pidfd, 9), 0)
  assert.equal(await stopAgent(agent), 9)
  assert.equal(addon.signal(-1, 9), 9)
})

test('start(): children of Node itself still end as they should', async () => {
  const agents = await Promise.all(Array.from({ length: 20 }, startAgent))
  const spawned = await Promise.all(Array.from({ length: 5 }, () => promisify(execFile)('/bin/true')))
  assert.equal(spawned.length, 5)
  assert.deepEqual(
    await Promise.all(agents.map(stopAgent)),
    agents.map(() => 0),
  )
})

test('pipe(), nonblock(), winsize(): plain calls', () => {
  const [read, write] = addon.pipe()
  addon.nonblock(read)
  assert.throws(() => readSync(read, new Uint8Array(1)), { code: 'EAGAIN' })
  assert.equal(addon.winsize(write, 24, 80), 25)
  assert.throws(() => addon.nonblock(-1), { code: 'EBADF', syscall: 'fcntl' })
  closeSync(read)
  closeSync(write)
})
