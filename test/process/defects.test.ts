import assert from 'node:assert/strict'
import { getEventListeners } from 'node:events'
import { readFileSync } from 'node:fs'
import type { Readable } from 'node:stream'
import { text } from 'node:stream/consumers'
import { mock, test } from 'node:test'
import { TimeoutError } from '../../src/base/errors.ts'
import { BpfProgram } from '../../src/linux/bpf-program.ts'
import { Agent } from '../../src/process/agent.ts'
import type { AgentEvent } from '../../src/process/tree/member.ts'
import type { PipedProcess } from '../../src/process/process.ts'
import { program } from '../../src/program/builder.ts'
import { cloneStep } from '../../src/program/special.ts'
import { checkMachine } from '../support/machine-check.ts'
import { eventually } from '../support/eventually.ts'
import { descendants, descriptorsOf, seen } from '../support/proc.ts'

checkMachine()

const ENV = { PATH: '/usr/bin:/bin' }
/** Time runs so many times faster for this process while `during` does. */
async function hurry<T>(times: number, during: () => Promise<T>): Promise<T> {
  const [now, timeout] = [performance.now.bind(performance), setTimeout]
  const mocks = [
    mock.method(performance, 'now', () => now() * times),
    mock.method(globalThis, 'setTimeout', (run: () => void, ms = 0) => timeout(run, ms / times)),
  ]
  try {
    return await during()
  } finally {
    for (const { mock: each } of mocks) each.restore()
  }
}

test('D-A02: what was asked of a process that never answers fails after 30 seconds, unless it waits by nature', async () => {
  await using root = await Agent.start()
  const [stopped, waiting] = [await root.fork(), await root.fork()]
  stopped.kill('SIGSTOP')
  let reading = 'waits'
  let read: Promise<Uint8Array> | undefined
  const [results, pipe] = await hurry(150, async () => {
    const ends = await waiting.sys.pipe2(['O_CLOEXEC'])
    read = waiting.sys.read(ends.read, 5).finally(() => (reading = 'has ended'))
    const all = await Promise.allSettled([
      stopped.sys.getpid(),
      stopped.run(program()),
      stopped.filter({ deny: ['mount'] }),
      stopped.setopt('grace', 1000),
      stopped.sigaction('SIGUSR1', 'event'),
      stopped.fork(),
    ])
    await assert.rejects(stopped.sys.getpid(), { name: 'TimeoutError' }, 'half a minute more for the one that waits')
    return [all, ends] as const
  })
  for (const result of results) {
    assert.ok(result.status === 'rejected')
    assert.ok(result.reason instanceof TimeoutError && result.reason.timeoutMs === 30_000, String(result.reason))
  }
  assert.equal(reading, 'waits')
  stopped.kill('SIGCONT')
  assert.equal(await stopped.sys.getpid(), stopped.pid, 'late answers are nobody’s')
  await eventually(
    () => descendants(stopped.pid).length === 0,
    () => 'a child that nobody knows',
  )
  const p = program()
  p.write(p.openat('AT_FDCWD', `/proc/${waiting.pid}/fd/${pipe.write}`, ['O_WRONLY', 'O_CLOEXEC']), 'at last')
  await root.run(p)
  assert.equal(Buffer.from((await read) ?? []).toString(), 'at la')
})

test('D-A02: a target that vanishes fails at once what was asked of it for ever', async () => {
  await using root = await Agent.start()
  const child = await root.fork()
  child.kill('SIGSTOP')
  const forever = [
    child.sys.getpid({ timeoutMs: Infinity }),
    child.fork({ timeoutMs: Infinity }),
    child.setopt('signaloneof', 15, { timeoutMs: Infinity }),
    child.watch(),
  ]
  child.kill('SIGKILL')
  const results = await Promise.allSettled(forever)
  const names = results.map((result) => (result.status === 'rejected' ? (result.reason as Error).name : 'told'))
  assert.deepEqual(names, ['AgentError', 'AgentError', 'AgentError', 'told'])
})

test('A23: the ends of children that nobody has been told about yet are told when they are', async () => {
  await using root = await Agent.start()
  const births = await Promise.all(
    [5, 6, 7].map(async (code) => {
      const birth = root.conceive()
      const exits = birth.agent.sys.exit_group(code)
      const p = program()
      const { pid, pidfd } = cloneStep(p, { flags: [], control: p.attached(0) })
      p.send(pidfd)
      return { birth, exits, pid, made: await root.run(p, { descriptors: [birth.socket] }), code }
    }),
  )
  await eventually(
    () => descendants(root.pid).length === 0,
    () => JSON.stringify(descendants(root.pid)),
  )
  await root.sys.getpid()
  for (const { birth, exits, made, pid, code } of births) {
    const child = birth.born(made, pid)
    await exits
    const exit = await child.watch({ timeoutMs: 5000 })
    assert.equal(exit.kind === 'exited' && exit.code, code)
  }
  assert.equal(root.children, 0)
})

test('A70, A10: a later filter for children takes away from them too, and gives nothing back', async () => {
  await using root = await Agent.start()
  const parent = await root.fork()
  await parent.filter({ deny: [] }, { children: { deny: ['getuid'] } })
  await parent.filter({ deny: [] }, { children: { deny: ['getgid'] } })
  const child = await parent.fork()
  for (const call of ['getuid', 'getgid'] as const) {
    await assert.rejects(child.sys[call](), { name: 'StateError', state: 'FILTERED', wanted: call })
  }
  assert.equal(await parent.sys.getuid(), process.getuid?.())
})

/** Says which signal asked it to end. */
async function asked(child: Agent): Promise<PipedProcess & { readonly said: Promise<string> }> {
  const script = `for name in TERM USR1 64; do trap "echo $name; exit" $name; done
    echo ready >&2; while :; do sleep 0.02; done`
  const sh = await child.exec('/bin/sh', ['sh', '-c', script], { env: ENV })
  for await (const _ of sh.stderr) break
  return Object.assign(sh, { said: text(sh.stdout) })
}

test('D-A18, A42: what children get at the end of their parent survives its reexec(): all of them, and one alone', async () => {
  await using root = await Agent.start()
  const parent = await root.fork()
  await parent.setopt('signaloneof', 15)
  const [all, alone] = [await asked(await parent.fork()), await asked(await parent.fork())]
  await parent.setcpid(alone.pid, 'signaloneof', 10)
  await parent.reexec()
  await parent.close()
  assert.deepEqual(await Promise.all([all.said, alone.said]), ['TERM\n', 'USR1\n'])
})

/** Number and flags of each descriptor, O_CLOEXEC (02000000) among them: proc_pid_fdinfo(5). */
const descriptorFlags = (pid: number): readonly string[] =>
  [...descriptorsOf(pid).keys()].map((fd) => {
    const info = readFileSync(`/proc/${pid}/fdinfo/${fd}`, 'utf8')
    return `${fd} ${/^flags:\s*(\d+)$/m.exec(info)?.[1]}`
  })

test('D-A18, X11: a fresh image, and one that the kernel refuses, leave every descriptor close-on-exec', async () => {
  await using root = await Agent.start()
  const child = await root.fork()
  await child.sys.getpid()
  const before = descriptorFlags(child.pid)
  for (const each of before) assert.match(each, /^\d+ 02\d{6}$/)
  await child.reexec()
  assert.deepEqual(descriptorFlags(child.pid), before)
  const refusal = new BpfProgram().validateArchitecture().examineSyscall()
  refusal.answer(['execve', 'execveat'], ['SECCOMP_RET_ERRNO', 'EACCES']).ret('SECCOMP_RET_ALLOW')
  await child.sys.prctl('PR_SET_NO_NEW_PRIVS', 1)
  await child.sys.seccomp('SECCOMP_SET_MODE_FILTER', 0, { filter: refusal.instructions })
  await assert.rejects(child.reexec(), { name: 'SyscallError', errno: 'EACCES' })
  assert.equal(await child.sys.getpid(), child.pid)
  assert.deepEqual(descriptorFlags(child.pid), before)
})

test('D-A18: who may look into a process and what its programs get survive reexec()', async () => {
  await using root = await Agent.start()
  const child = await root.fork()
  for (const dumpable of [0, 1]) {
    await child.sys.prctl('PR_SET_DUMPABLE', dumpable)
    await child.reexec()
    assert.equal(await child.sys.prctl('PR_GET_DUMPABLE'), dumpable)
  }
  child.setenv('KEPT', 'here')
  await child.reexec()
  assert.equal((await child.sh('echo $KEPT')).stdout, 'here\n')
})

test('X06, D-A18: a process that was re-executed ends with its parent, whatever it is doing', async () => {
  await using root = await Agent.start()
  const parent = await root.fork()
  const child = await parent.fork()
  await child.reexec()
  const blocked = assert.rejects(child.sys.nanosleep({ tv_sec: 1000, tv_nsec: 0 }), { name: 'AgentError' })
  parent.kill('SIGKILL')
  await eventually(
    () => seen(child.pid) === undefined,
    () => `${child.pid} is ${seen(child.pid)?.state}, below ${seen(child.pid)?.parent}`,
  )
  await blocked
})

test('A41: 50 programs without credit that write and exit are told, in order, and leave nothing', async () => {
  await using root = await Agent.start()
  await root.setopt('flowcontrol', 0)
  const open = descriptorsOf('self').size
  for (let round = 0; round < 50; round++) {
    const sh = await (await root.fork()).exec('/bin/sh', ['sh', '-c', `echo unread; exit ${round}`], { env: ENV })
    const exit = await sh.exited
    assert.equal(exit.kind === 'exited' && exit.code, round)
    assert.deepEqual(sh.credit, { stdout: 0, stderr: 0 })
    await sh[Symbol.asyncDispose]()
  }
  assert.deepEqual([root.children, descendants(root.pid)], [0, []])
  assert.equal(descriptorsOf('self').size, open)
})

test('A34: whatever a handle on an agent does needs the right to it', async () => {
  await using root = await Agent.start()
  const child = await root.fork()
  const below = await child.fork()
  const others = { call: true, fork: true, exec: true, signal: true, events: true, manage: true }
  const verbs: Readonly<Record<string, readonly ((handle: Agent) => unknown)[]>> = {
    call: [(h) => h.run(program()), (h) => h.attempt(program()), (h) => h.sys.getpid(), (h) => h.readdir('/')],
    fork: [(h) => h.fork(), (h) => h.clone([]), (h) => h.conceive(), (h) => h.task([]), (h) => h.cmd(['true'])],
    exec: [(h) => h.exec('/bin/true'), (h) => h.become(program(), { stdin: null, stdout: null, stderr: null })],
    events: [(h) => h.events()],
    manage: [
      (h) => h.onEnd(1, null),
      (h) => h.watchSignals([]),
      (h) => h.sigaction('SIGUSR1', null),
      (h) => h.reexec(),
      (h) => h.filter({ deny: ['getpid'] }),
      (h) => h.setopt('maxchild', 1),
      (h) => h.setcpid(below.pid, 'flowcontrol', 0),
      (h) => h.link(new AbortController()),
      (h) => h.exit(),
      (h) => h.close(),
      (h) => h.detach(),
    ],
  }
  for (const [right, actions] of Object.entries(verbs)) {
    const handle = child.restrict({ ...others, [right]: false })
    const refused = { name: 'StateError', state: 'restricted', wanted: right }
    for (const action of actions) await assert.rejects(async () => action(handle), refused, String(action))
  }
  const mute = child.restrict({ ...others, signal: false })
  assert.throws(() => mute.kill(0), { state: 'restricted' })
  assert.throws(() => child.restrict({ signal: ['SIGUSR1'] }).restrict({ signal: ['SIGKILL'] }), {
    state: 'restricted',
  })
  assert.throws(() => child.restrict({ signal: ['SIGUSR1'] }).restrict({ signal: true }), { state: 'restricted' })
  assert.deepEqual([await child.sys.getpid(), child.getopt('maxchild'), child.children], [child.pid, 65_535, 1])
  assert.equal(child.getcpid(below.pid)?.flowcontrol, -1)
})

test('A34: whatever a handle on a program does needs the right to it', async () => {
  await using root = await Agent.start()
  const cat = await (await root.fork()).exec('/bin/cat', ['cat'], { env: ENV })
  type Handle = ReturnType<typeof cat.restrict>
  const verbs: Readonly<Record<string, readonly ((handle: Handle) => unknown)[]>> = {
    read: [
      (h) => h.stdout,
      (h) => h.stderr,
      (h) => h.messages(),
      (h) => h.read(),
      (h) => h.eof('stdout'),
      (h) => h.credit,
      (h) => h.grant(1),
      (h) => h.setCredit(0),
    ],
    write: [(h) => h.stdin, (h) => h.write('x'), (h) => h.eof(), (h) => h.resize({ columns: 1, rows: 1 })],
    signal: [(h) => h.link(new AbortController()), (h) => h.detach()],
  }
  for (const [right, actions] of Object.entries(verbs)) {
    const handle = cat.restrict({ read: true, write: true, signal: true, [right]: false })
    const refused = { name: 'StateError', state: 'restricted', wanted: right }
    for (const action of actions) await assert.rejects(async () => action(handle), refused, String(action))
  }
  assert.equal(await cat.write('as before'), 9)
  cat.eof()
  assert.equal(await text(cat.stdout), 'as before')
})

test('A26, C98: an end that waitpid() or waitid() has taken is that of the child all the same; a stop is none', async () => {
  await using root = await Agent.start()
  const parent = await root.fork()
  for (const how of ['waitpid', 'waitid'] as const) {
    const child = await parent.fork()
    child.kill('SIGSTOP')
    await parent.sys.waitpid(child.pid, ['WUNTRACED'])
    child.kill('SIGCONT')
    await parent.sys.waitpid(child.pid, ['WCONTINUED'])
    assert.equal(parent.getcpid(child.pid)?.hostPid, child.pid)
    const p = program()
    p.kill(child.pid, 'SIGKILL')
    if (how === 'waitpid') p.waitpid(child.pid, 0)
    else p.waitid('P_PID', child.pid, ['WEXITED'])
    await parent.run(p)
    const exit = await child.watch({ timeoutMs: 5000 })
    assert.equal(exit.kind === 'signaled' && exit.signal, 'SIGKILL', how)
    assert.equal(parent.children, 0)
  }
})

test('A26, C62: the stop of a traced child is an event and no end, and what was said for this child stays', async () => {
  await using root = await Agent.start()
  const tracer = await root.fork()
  const tracee = await asked(await tracer.fork())
  await tracer.setcpid(tracee.pid, 'signaloneof', 15)
  const events = tracer.events()
  const p = program()
  p.ptrace('PTRACE_SEIZE', tracee.pid)
  p.kill(tracee.pid, 'SIGUSR1')
  await tracer.run(p)
  const told = (await events.next()).value as AgentEvent
  assert.deepEqual(told, { type: 'stopped', pid: tracee.pid, signal: 'SIGUSR1', event: 0 })
  assert.equal(seen(tracee.pid)?.state, 't')
  assert.equal(tracer.children, 1)
  await tracer.sys.ptrace('PTRACE_DETACH', tracee.pid, 0, 0)
  await tracer.close()
  assert.equal(await tracee.said, 'TERM\n')
})

test('A45: what was said for a child is forgotten with it: 1100 children, one after the other', async () => {
  await using root = await Agent.start()
  for (let round = 0; round < 1100; round++) {
    const child = await root.fork()
    assert.equal(await root.setcpid(child.pid, 'signaloneof', 15), true)
    child.kill('SIGKILL')
    await child.watch()
  }
})

test('A41: the option flowcontrol is for pipes: a program on a terminal is executed and read', async () => {
  await using root = await Agent.start()
  const child = await root.fork()
  await root.setopt('flowcontrol', 3)
  const behind = await root.fork()
  await root.setcpid(child.pid, 'flowcontrol', 5)
  for (const agent of [child, behind]) {
    assert.equal(agent.getopt('flowcontrol'), agent === child ? 5 : 3)
    const echo = await agent.exec('/bin/echo', ['echo', 'all of it'], { env: ENV, stdio: 'pty' })
    assert.equal(await text(echo.stdout as Readable), 'all of it\r\n')
  }
})

test('A51: a whole tree is linked too', async () => {
  const controller = new AbortController()
  const root = await Agent.start({ linked: controller })
  const child = await root.fork()
  controller.abort()
  await root.watch()
  await eventually(
    () => !seen(root.pid) && !seen(child.pid),
    () => 'something is left',
  )
})

test('A54: the end of a handle that was given away or restricted is not the end of its program', async () => {
  await using root = await Agent.start()
  const cat = await (await root.fork()).exec('/bin/cat', ['cat'], { env: ENV })
  const heir = cat.handOver()
  await cat[Symbol.asyncDispose]()
  await heir.restrict({ read: true, signal: true })[Symbol.asyncDispose]()
  const child = await root.fork()
  await child.restrict({ call: true })[Symbol.asyncDispose]()
  assert.equal(await child.sys.getpid(), child.pid)
  assert.equal(await heir.write('on'), 2)
  assert.equal(Buffer.from((await heir.read('stdout', { timeoutMs: 5000 })) ?? []).toString(), 'on')
  await heir[Symbol.asyncDispose]()
  assert.equal(seen(heir.pid), undefined)
})

test('A51: a process that has ended leaves its controller as it found it', async () => {
  await using root = await Agent.start()
  const controller = new AbortController()
  const child = await root.fork({ linked: controller })
  assert.equal(getEventListeners(controller.signal, 'abort').length, 1)
  await child.exit(3)
  assert.equal(controller.signal.aborted, false, 'it was asked to')
  await eventually(
    () => getEventListeners(controller.signal, 'abort').length === 0,
    () => 'a listener is left',
  )
})

test('A42: a program is not woken up as the process was that it came from, which had something to do at its end', async () => {
  await using root = await Agent.start()
  const parent = await root.fork()
  const child = await parent.fork()
  child.onEnd(1, program())
  await child.setopt('signaloneof', 15)
  const sh = await asked(child)
  await parent.close()
  assert.equal(await sh.said, '', 'SIGKILL, as all that nothing was said for')
})

test('A15: what was asked behind a reexec() that had to wait follows it', async () => {
  await using root = await Agent.start()
  const child = await root.fork()
  child.kill('SIGSTOP')
  const orders = [child.sys.getpid(), child.reexec(), child.sys.getpid(), child.reexec(), child.sys.getppid()]
  child.kill('SIGCONT')
  assert.deepEqual(await Promise.all(orders), [child.pid, undefined, child.pid, undefined, root.pid])
})
