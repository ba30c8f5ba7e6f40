import assert from 'node:assert/strict'
import { randomFillSync } from 'node:crypto'
import { readFileSync } from 'node:fs'
import type { Readable } from 'node:stream'
import { buffer, text } from 'node:stream/consumers'
import { pipeline } from 'node:stream/promises'
import { test } from 'node:test'
import { setTimeout as sleep } from 'node:timers/promises'
import { machineArch } from '../../src/linux/arch.ts'
import { syscallNumber } from '../../src/linux/syscalls.ts'
import { Agent } from '../../src/process/agent.ts'
import type { PipedProcess } from '../../src/process/process.ts'
import { checkMachine } from '../support/machine-check.ts'
import { eventually } from '../support/eventually.ts'
import { descendants, isAlive, namespaceOf, seen, survivors } from '../support/proc.ts'
import { requires } from '../support/requires.ts'

checkMachine()

/** What would hang fails instead, long before the runner gives up. */
const PATIENCE = { timeoutMs: 20_000 }
const MIB = 2 ** 20

/** A chain of forks below an agent, as long as is asked for: the last one. */
async function below(root: Agent, depth: number): Promise<Agent> {
  let agent = root
  for (let level = 0; level < depth; level++) agent = await agent.fork(PATIENCE)
  return agent
}

/** How many processes lie between a process and this one. */
function depthOf(pid: number): number {
  let depth = 0
  for (let at = pid; at !== process.pid; at = seen(at)?.parent ?? process.pid) depth++
  return depth
}

const noise = (bytes: number): Buffer => randomFillSync(Buffer.alloc(bytes))

test('P27: 2 MB go through a program 16 levels deep, and come back byte for byte', async () => {
  await using root = await Agent.start()
  const cat = await (await below(root, 16)).exec('/bin/cat')
  assert.equal(depthOf(cat.pid), 17)
  const sent = noise(2 * MIB)
  cat.stdin.end(sent)
  const came = await buffer(cat.stdout)
  assert.ok(came.equals(sent), `${came.length} bytes came`)
  assert.equal((await cat.exited).kind, 'exited')
})

test('P27: a pipeline of 5 programs, each one level deeper than the one before, gives 2 MB byte for byte', async () => {
  await using root = await Agent.start()
  const stages: PipedProcess[] = []
  for (let depth = 1; depth <= 5; depth++) stages.push(await (await below(root, depth)).exec('/bin/cat'))
  assert.deepEqual(
    stages.map((stage) => depthOf(stage.pid)),
    [2, 3, 4, 5, 6],
  )
  const sent = noise(2 * MIB)
  const joints = stages.slice(1).map((stage, at) => pipeline((stages[at] as PipedProcess).stdout, stage.stdin))
  stages[0]?.stdin.end(sent)
  const came = await buffer(stages.at(-1)?.stdout as Readable)
  await Promise.all(joints)
  assert.ok(came.equals(sent), `${came.length} bytes came`)
  for (const stage of stages) assert.equal((await stage.exited).kind, 'exited')
})

test('D-A14: processes that block at every level above it do not keep a process from making 500 calls', async () => {
  await using root = await Agent.start()
  const leaf = await below(root, 1)
  const blocked: Promise<unknown>[] = []
  let lowest = leaf
  for (let level = 0; level < 6; level++) {
    const next = await lowest.fork()
    const pipe = await lowest.sys.pipe2(['O_CLOEXEC'])
    blocked.push(assert.rejects(lowest.sys.read(pipe.read, 1), { name: 'AgentError' }))
    lowest = next
  }
  const busy = descendants(root.pid).filter((each) => each.pid !== lowest.pid)
  const read = `${syscallNumber(machineArch(), 'read')} `
  const reading = () => busy.filter((each) => readFileSync(`/proc/${each.pid}/syscall`, 'utf8').startsWith(read))
  await eventually(
    () => busy.length === 6 && reading().length === 6,
    () => `${reading().length} of 6 block in read(2)`,
  )
  for (let call = 0; call < 500; call++) assert.equal(await lowest.sys.getpid(PATIENCE), lowest.pid)
  const cat = await (await lowest.fork(PATIENCE)).exec('/bin/echo', ['echo', 'through'], PATIENCE)
  assert.equal(await text(cat.stdout), 'through\n')
  assert.equal(reading().length, 6)
  await root.close()
  await Promise.all(blocked)
})

test('A17: a leader that dies while its grandchild keeps its pipe open holds nobody up', async () => {
  await using root = await Agent.start()
  const parent = await root.fork()
  const sh = await (await parent.fork()).exec('/bin/sh', ['sh', '-c', 'sleep 300 & echo ready; wait'])
  await new Promise((resolve) => sh.stdout.once('readable', resolve))
  const [sleeper] = descendants(sh.pid)
  assert.ok(sleeper)
  assert.equal(sh.kill('SIGKILL'), true)
  const exit = await sh.exited
  assert.ok(exit.kind === 'signaled' && exit.signal === 'SIGKILL')
  assert.equal(await parent.sys.getpid(PATIENCE), parent.pid)
  assert.equal(parent.children, 0)
  const again = await (await parent.fork(PATIENCE)).exec('/bin/echo', ['echo', 'works'])
  assert.equal(await text(again.stdout), 'works\n')
  assert.ok(!sh.stdout.readableEnded)
  // Nobody waits for it, yet it is still the tree's: the subreaper has it, and it goes with the root.
  assert.equal(seen(sleeper.pid)?.parent, root.pid)
  await root.close()
  assert.deepEqual(survivors([sleeper]), [])
  for (const stream of [sh.stdout, sh.stderr]) stream.destroy()
})

test(
  'A67: 20 containers under one agent, each with namespaces and programs of its own, at once',
  requires({ root: true }),
  async () => {
    await using root = await Agent.start()
    const running = await Promise.all(
      Array.from({ length: 20 }, async (_, number) => {
        const init = await root.clone(['CLONE_NEWPID', 'CLONE_NEWUTS', 'CLONE_NEWNS', 'CLONE_NEWIPC'])
        await init.sys.sethostname(`box-${number}`)
        const sh = await (
          await init.fork()
        ).exec('/bin/sh', ['sh', '-c', 'read word; echo $$ $(uname -n) $word'], {
          env: { PATH: '/usr/bin:/bin' },
        })
        return { init, sh }
      }),
    )
    assert.equal(root.children, 20)
    assert.equal(new Set(running.map(({ init }) => namespaceOf(init.pid, 'pid'))).size, 20)
    assert.ok(running.every(({ init }) => seen(init.pid)?.parent === root.pid))
    for (const [number, { sh }] of [...running.entries()].reverse()) sh.stdin.end(`word-${number}\n`)
    const said = await Promise.all(running.map(({ sh }) => text(sh.stdout)))
    assert.deepEqual(
      said,
      said.map((_, number) => `2 box-${number} word-${number}\n`),
    )
    await Promise.all(running.map(({ init }) => init.close()))
    assert.deepEqual([root.children, descendants(root.pid)], [0, []])
  },
)

test('A50: what is detached three levels down stays, with all above it, when the tree is closed', async () => {
  const root = await Agent.start()
  const middle = await root.fork()
  const parent = await middle.fork()
  const sleeper = await (await parent.fork()).exec('/bin/sleep', ['sleep', '1000'], { stdio: 'null' })
  await sleeper.detach()
  await root.close()
  // Those above would end it at once; that nothing happens can only be waited for.
  await sleep(300)
  const tree = [root.pid, middle.pid, parent.pid, sleeper.pid]
  const left = tree.filter(isAlive)
  process.kill(sleeper.pid, 'SIGKILL')
  assert.deepEqual(left, tree)
  await eventually(
    () => !tree.some(isAlive),
    () => JSON.stringify(tree.map(seen)),
  )
})

test('A50, X07: a process that was detached has the orphans below it, and ends with the last of them', async () => {
  const root = await Agent.start()
  const parent = await root.fork()
  const script = 'read word; sleep 1000 >/dev/null 2>&1 & echo $!'
  const sh = await (await parent.fork()).exec('/bin/sh', ['sh', '-c', script], { env: { PATH: '/usr/bin:/bin' } })
  await parent.detach()
  sh.stdin.end('\n')
  const orphan = Number(await text(sh.stdout))
  // Nobody tells the end of what was let go, so nobody but its holder closes what is held of it.
  sh.stderr.destroy()
  await eventually(
    () => seen(orphan)?.parent !== sh.pid,
    () => 'the shell has ended',
  )
  const reaper = seen(orphan)?.parent
  await root.close()
  const lives = isAlive(orphan)
  process.kill(orphan, 'SIGKILL')
  assert.deepEqual([reaper, lives], [parent.pid, true])
  await eventually(
    () => ![orphan, parent.pid, root.pid].some(isAlive),
    () => JSON.stringify([orphan, parent.pid, root.pid].map(seen)),
  )
})

test(
  'X06, X28: setUser() sets the parent-death signal again that the process had, whichever that was',
  requires({ root: true }),
  async () => {
    await using root = await Agent.start()
    for (const signal of [0, 15] as const) {
      const child = await root.fork()
      await child.sys.prctl('PR_SET_PDEATHSIG', signal)
      await child.setUser({ uid: 12_345, gid: 12_345 })
      assert.equal(await child.sys.prctlRead('PR_GET_PDEATHSIG'), signal)
    }
  },
)

test('A32: each way to fail has its class: the caller, the filter, the system, the target, the time, the kernel', async () => {
  await using root = await Agent.start()
  const [filtered, stopped, closed] = [await root.fork(), await root.fork(), await root.fork()]
  await filtered.filter({ deny: ['getpid'] })
  await closed.close()
  const nap = { tv_sec: 1000, tv_nsec: 0 }
  const dies = stopped.sys.nanosleep(nap)
  const failures: Readonly<Record<string, () => Promise<unknown>>> = {
    InvalidInputError: () => root.sys.kill('nobody' as unknown as number, 'SIGTERM'),
    UnsupportedError: () => root.sys.jail_attach(1),
    'StateError FILTERED': () => filtered.sys.getpid(),
    'StateError closed': () => closed.sys.getpid(),
    TimeoutError: () => filtered.sys.nanosleep(nap, { timeoutMs: 10 }),
    AgentError: () => {
      stopped.kill('SIGKILL')
      return dies
    },
    'SyscallError EBADF': () => root.sys.close(1234),
  }
  for (const [wanted, fails] of Object.entries(failures)) {
    const error = (await fails().then(
      () => assert.fail(`${wanted} was wanted`),
      (reason: unknown) => reason,
    )) as { name: string; state?: string; errno?: string }
    assert.equal([error.name, error.state ?? error.errno ?? ''].join(' ').trim(), wanted)
  }
})

test('D-A19: clone(2), clone3(2), fork(2) and vfork(2) as such are refused: no second process comes to stand on the stack', async () => {
  await using root = await Agent.start()
  const CLONE_VM = 0x100
  for (const name of ['clone', 'clone3', 'fork', 'vfork'] as const) {
    if (syscallNumber(machineArch(), name) === undefined) continue
    const refused = { name: /^(SyscallError|InvalidInputError)$/, message: /EINVAL|use clone\(\)/ }
    await assert.rejects(root.sys.syscall(name, CLONE_VM, 0, 0, 0, 0), refused, name)
  }
  assert.deepEqual([await root.sys.getpid(PATIENCE), descendants(root.pid)], [root.pid, []])
})

/** execve(2): one text may have 128 KiB, all together a quarter of the stack's limit, which is 2 MiB as a rule. */
const TEXT_BYTES = 100_000

test('D-A29: a megabyte of arguments and environment reaches a program whole, at depth 1 as at depth 16', async () => {
  await using root = await Agent.start()
  const text100 = (name: string) =>
    name +
    noise(TEXT_BYTES / 2)
      .toString('hex')
      .slice(name.length)
  const argv = ['sh', '-c', 'read word', 'sh', ...Array.from({ length: 5 }, (_, at) => text100(`argument ${at} `))]
  const env = Object.fromEntries(Array.from({ length: 6 }, (_, at) => [`VALUE_${at}`, text100(`value ${at} `)]))
  for (const depth of [1, 16]) {
    const sh = await (await below(root, depth)).exec('/bin/sh', argv, { env })
    assert.deepEqual(zeroEnded(`/proc/${sh.pid}/cmdline`), argv)
    assert.deepEqual(
      zeroEnded(`/proc/${sh.pid}/environ`),
      Object.entries(env).map(([name, value]) => `${name}=${value}`),
    )
    sh.stdin.end('\n')
    assert.equal((await sh.exited).kind, 'exited')
  }
})

test('D-A29: what is too long for the kernel is E2BIG for the caller, and the agent goes on', async () => {
  await using root = await Agent.start()
  const child = await below(root, 3)
  await assert.rejects(child.exec('/bin/true', ['true', 'x'.repeat(200_000)]), { call: 'execve', errno: 'E2BIG' })
  const list = Array.from({ length: 100 }, () => 'x'.repeat(TEXT_BYTES))
  await assert.rejects(child.exec('/bin/true', ['true', ...list]), { call: 'execve', errno: 'E2BIG' })
  assert.equal(await child.sys.getpid(PATIENCE), child.pid)
  assert.equal((await (await child.exec('/bin/true', ['true'], { stdio: 'null' })).exited).kind, 'exited')
})

const zeroEnded = (path: string): string[] => readFileSync(path, 'utf8').split('\0').slice(0, -1)
