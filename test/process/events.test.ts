import assert from 'node:assert/strict'
import { getEventListeners } from 'node:events'
import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { text } from 'node:stream/consumers'
import { test } from 'node:test'
import { Agent } from '../../src/process/agent.ts'
import type { AgentEvent } from '../../src/process/tree/member.ts'
import type { Exit } from '../../src/process/tree/exit.ts'
import { program } from '../../src/program/builder.ts'
import { checkMachine } from '../support/machine-check.ts'
import { eventually } from '../support/eventually.ts'
import { ORDINARY_USER } from '../support/node-script.ts'
import { descendants, seen } from '../support/proc.ts'
import { requires } from '../support/requires.ts'

checkMachine()

/** Collects what an agent tells from now on. */
function listen(agent: Agent): AgentEvent[] {
  const heard: AgentEvent[] = []
  void (async () => {
    for await (const event of agent.events()) heard.push(event)
  })()
  return heard
}

const exitsOf = (heard: readonly AgentEvent[]) =>
  new Map(heard.flatMap((event) => (event.type === 'exited' ? [[event.pid, event.exit] as const] : [])))
const signalsOf = (heard: readonly AgentEvent[]) =>
  heard.flatMap((event) => (event.type === 'signal' ? [event.signal] : []))

async function run(root: Agent, script: string, cwd?: string): Promise<Exit> {
  const child = await root.fork()
  const sh = await child.exec('/bin/sh', ['sh', '-c', script], { stdio: 'null', ...(cwd === undefined ? {} : { cwd }) })
  return sh.exited
}

test('A23, A24: the end of a child is told with its code or its signal', async () => {
  await using root = await Agent.start()
  const heard = listen(root)
  const child = await root.fork()
  await child.sys.exit_group(7).catch(() => {})
  await eventually(
    () => exitsOf(heard).has(child.pid),
    () => `the end of ${child.pid}`,
  )
  assert.deepEqual({ ...exitsOf(heard).get(child.pid), rusage: null }, { kind: 'exited', code: 7, rusage: null })
  const other = await root.fork()
  other.kill('SIGKILL')
  await eventually(
    () => exitsOf(heard).has(other.pid),
    () => `the end of ${other.pid}`,
  )
  assert.deepEqual(
    { ...(await other.exited), rusage: null },
    { kind: 'signaled', signal: 'SIGKILL', coreDumped: false, rusage: null },
  )
})

test('A24: a core dump is told apart', async () => {
  await using root = await Agent.start()
  const folder = mkdtempSync(join(tmpdir(), 'carrel-core-'))
  const none = await run(root, 'ulimit -c 0; kill -SEGV $$', folder)
  assert.ok(none.kind === 'signaled' && none.signal === 'SIGSEGV' && !none.coreDumped)
  const dumped = await run(root, 'ulimit -c unlimited; kill -SEGV $$', folder)
  assert.ok(dumped.kind === 'signaled' && dumped.signal === 'SIGSEGV' && dumped.coreDumped)
  rmSync(folder, { recursive: true })
})

test('A23: the usage of a child is that of getrusage(2): CPU time, memory, faults', async () => {
  await using root = await Agent.start()
  const idle = await run(root, 'exit 0')
  const busy = await run(root, 'i=0; while [ $i -lt 100000 ]; do i=$((i+1)); done')
  const large = await run(root, 'head -c 50000000 /dev/zero | tail -c 50000000 | wc -c')
  assert.ok(busy.rusage.userMs > 20 && busy.rusage.userMs > 3 * idle.rusage.userMs, JSON.stringify([idle, busy]))
  assert.ok(busy.rusage.userMs + busy.rusage.systemMs < 20_000)
  assert.ok(large.rusage.maxRssBytes > 40e6 && large.rusage.maxRssBytes < 500e6, JSON.stringify(large))
  assert.ok(idle.rusage.maxRssBytes > 100e3 && idle.rusage.maxRssBytes < 40e6)
  assert.ok(large.rusage.minorFaults > idle.rusage.minorFaults)
})

test('A25, D-A31: a caught signal is told decoded: name, code, sender', async () => {
  await using root = await Agent.start()
  const child = await root.fork()
  child.watchSignals(['SIGUSR1', 'SIGTERM'])
  await child.sys.getpid()
  const heard = listen(child)
  process.kill(child.pid, 'SIGUSR1')
  await eventually(
    () => signalsOf(heard).length === 1,
    () => JSON.stringify(heard, String),
  )
  await root.sys.kill(child.pid, 'SIGTERM')
  await eventually(
    () => signalsOf(heard).length === 2,
    () => JSON.stringify(heard, String),
  )
  const uid = process.getuid?.()
  assert.deepEqual(
    signalsOf(heard).map(({ signal, code, pid, uid: sender }) => ({ signal, code, pid, sender })),
    [
      { signal: 'SIGUSR1', code: 0, pid: process.pid, sender: uid },
      { signal: 'SIGTERM', code: 0, pid: root.pid, sender: uid },
    ],
  )
  assert.equal(await child.sys.getpid(), child.pid)
})

test(
  'A25, D-A31: the sender’s uid is that of the sender, not the catcher’s own or root',
  requires({ root: true }),
  async () => {
    await using root = await Agent.start()
    const [sender, child] = await Promise.all([root.fork(), root.fork()])
    child.watchSignals(['SIGHUP', 'SIGUSR1'])
    await child.sys.setresuid(ORDINARY_USER, ORDINARY_USER, ORDINARY_USER)
    await sender.sys.setresuid(ORDINARY_USER, ORDINARY_USER, ORDINARY_USER)
    const heard = listen(child)
    await sender.sys.kill(child.pid, 'SIGUSR1')
    await eventually(
      () => signalsOf(heard).length === 1,
      () => JSON.stringify(heard, String),
    )
    assert.deepEqual([signalsOf(heard)[0]?.pid, signalsOf(heard)[0]?.uid], [sender.pid, ORDINARY_USER])
  },
)

test('A25: the value that sigqueue(3) sends along arrives', async () => {
  await using root = await Agent.start()
  const child = await root.fork()
  child.watchSignals(['SIGUSR2'])
  await child.sys.getpid()
  const heard = listen(child)
  const SIGUSR2 = 12
  const info = new DataView(new ArrayBuffer(128))
  info.setInt32(0, SIGUSR2, true)
  info.setInt32(8, -1, true)
  info.setInt32(16, root.pid, true)
  info.setInt32(24, 4711, true)
  await root.sys.syscall('rt_sigqueueinfo', child.pid, SIGUSR2, new Uint8Array(info.buffer))
  await eventually(
    () => signalsOf(heard).length === 1,
    () => JSON.stringify(heard, String),
  )
  const [caught] = signalsOf(heard)
  assert.deepEqual([caught?.signal, caught?.code, caught?.pid, caught?.value], ['SIGUSR2', -1, root.pid, 4711])
})

test('watchSignals() replaces the set: what is not watched takes its effect again', async () => {
  await using root = await Agent.start()
  const child = await root.fork()
  child.watchSignals(['SIGUSR1'])
  child.watchSignals([])
  await child.sys.getpid()
  assert.throws(() => child.watchSignals(['SIGNONE']), { name: 'InvalidInputError' })
  const heard = listen(child)
  child.kill('SIGUSR1')
  await child.sys.getpid()
  assert.deepEqual(heard, [])
})

test('X07, D-A20: orphans are adopted by the root, reaped, and told', async () => {
  await using root = await Agent.start()
  const heard = listen(root)
  const child = await root.fork()
  const sh = await child.exec('/bin/sh', ['sh', '-c', 'sh -c "sleep 0.1; exit 9" >/dev/null & echo $!'])
  const orphan = Number(await text(sh.stdout as NonNullable<typeof sh.stdout>))
  await sh.exited
  // It may have ended meanwhile, and be reaped.
  assert.ok([root.pid, undefined].includes(seen(orphan)?.parent))
  await eventually(
    () => exitsOf(heard).has(orphan),
    () => `the end of ${orphan}`,
  )
  const exit = exitsOf(heard).get(orphan)
  assert.ok(exit?.kind === 'exited' && exit.code === 9)
  assert.equal(seen(orphan), undefined)
})

test('P24, D-A20: 300 orphans leave no zombie', async () => {
  await using root = await Agent.start()
  const child = await root.fork()
  const sh = await child.exec('/bin/sh', ['sh', '-c', 'i=0; while [ $i -lt 300 ]; do (true & ); i=$((i+1)); done'], {
    stdio: 'null',
  })
  await sh.exited
  await eventually(
    () => descendants(root.pid).length === 0,
    () => `${descendants(root.pid).length} are left`,
  )
})

test('D-A16, X23: 100,000 signals do not kill an agent; queued ones are all told', async () => {
  await using root = await Agent.start()
  const target = await root.fork()
  const REALTIME = 40
  target.watchSignals(['SIGUSR1', REALTIME])
  await target.sys.getpid()
  const counts = new Map<string, number>()
  void (async () => {
    for await (const event of target.events()) {
      if (event.type === 'signal') counts.set(event.signal.signal, (counts.get(event.signal.signal) ?? 0) + 1)
    }
  })()
  const flood = program()
  for (let i = 0; i < 10_000; i++) flood.tolerate('EAGAIN').kill(target.pid, i % 2 ? 'SIGUSR1' : REALTIME)
  let queued = 0
  for (let round = 0; round < 10; round++) {
    const result = await root.run(flood)
    for (let i = 0; i < 10_000; i += 2) if (result.result(i) === 0) queued++
  }
  assert.equal(await target.sys.getpid(), target.pid)
  const realtime = () => [...counts].find(([name]) => name !== 'SIGUSR1')?.[1]
  await eventually(
    () => realtime() === queued,
    () => `${queued} queued, told: ${JSON.stringify([...counts])}`,
  )
  assert.ok((counts.get('SIGUSR1') ?? 0) >= 1)
})

test('events() ends with the agent and with its signal, and return() leaves', async () => {
  const root = await Agent.start()
  const abort = new AbortController()
  const [first, second, third] = [root.events(), root.events({ signal: abort.signal }), root.events()]
  const ends = [first.next(), second.next()]
  abort.abort()
  assert.deepEqual(await ends[1], { value: undefined, done: true })
  await third.return?.()
  assert.deepEqual(await third.next(), { value: undefined, done: true })
  await root.close()
  assert.deepEqual(await ends[0], { value: undefined, done: true })
})

test('events() leaves nothing on a signal that lives longer', async () => {
  await using root = await Agent.start()
  const { signal } = new AbortController()
  for (let i = 0; i < 3; i++) await root.events({ signal }).return?.()
  assert.equal(getEventListeners(signal, 'abort').length, 0)
  const child = await root.fork()
  const events = child.events({ signal })
  assert.equal(getEventListeners(signal, 'abort').length, 1)
  await child.close()
  assert.deepEqual(await events.next(), { value: undefined, done: true })
  assert.equal(getEventListeners(signal, 'abort').length, 0)
})
