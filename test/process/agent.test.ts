import assert from 'node:assert/strict'
import { once } from 'node:events'
import { closeSync, constants, openSync, readFileSync } from 'node:fs'
import { test } from 'node:test'
import { Worker } from 'node:worker_threads'
import { InvalidInputError } from '../../src/base/errors.ts'
import { CLONE, type CloneFlag } from '../../src/linux/tables/clone.ts'
import { Agent } from '../../src/process/agent.ts'
import { native } from '../../src/kernel/native.ts'
import { program } from '../../src/program/builder.ts'
import { LIMITS } from '../../src/protocol/wire.ts'
import { eventually } from '../support/eventually.ts'
import { checkMachine } from '../support/machine-check.ts'
import { ORDINARY_USER } from '../support/node-script.ts'
import { descendants, descriptorsOf, namespaceOf, seen, statusField, survivors } from '../support/proc.ts'
import { requires } from '../support/requires.ts'
import { inUserNamespace } from './in-user-namespace.ts'

checkMachine()

const NAMESPACES: Readonly<Record<string, CloneFlag>> = {
  user: 'CLONE_NEWUSER',
  mnt: 'CLONE_NEWNS',
  pid: 'CLONE_NEWPID',
  uts: 'CLONE_NEWUTS',
  ipc: 'CLONE_NEWIPC',
  net: 'CLONE_NEWNET',
  cgroup: 'CLONE_NEWCGROUP',
}

test('A01, A04: Agent.start() makes a child of this process that answers', async () => {
  await using agent = await Agent.start()
  assert.equal(seen(agent.pid)?.parent, process.pid)
  assert.equal(await agent.sys.getpid(), agent.pid)
  assert.equal(await agent.sys.getppid(), process.pid)
})

test('A07: fork() makes a child that shares every namespace and whose parent is the agent', async () => {
  await using agent = await Agent.start()
  const child = await agent.fork()
  assert.equal(await child.sys.getppid(), agent.pid)
  assert.equal(seen(child.pid)?.parent, agent.pid)
  for (const name of [...Object.keys(NAMESPACES), 'time']) {
    assert.equal(namespaceOf(child.pid, name), namespaceOf('self', name), name)
  }
})

test('A07, X18: clone() with every namespace that clone3 makes: each differs, the pid inside is 1', async () => {
  await using agent = await Agent.start()
  const child = await agent.clone(Object.values(NAMESPACES))
  for (const name of Object.keys(NAMESPACES))
    assert.notEqual(namespaceOf(child.pid, name), namespaceOf('self', name), name)
  assert.equal(await child.sys.getpid(), 1)
  assert.equal(await child.sys.getppid(), 0)
  assert.equal(statusField(child.pid, 'NSpid').split(/\s+/).at(-1), '1')
})

test('X18: the eighth namespace, time: unshare() and the next child is in it', async () => {
  await using agent = await Agent.start()
  const child = await inUserNamespace(agent)
  await child.sys.unshare(['CLONE_NEWTIME'])
  const grandchild = await child.fork()
  const pid = descendants(agent.pid).find((each) => each.parent === child.pid)?.pid ?? 0
  assert.notEqual(namespaceOf(pid, 'time'), namespaceOf('self', 'time'))
  assert.notEqual(namespaceOf(child.pid, 'time_for_children'), namespaceOf('self', 'time_for_children'))
  await grandchild.close()
})

test('A07: the flags of one clone() are the kernel numbers of its table, alone or together', async () => {
  await using agent = await Agent.start()
  const child = await agent.clone(CLONE.values.CLONE_NEWUSER | CLONE.values.CLONE_NEWUTS)
  assert.notEqual(namespaceOf(child.pid, 'uts'), namespaceOf('self', 'uts'))
  assert.equal(namespaceOf(child.pid, 'pid'), namespaceOf('self', 'pid'))
})

test('A08: agents nest 64 deep, each answers on a socket of its own', async () => {
  await using root = await Agent.start()
  const line: Agent[] = [root]
  for (let depth = 0; depth < 64; depth++) line.push(await (line.at(-1) as Agent).fork())
  assert.equal(descendants(root.pid).length, 64)
  const pids = await Promise.all(line.map((agent) => agent.sys.getpid()))
  assert.deepEqual(
    pids,
    line.map((agent) => agent.pid),
  )
})

test('A09: one agent has 500 children, and their places can be used again', async () => {
  await using root = await Agent.start()
  const open = descriptorsOf('self').size
  const children = await Promise.all(Array.from({ length: 500 }, () => root.fork()))
  assert.equal(new Set(children.map((child) => child.pid)).size, 500)
  const parents = await Promise.all(children.map((child) => child.sys.getppid()))
  assert.ok(parents.every((pid) => pid === root.pid))
  await Promise.all(children.map((child) => child.close()))
  assert.equal(descendants(root.pid).length, 0)
  assert.equal(descriptorsOf('self').size, open)
  assert.equal(await (await root.fork()).sys.getppid(), root.pid)
})

test('A56: a program of 10,000 steps runs in one message, and each result is its own', async () => {
  await using agent = await Agent.start()
  const p = program()
  const refs = Array.from({ length: 10_000 }, (_, i) => (i % 2 ? p.getpid() : p.umask(i & 0o777)))
  const result = await agent.run(p)
  assert.equal(result.get(refs[9_999] as (typeof refs)[number]), agent.pid)
  assert.equal(result.get(refs[4] as (typeof refs)[number]), 2)
  assert.equal(result.get(refs[9_998] as (typeof refs)[number]), 9_996 & 0o777)
})

test('A32: a frame just below 16 MiB arrives whole; one above is refused before it is sent', async () => {
  await using agent = await Agent.start()
  const memory = await agent.sys.memfd_create('large', ['MFD_CLOEXEC'])
  const large = new Uint8Array(LIMITS.FRAME - 1024).map((_, i) => i * 31)
  assert.equal(await agent.sys.write(memory, large), large.length)
  assert.equal(await agent.sys.lseek(memory, 0, 'SEEK_END'), large.length)
  const tail = await agent.sys.pread64(memory, 5, large.length - 5)
  assert.deepEqual(tail, large.subarray(-5))
  await assert.rejects(agent.sys.write(memory, new Uint8Array(LIMITS.FRAME)), (error) => {
    return (
      error instanceof InvalidInputError &&
      error.field === 'program' &&
      error.message.endsWith('a frame holds 16777200: run it in parts')
    )
  })
  assert.equal(await agent.sys.getpid(), agent.pid)
})

test('D-A09, X24: what a step reads arrives whole, 8 MiB of it; an answer above the limit is refused before it is asked for', async () => {
  await using agent = await Agent.start()
  const memory = await agent.sys.memfd_create('large', ['MFD_CLOEXEC'])
  const bytes = new Uint8Array(8 << 20).map((_, i) => i ^ (i >> 8) ^ (i >> 16))
  await agent.sys.write(memory, bytes)
  const back = await agent.sys.pread64(memory, bytes.length, 0)
  assert.equal(Buffer.compare(back, bytes), 0)
  const p = program()
  p.pread64(memory, bytes.length, 0)
  p.pread64(memory, bytes.length, 0)
  await assert.rejects(agent.run(p), (error) => {
    return error instanceof InvalidInputError && /answer would have 16777\d+ bytes.*read in parts$/.test(error.message)
  })
  assert.equal(await agent.sys.getpid(), agent.pid)
})

test('A05: close() ends everything below, twice is once, and one that is already killed is closed too', async () => {
  const agent = await Agent.start()
  const child = await agent.fork()
  await child.fork()
  const tree = [...descendants(agent.pid), seen(agent.pid) as NonNullable<ReturnType<typeof seen>>]
  await Promise.all([agent.close(), agent.close()])
  await agent.close()
  assert.deepEqual(survivors(tree), [])
  const killed = await Agent.start()
  const pending = killed.sys.nanosleep({ tv_sec: 100, tv_nsec: 0 })
  process.kill(killed.pid, 'SIGKILL')
  await assert.rejects(pending, { name: 'AgentError' })
  await killed.close()
  await killed.close()
  assert.deepEqual((await killed.exited).kind, 'signaled')
})

test('close() of a child leaves its siblings; close() of the root settles what is pending in all', async () => {
  await using root = await Agent.start()
  const [first, second] = await Promise.all([root.fork(), root.fork()])
  await first.close()
  assert.equal(seen(first.pid), undefined)
  assert.equal(await second.sys.getpid(), second.pid)
  const pending = second.sys.nanosleep({ tv_sec: 100, tv_nsec: 0 })
  const rejected = assert.rejects(pending, { name: 'AgentError' })
  await root.close()
  await rejected
})

test('X12: the agent runs from a sealed memfd that nobody can write', async () => {
  await using agent = await Agent.start()
  const child = await agent.fork()
  for (const { pid } of [agent, child]) {
    // An ordinary user may not look into a non-dumpable process; the agent itself may.
    assert.match(await child.sys.readlinkat('AT_FDCWD', '/proc/self/exe'), /^\/memfd:carrel-agent/)
    if (process.getuid?.() === 0) {
      assert.throws(() => openSync(`/proc/${pid}/exe`, constants.O_RDWR), { code: /^(ETXTBSY|EACCES|EPERM)$/ })
    }
  }
  const image = await child.sys.openat('AT_FDCWD', '/proc/self/exe', ['O_RDONLY', 'O_CLOEXEC'])
  const seals = await child.sys.fcntl(image, 'F_GET_SEALS')
  const [F_SEAL_SEAL, F_SEAL_SHRINK, F_SEAL_GROW, F_SEAL_WRITE] = [1, 2, 4, 8]
  assert.equal(seals & 15, F_SEAL_SEAL | F_SEAL_SHRINK | F_SEAL_GROW | F_SEAL_WRITE)
})

test(
  'X11: every descriptor is close-on-exec from birth, here and in the agents',
  requires({ root: true }),
  async () => {
    const before = new Set(descriptorsOf('self').keys())
    await using agent = await Agent.start()
    const child = await agent.fork()
    const grandchild = await child.clone(['CLONE_NEWPID'])
    const closes = (pid: number | 'self', fd: number): boolean => {
      const flags = /^flags:\s*(\d+)$/m.exec(readFileSync(`/proc/${pid}/fdinfo/${fd}`, 'utf8'))?.[1] ?? '0'
      return (Number.parseInt(flags, 8) & 0o2000000) !== 0
    }
    const here = [...descriptorsOf('self')].filter(([fd, name]) => !before.has(fd) && !name.startsWith('/proc/'))
    assert.ok(here.length >= 6, JSON.stringify(here))
    for (const [fd, name] of here) assert.ok(closes('self', fd), `${fd} (${name}) of this process`)
    for (const { pid } of [agent, child]) {
      const found = [...descriptorsOf(pid)]
      assert.ok(found.length >= 5)
      for (const [fd, name] of found) assert.ok(closes(pid, fd), `${fd} (${name}) of ${pid}`)
    }
    assert.equal(await grandchild.sys.getpid(), 1)
  },
)

test(
  'X12: an agent that has taken another user’s id is out of that user’s reach',
  requires({ root: true }),
  async () => {
    await using root = await Agent.start()
    const [agent, peer] = await Promise.all([root.fork(), root.fork()])
    for (const each of [agent, peer]) {
      await each.sys.setgroups([])
      await each.sys.setresgid(ORDINARY_USER, ORDINARY_USER, ORDINARY_USER)
      await each.sys.setresuid(ORDINARY_USER, ORDINARY_USER, ORDINARY_USER)
    }
    const open = (name: string) => peer.sys.openat('AT_FDCWD', `/proc/${agent.pid}/${name}`, ['O_RDONLY', 'O_CLOEXEC'])
    await assert.rejects(open('mem'), { errno: 'EACCES' })
    await assert.rejects(open('exe'), { errno: 'EACCES' })
    await assert.rejects(open('environ'), { errno: 'EACCES' })
  },
)

test('Agent.start() in a worker: it works there, and closing it leaves nothing', async () => {
  const worker = new Worker(new URL('scripts/worker.mjs', import.meta.url), { execArgv: [], trackUnmanagedFds: false })
  const [pids] = (await once(worker, 'message')) as [number[]]
  assert.deepEqual(
    pids.map((pid) => seen(pid)?.name),
    ['carrel', 'carrel'],
  )
  worker.postMessage('close')
  const [code] = (await once(worker, 'exit')) as [number]
  assert.equal(code, 0)
  for (const pid of pids) assert.equal(seen(pid), undefined)
})

test('Agent.start() in a worker: the end of the worker ends its tree', async () => {
  const worker = new Worker(new URL('scripts/worker.mjs', import.meta.url), { execArgv: [], trackUnmanagedFds: false })
  const [pids] = (await once(worker, 'message')) as [number[]]
  const tree = pids.flatMap((pid) => seen(pid) ?? [])
  assert.equal(tree.length, 2)
  await worker.terminate()
  const alive = () => survivors(tree).filter((each) => each.state !== 'Z')
  await eventually(
    () => alive().length === 0,
    () => JSON.stringify(alive()),
  )
  reapForWorker(pids[0] as number)
})

/** A worker that is stopped cannot wait for its agent any more: the status stays with this process. */
function reapForWorker(pid: number): void {
  for (const [fd, name] of descriptorsOf('self')) {
    if (name !== 'anon_inode:[pidfd]') continue
    if (new RegExp(`^Pid:\\s*${pid}$`, 'm').test(readFileSync(`/proc/self/fdinfo/${fd}`, 'utf8'))) native().reap(fd)
    closeSync(fd)
  }
}
