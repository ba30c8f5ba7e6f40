import assert from 'node:assert/strict'
import { text } from 'node:stream/consumers'
import { setTimeout as sleep } from 'node:timers/promises'
import { test } from 'node:test'
import { Agent } from '../../src/process/agent.ts'
import { type Program, program } from '../../src/program/builder.ts'
import { checkMachine } from '../support/machine-check.ts'
import { eventually } from '../support/eventually.ts'
import { startScript } from '../support/node-script.ts'
import { isAlive, seen } from '../support/proc.ts'

checkMachine()

const ENV = { PATH: '/usr/bin:/bin' }
const restricted = (wanted: string) => ({ name: 'StateError', state: 'restricted', wanted })

test('A06: every call is a method of the process that makes it: the same call answers for each one', async () => {
  await using root = await Agent.start()
  const child = await root.fork()
  const grandchild = await child.fork()
  const pids = await Promise.all([root, child, grandchild].map((each) => each.sys.getpid()))
  assert.deepEqual(pids, [root.pid, child.pid, grandchild.pid])
  assert.equal(seen(grandchild.pid)?.parent, child.pid)
})

test('A34: a handle that may make certain calls makes those and no others', async () => {
  await using root = await Agent.start()
  const child = await root.fork()
  const handle = child.restrict({ call: ['getpid', 'open'] })
  assert.equal(await handle.sys.getpid(), child.pid)
  const fd = await handle.sys.open('/dev/null', 'O_RDONLY')
  await assert.rejects(handle.sys.close(fd), restricted('call close'))
  const p = program()
  p.getpid()
  p.kill(child.pid, 'SIGTERM')
  await assert.rejects(handle.run(p), restricted('call kill'))
  await assert.rejects(handle.fork(), restricted('fork'))
  await assert.rejects(handle.exec('/bin/true'), restricted('exec'))
  await assert.rejects(handle.close(), restricted('manage'))
  await assert.rejects(handle.setopt('maxchild', 1), restricted('manage'))
  assert.throws(() => handle.kill('SIGKILL'), restricted('signal SIGKILL'))
  assert.throws(() => handle.events(), restricted('events'))
  assert.equal(await child.sys.getpid(), child.pid)
  assert.ok(isAlive(child.pid))
})

test('P11: others may have a process fork, what comes of it is theirs', async () => {
  await using root = await Agent.start()
  const child = await root.fork()
  const handle = child.restrict({ fork: true })
  const own = await handle.fork()
  assert.equal(seen(own.pid)?.parent, child.pid)
  assert.equal(await own.sys.getpid(), own.pid)
  await assert.rejects(handle.sys.getpid(), restricted('call'))
  await own.close()
  assert.equal(seen(own.pid), undefined)
})

test('A34: a handle is restricted further, never less; an unknown right is refused', async () => {
  await using root = await Agent.start()
  const child = await root.fork()
  const handle = child.restrict({ call: ['getpid', 'getuid'], signal: ['SIGUSR1', 'SIGTERM'] })
  const less = handle.restrict({ call: ['getpid'], signal: ['SIGTERM'] })
  await assert.rejects(less.sys.getuid(), restricted('call getuid'))
  assert.throws(() => less.kill('SIGUSR1'), restricted('signal SIGUSR1'))
  assert.equal(less.kill('SIGTERM'), true)
  assert.throws(() => handle.restrict({ fork: true }), restricted('fork'))
  assert.throws(() => handle.restrict({ call: true }), restricted('call without a list'))
  assert.throws(() => handle.restrict({ call: ['kill'] }), restricted('call kill'))
  assert.throws(() => child.restrict({ calls: true } as never), {
    name: 'InvalidInputError',
    message: /did you mean call\?/,
  })
  assert.throws(() => child.restrict({ call: ['getpit'] }), {
    name: 'InvalidInputError',
    message: /did you mean getpid/,
  })
})

test('A34: a program’s handles: to read its output, to write its input, to signal it', async () => {
  await using root = await Agent.start()
  const cat = await (await root.fork()).exec('/bin/cat', ['cat'], { env: ENV })
  const [reader, writer, killer] = [
    cat.restrict({ read: true }),
    cat.restrict({ write: true }),
    cat.restrict({ signal: ['SIGTERM'] }),
  ]
  assert.throws(() => writer.stdout, restricted('read'))
  assert.throws(() => reader.stdin, restricted('write'))
  await assert.rejects(reader.write('x'), restricted('write'))
  assert.throws(() => reader.kill('SIGTERM'), restricted('signal SIGTERM'))
  assert.throws(() => killer.kill('SIGKILL'), restricted('signal SIGKILL'))
  assert.equal(await writer.write('from the writer\n'), 16)
  assert.equal(Buffer.from((await reader.read('stdout', { timeoutMs: 5000 })) ?? []).toString(), 'from the writer\n')
  assert.equal(killer.kill('SIGTERM'), true)
  assert.equal((await reader.watch()).kind, 'signaled')
})

test('A54, P10: handOver() gives a process away, explicitly: the old handle is spent, nothing of the process changes', async () => {
  await using root = await Agent.start()
  const child = await root.fork()
  const heard: string[] = []
  await child.sigaction('SIGUSR1', ({ signal }) => heard.push(signal))
  const pending = child.sys.getppid()
  const heir = child.handOver()
  await assert.rejects(child.sys.getpid(), { name: 'StateError', state: 'given away' })
  await assert.rejects(child.fork(), { name: 'StateError', state: 'given away' })
  assert.throws(() => child.kill('SIGKILL'), { name: 'StateError', state: 'given away' })
  assert.throws(() => child.handOver(), { name: 'StateError', state: 'given away' })
  await child.close()
  assert.equal(await pending, root.pid, 'what was asked before is answered')
  assert.equal(await heir.sys.getpid(), child.pid)
  await heir.sys.kill(child.pid, 'SIGUSR1')
  await eventually(
    () => heard.length > 0,
    () => 'the signal was not told',
  )
  assert.deepEqual(heard, ['SIGUSR1'])
})

test('A54: a call does not make its caller the owner', async () => {
  await using root = await Agent.start()
  const child = await root.fork()
  const other = child.restrict({ call: true })
  for (let i = 0; i < 20; i++) await other.sys.getpid()
  assert.equal(await child.sys.getpid(), child.pid)
  await child.close()
  await assert.rejects(other.sys.getpid(), { name: 'StateError', state: 'closed' })
})

test('P10, A54: a program that is handed over loses neither output nor its end around the exec', async () => {
  await using root = await Agent.start()
  const child = await root.fork()
  const heir = child.handOver()
  const first = await heir.exec('/bin/sh', ['sh', '-c', 'echo one; read line; echo $line; exit 5'], { env: ENV })
  const second = first.handOver()
  await assert.rejects(first.write('x\n'), { name: 'StateError', state: 'given away' })
  assert.throws(() => first.stdout, { name: 'StateError', state: 'given away' })
  await second.write('two\n')
  const out: string[] = []
  for await (const message of second.messages())
    if (message.type === 'stdout') out.push(Buffer.from(message.data).toString())
  assert.equal(out.join(''), 'one\ntwo\n')
  const exit = await first.exited
  assert.equal(exit.kind === 'exited' && exit.code, 5)
})

test('A52: watch() tells one event, the end, to whoever asks, and owns nothing', async () => {
  await using root = await Agent.start()
  const child = await root.fork()
  const watcher = child.restrict({})
  await assert.rejects(watcher.watch({ timeoutMs: 20 }), { name: 'TimeoutError' })
  const leave = new AbortController()
  const left = watcher.watch({ signal: leave.signal })
  leave.abort(new Error('no longer'))
  await assert.rejects(left, { message: 'no longer' })
  assert.ok(isAlive(child.pid))
  const [first, second] = [watcher.watch(), child.watch()]
  child.kill('SIGKILL')
  assert.deepEqual(await first, await second)
  assert.equal((await watcher.watch()).kind, 'signaled', 'also when it is over already')
})

test('A51: linked: a controller that is aborted takes the process with it', async () => {
  await using root = await Agent.start()
  const [forAgent, forProgram] = [new AbortController(), new AbortController()]
  const agent = await root.fork({ linked: forAgent })
  const below = await agent.fork()
  const sleeper = await (await root.fork()).exec('/bin/sleep', ['sleep', '1000'], { linked: forProgram })
  forAgent.abort()
  forProgram.abort()
  assert.equal((await sleeper.exited).kind, 'signaled')
  await agent.watch()
  await eventually(
    () => [agent.pid, below.pid, sleeper.pid].every((pid) => seen(pid) === undefined),
    () => 'they are gone',
  )
  const late = await root.fork({ linked: forAgent })
  assert.equal((await late.watch()).kind === 'exited' || seen(late.pid) === undefined, true, 'aborted before it began')
})

test('A51: linked: a process that dies unasked aborts the controller, one that was asked to does not', async () => {
  await using root = await Agent.start()
  const start = async (script: string) => {
    const controller = new AbortController()
    const child = await root.fork()
    const sh = await child.exec('/bin/sh', ['sh', '-c', script], { env: ENV, linked: controller })
    return { sh, signal: controller.signal }
  }
  const [failed, killed, good, asked] = [
    await start('exit 3'),
    await start('kill -KILL $$'),
    await start('exit 0'),
    await start('exec sleep 1000'),
  ]
  asked.sh.kill('SIGTERM')
  await Promise.all([failed, killed, good, asked].map(({ sh }) => sh.exited))
  await eventually(
    () => failed.signal.aborted && killed.signal.aborted,
    () => 'no controller was aborted',
  )
  assert.match(String(failed.signal.reason), /AgentError: Process \d+ exited with status 3/)
  assert.match(String(killed.signal.reason), /was killed by SIGKILL/)
  assert.deepEqual([good.signal.aborted, asked.signal.aborted], [false, false])
  const lost = new AbortController()
  const agent = await root.fork({ linked: lost })
  process.kill(agent.pid, 'SIGKILL')
  await agent.watch()
  await eventually(
    () => lost.signal.aborted,
    () => 'the controller was not aborted',
  )
  assert.match(String(lost.signal.reason), /killed by SIGKILL/)
  const closed = new AbortController()
  await (await root.fork({ linked: closed })).close()
  await sleep(5)
  assert.equal(closed.signal.aborted, false)
})

test('P23, A50: the end of a subtree ends all below it, and whoever waits hears of it', async () => {
  await using root = await Agent.start()
  const top = await root.fork()
  const middle = await top.fork()
  const sleeper = await (await middle.fork()).exec('/bin/sleep', ['sleep', '1000'])
  const pending = middle.sys.nanosleep({ tv_sec: 1000, tv_nsec: 0 })
  const refused = assert.rejects(pending, { name: 'AgentError' })
  await top.close()
  await refused
  const ended = await Promise.all([sleeper.exited, middle.exited])
  assert.deepEqual(
    ended.map(({ kind }) => kind),
    ['signaled', 'signaled'],
  )
  assert.deepEqual([top.pid, middle.pid, sleeper.pid].map(isAlive), [false, false, false])
  await assert.rejects(middle.sys.getpid(), { name: 'AgentError' })
})

test('A16: an exec that says so ends the children of its process first, with all that is below them', async () => {
  await using root = await Agent.start()
  const parent = await root.fork()
  const middle = await parent.fork()
  const below = await middle.fork()
  const sleeper = await (await parent.fork()).exec('/bin/sleep', ['sleep', '1000'])
  const pids = [middle.pid, below.pid, sleeper.pid]
  const sh = await parent.exec('/bin/sh', ['sh', '-c', 'read line'], { env: ENV, children: 'close' })
  assert.deepEqual(
    pids.map((pid) => seen(pid)),
    [undefined, undefined, undefined],
  )
  assert.equal(seen(sh.pid)?.name, 'sh')
  await assert.rejects(below.sys.getpid(), { name: /AgentError|StateError/ })
})

test('P04: exec() of a process with children is refused, and changes nothing; argv[0] may be another name', async () => {
  await using root = await Agent.start()
  const parent = await root.fork()
  const child = await parent.fork()
  await assert.rejects(parent.exec('/bin/true'), { name: 'StateError', state: 'parent' })
  assert.equal(await child.sys.getppid(), parent.pid)
  await child.close()
  const sh = await parent.exec('/bin/sh', ['sh', '-c', 'echo $0 $1', 'zero', 'one'], { env: ENV, argv0: 'another' })
  assert.equal(await text(sh.stdout), 'zero one\n')
})

test('A29: a process that has ended is nobody’s target: calls and forks are errors, a signal finds nobody', async () => {
  await using root = await Agent.start()
  const child = await root.fork()
  const [pid, below] = [child.pid, await child.fork()]
  await child.close()
  await assert.rejects(child.sys.getpid(), { name: 'StateError', state: 'closed' })
  await assert.rejects(child.fork(), { name: 'StateError' })
  await assert.rejects(below.sys.getpid(), { name: 'AgentError' })
  assert.equal(child.kill('SIGTERM'), false)
  assert.equal(root.getcpid(pid), undefined)
  await assert.rejects(root.sys.kill(pid, 0), { name: 'SyscallError', errno: 'ESRCH' })
  await assert.rejects(root.sys.kill(-1_999_999, 0), { name: 'SyscallError', errno: 'ESRCH' })
})

test('A34: a handle that may not manage changes no environment of others, and reads it only to run programs', async () => {
  await using root = await Agent.start({ env: { ...ENV, SECRET: 'x' } })
  const child = await root.fork()
  const [none, forks, manager] = [{}, { fork: true }, { manage: true }].map((rights) => child.restrict(rights))
  assert.deepEqual([none?.getenv('SECRET'), forks?.getenv('SECRET'), manager?.getenv('SECRET')], [undefined, 'x', 'x'])
  none?.setenv('PATH', '/evil')
  forks?.clearenv()
  assert.deepEqual([child.getenv('PATH'), child.getenv('SECRET')], [ENV.PATH, 'x'])
  manager?.setenv('PATH', '/bin')
  assert.equal(child.getenv('PATH'), '/bin')
})

test('A34: what is no right gives none: text for a list, a word for true', async () => {
  await using root = await Agent.start()
  const sleeper = await (await root.fork()).exec('/bin/sleep', ['sleep', '1000'], { stdio: 'null' })
  for (const wrong of [
    { call: 'getpid' },
    { call: 5 },
    { fork: 'yes' },
    { fork: [] },
    { signal: 'SIGTERM' },
    null,
    5,
  ]) {
    assert.throws(() => root.restrict(wrong as never), { name: 'InvalidInputError' }, JSON.stringify(wrong))
  }
  assert.throws(() => sleeper.restrict({ signal: 'SIGTERM' } as never), { name: 'InvalidInputError', field: 'signal' })
  await assert.rejects(root.restrict({ call: false }).sys.getpid(), restricted('call'))
  for (const wrong of [1.7, -5, 65, NaN]) assert.throws(() => sleeper.kill(wrong), { name: 'InvalidInputError' })
  assert.equal(sleeper.kill(0), true)
})

test('A34: the right to exec is none to other calls in a process that stays, nor to end its children', async () => {
  await using root = await Agent.start()
  const parent = await root.fork()
  const handle = parent.restrict({ exec: true })
  const prepare = (p: Program) => p.chdir('/tmp')
  await assert.rejects(handle.exec('/nonexistent', [], { prepare }), restricted('call'))
  const p = program()
  p.chdir('/tmp')
  await assert.rejects(handle.become(p, { stdin: null, stdout: null, stderr: null }), restricted('call'))
  const child = await parent.fork()
  await assert.rejects(handle.exec('/bin/true', ['true'], { children: 'close' }), restricted('manage'))
  assert.equal(await child.sys.getppid(), parent.pid)
  assert.notEqual(await parent.sys.getcwd(), '/tmp')
  await child.close()
  const both = parent.restrict({ exec: true, call: ['chdir'] })
  const pwd = await both.exec('/bin/pwd', ['pwd'], { prepare })
  assert.equal(await text(pwd.stdout), '/tmp\n')
})

test('A34, X06: the right to manage suffices for reexec() behind a wrapper, which is woken as before', async () => {
  await using root = await Agent.start({ wrapper: ['/usr/bin/env'] })
  await root.restrict({ manage: true }).reexec()
  const begin = performance.now()
  const asleep = root.sys.nanosleep({ tv_sec: 1000, tv_nsec: 0 })
  asleep.catch(() => {})
  await root.close()
  // close() itself kills after 5000.
  assert.ok(performance.now() - begin < 4000)
})

test('A34: a failed birth closes the child’s socket once: the number may be another descriptor’s by then', async () => {
  await using root = await Agent.start()
  await assert.rejects(root.fork({ linked: {} as AbortController }), { name: 'InvalidInputError', field: 'linked' })
  await eventually(
    () => root.children === 0,
    () => `${root.children} children`,
  )
})

for (const [what, argument, expected] of [
  ['A51: linked: a process that was let go is left alone when its controller is aborted', 'linked', 'quiet\n'],
  [
    'C86: what a callback of sigaction() throws is its caller’s, the agent stays',
    'callback',
    'uncaught in the callback\nagent is there\n',
  ],
] as const) {
  test(what, async () => {
    const { stdout, stderr, code } = await startScript('test/process/scripts/careless.ts', { args: [argument] }).ended
    assert.deepEqual([stdout, stderr, code], [expected, '', 0])
  })
}

test('A52: watch() of what was let go with its tree says so: nobody will tell its end', async () => {
  const root = await Agent.start()
  const child = await root.fork()
  const sleeper = await (await child.fork()).exec('/bin/sleep', ['sleep', '1000'], { stdio: 'null' })
  const watching = sleeper.watch()
  const refused = assert.rejects(watching, { name: 'StateError', state: 'detached' })
  await child.detach()
  await refused
  await assert.rejects(sleeper.watch(), { name: 'StateError', state: 'detached' })
  process.kill(sleeper.pid, 'SIGKILL')
  await child.watch()
  await root.close()
})
