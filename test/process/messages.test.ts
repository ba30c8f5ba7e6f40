import assert from 'node:assert/strict'
import { spawn } from 'node:child_process'
import { test } from 'node:test'
import { text } from 'node:stream/consumers'
import { setTimeout as sleep } from 'node:timers/promises'
import { decodeWaitStatus } from '../../src/linux/wait-status.ts'
import { Agent } from '../../src/process/agent.ts'
import type { ExecOptions } from '../../src/process/exec.ts'
import type { ProcessMessage } from '../../src/process/streams/messages.ts'
import type { Process } from '../../src/process/process.ts'
import { checkMachine } from '../support/machine-check.ts'
import { eventually } from '../support/eventually.ts'
import { descriptorsOf, seen } from '../support/proc.ts'
import { startScript } from '../support/node-script.ts'

checkMachine()

const ENV = { PATH: '/usr/bin:/bin' }

async function shell(root: Agent, script: string, options: ExecOptions = {}): Promise<Process> {
  return (await root.fork()).exec('/bin/sh', ['sh', '-c', script], { env: ENV, ...options })
}

/** As short as it can be read: `stdout:text`, `stdout_closed`, `exited:3`. */
function brief(message: ProcessMessage): string {
  if ('data' in message) return `${message.type}:${Buffer.from(message.data).toString()}`
  if (message.type !== 'exited') return message.type
  return `exited:${message.exit.kind === 'exited' ? message.exit.code : message.exit.signal}`
}

async function told(messages: AsyncIterable<ProcessMessage>): Promise<string[]> {
  const all: string[] = []
  for await (const message of messages) all.push(brief(message))
  return all
}

test('A31, P09: a shell that prints and exits 3 tells stdout, stderr, the closing of the three, its end', async () => {
  await using root = await Agent.start()
  for (let round = 0; round < 30; round++) {
    const sh = await shell(root, 'echo out; echo err >&2; exit 3')
    assert.deepEqual(await told(sh.messages()), [
      'stdout:out\n',
      'stderr:err\n',
      'stdout_closed',
      'stderr_closed',
      'stdin_closed',
      'exited:3',
    ])
  }
})

test('A23, A24, P09: the last message is the end, with its code or its signal', async () => {
  await using root = await Agent.start()
  const quiet = { closed: false } as const
  assert.deepEqual(await told((await shell(root, 'exit 255')).messages(quiet)), ['exited:255'])
  assert.deepEqual(await told((await shell(root, 'kill -TERM $$')).messages(quiet)), ['exited:SIGTERM'])
  const cat = await shell(root, 'exec cat')
  const all = told(cat.messages(quiet))
  cat.kill('SIGUSR1')
  assert.deepEqual(await all, ['exited:SIGUSR1'])
})

test('A31: a megabyte that was not read yet when the program ended is told whole before its end', async () => {
  await using root = await Agent.start()
  const seq = await shell(root, 'seq 100000; seq 7 >&2')
  await seq.exited
  let output = ''
  let last = ''
  for await (const message of seq.messages()) {
    if (message.type === 'stdout') output += Buffer.from(message.data).toString()
    last = message.type
  }
  const real = spawn('seq', ['100000'], { stdio: ['ignore', 'pipe', 'ignore'] })
  assert.equal(output, await text(real.stdout))
  assert.equal(last, 'exited')
})

test('A17, A31: a grandchild that keeps the pipes open does not hold back the end; what it writes may follow', async () => {
  await using root = await Agent.start()
  // The grandchild has let go of stdin (sh gives a background job /dev/null) before the shell ends, and writes well after that.
  const late = 'while [ -e /proc/$$ ]; do sleep 0.02; done; sleep 0.3; echo late; echo later >&2'
  const script = `(${late}) & until [ "$(readlink /proc/$!/fd/0)" = /dev/null ]; do :; done; echo early; exit 4`
  const sh = await shell(root, script)
  assert.deepEqual(await told(sh.messages()), ['stdout:early\n', 'stdin_closed', 'exited:4'])
  assert.deepEqual(await told(sh.messages({ until: 'closed' })), [
    'stdin_closed',
    'exited:4',
    'stdout:late\n',
    'stderr:later\n',
    'stdout_closed',
    'stderr_closed',
  ])
})

test('A17: a grandchild that never stops writing does not hold back the end either', async () => {
  await using root = await Agent.start()
  const sh = await shell(root, 'yes & sleep 0.02; exit 5')
  let bytes = 0
  let end: ProcessMessage | undefined
  for await (const message of sh.messages({ closed: false })) {
    end = message
    if (message.type === 'stdout') bytes += message.data.length
    // Slower than the writer: there is always more.
    await sleep(2)
    if (bytes > 256 << 20) break
  }
  assert.ok(
    end?.type === 'exited' && end.exit.kind === 'exited' && end.exit.code === 5,
    `${end?.type} after ${bytes} bytes`,
  )
  await sh[Symbol.asyncDispose]()
})

test('A28, A43, P09: the closing of each stream is told when it happens, long before the end, and not when unwanted', async () => {
  await using root = await Agent.start()
  const script = 'read _; exec 2>&-; read _; exec 1>&-; read _; exec 0<&-; exec sleep 1000'
  const sh = await shell(root, script)
  const messages = sh.messages()
  for (const type of ['stderr_closed', 'stdout_closed', 'stdin_closed']) {
    assert.equal(await sh.write('\n'), 1)
    assert.deepEqual((await messages.next()).value, { type })
    assert.notEqual(seen(sh.pid), undefined)
  }
  sh.kill('SIGKILL')
  assert.equal(brief((await messages.next()).value as ProcessMessage), 'exited:SIGKILL')
  assert.deepEqual(await messages.next(), { value: undefined, done: true })
  const unwanted = await shell(root, 'exec 1>&-; exec 0<&-; echo still >&2')
  assert.deepEqual(await told(unwanted.messages({ closed: false })), ['stderr:still\n', 'exited:0'])
})

test('A22: stdout and stderr are told apart, as they come, and as the bytes that they are', async () => {
  await using root = await Agent.start()
  const sh = await shell(root, 'while read word; do printf "$word"; printf "$word" >&2; done')
  const messages = sh.messages()
  for (const [sent, bytes] of [
    ['first', Buffer.from('first')],
    ['\\\\000\\\\377', Buffer.from([0, 255])],
  ] as const) {
    await sh.write(`${sent}\n`)
    assert.deepEqual((await messages.next()).value, { type: 'stdout', data: bytes })
    assert.deepEqual((await messages.next()).value, { type: 'stderr', data: bytes })
  }
  sh.eof()
  await sh.exited
  assert.deepEqual(await told(messages), ['stdout_closed', 'stderr_closed', 'stdin_closed', 'exited:0'])
})

test('messages(): one reader at a time, who may leave and come back; streams that are not asked for stay as they are', async () => {
  await using root = await Agent.start()
  const sh = await shell(root, 'echo one; echo problem >&2; read _; echo two')
  for await (const message of sh.messages({ streams: ['stdout'] })) {
    assert.equal(brief(message), 'stdout:one\n')
    assert.throws(() => sh.messages(), { name: 'StateError', state: 'read' })
    break
  }
  sh.eof()
  assert.deepEqual(await told(sh.messages({ streams: ['stdout'], closed: false })), ['stdout:two\n', 'exited:0'])
  assert.equal(String(await text(sh.stderr as NonNullable<typeof sh.stderr>)), 'problem\n')
  assert.throws(() => sh.messages({ until: 'never' as 'exit' }), { name: 'InvalidInputError', field: 'until' })
})

test('messages() of a program on a terminal: its output, the end of the terminal, its end', async () => {
  await using root = await Agent.start()
  for (let round = 0; round < 5; round++) {
    const sh = await shell(root, 'seq 200; exit 6', { stdio: 'pty' })
    const all = await told(sh.messages())
    const output = all.filter((each) => each.startsWith('stdout:'))
    assert.equal(
      output
        .map((each) => each.slice('stdout:'.length))
        .join('')
        .split('\r\n').length,
      201,
    )
    assert.deepEqual(all.slice(output.length), ['stdout_closed', 'stdin_closed', 'exited:6'])
  }
  const left = await shell(root, 'trap "" HUP; sleep 1000 & echo here; exit 7', { stdio: 'pty' })
  assert.deepEqual(await told(left.messages()), ['stdout:here\r\n', 'exited:7'])
  await left[Symbol.asyncDispose]()
})

test('A35: read() gives what is there without waiting, waits when told to, and null at the end', async () => {
  await using root = await Agent.start()
  const sh = await shell(root, 'read _; echo one; echo two; echo err >&2; read _; exit 0')
  assert.equal((await sh.read())?.length, 0)
  const begin = performance.now()
  assert.equal((await sh.read('stdout', { timeoutMs: 30 }))?.length, 0)
  assert.ok(performance.now() - begin >= 29)
  await sh.write('\n')
  await eventually(
    () => seen(sh.pid)?.state === 'S',
    () => 'the shell waits',
  )
  assert.equal(String(await sh.read('stderr', { timeoutMs: 5000 })), 'err\n')
  assert.equal(String(await sh.read('stdout')), 'one\ntwo\n')
  await sh.write('\n')
  assert.equal(await sh.read('stdout', { timeoutMs: 5000 }), null)
  await sh.exited
  const silent = await shell(root, 'exit 0', { stdio: 'null' })
  await assert.rejects(silent.read('stderr'), { name: 'StateError' })
  await silent.exited
})

test('A35: what a program wrote before it ended is there for whoever comes after its end, and holds no descriptor', async () => {
  await using root = await Agent.start()
  const mine = descriptorsOf('self').size
  const sh = await shell(root, 'head -c 500000 /dev/zero; echo late')
  await sh.exited
  await eventually(
    () => descriptorsOf('self').size === mine,
    () => `${mine} descriptors, there are ${descriptorsOf('self').size}`,
  )
  const all = await sh.read()
  assert.equal(all?.length, 500_005)
  assert.equal(String(Buffer.from(all).subarray(-5)), 'late\n')
  assert.equal(await sh.read(), null)
})

test('A17: this process may end although a grandchild of a program keeps a pipe open that nobody reads', async () => {
  const script = startScript('test/process/scripts/grandchild-holds-pipe.ts')
  const { code, stdout, stderr } = await script.ended
  assert.deepEqual([code, stdout, stderr], [0, 'exited early\n', ''])
})

test('A21: each call gets one reply, its own, whatever the programs around it tell meanwhile', async () => {
  await using root = await Agent.start()
  const child = await root.fork()
  const yes = await (await root.fork()).exec('/usr/bin/yes', ['yes', 'noise'], { env: ENV })
  let noise = 0
  const reading = (async () => {
    for await (const message of yes.messages()) {
      assert.notEqual(message.type, 'reply')
      if (message.type === 'stdout') noise += message.data.length
    }
  })()
  const numbers = Array.from({ length: 500 }, (_, i) => i & 0o777)
  const replies = await Promise.all(numbers.map((mask) => child.sys.umask(mask)))
  // umask(2) answers with what the call before it has set.
  assert.deepEqual(replies.slice(1), numbers.slice(0, -1))
  await eventually(
    () => noise > 1 << 20,
    () => `${noise} bytes`,
  )
  yes.kill('SIGKILL')
  await reading
})

test('A26: a child that is stopped and continued is seen by wait4(2) with WUNTRACED and WCONTINUED', async () => {
  await using root = await Agent.start()
  const cat = await (await root.fork()).exec('/bin/cat', ['cat'], { env: ENV })
  const change = async () => {
    const { pid, status } = await root.sys.wait4(cat.pid, ['WUNTRACED', 'WCONTINUED'], { timeoutMs: 5000 })
    return [pid, decodeWaitStatus(status)]
  }
  cat.kill('SIGSTOP')
  assert.deepEqual(await change(), [cat.pid, { kind: 'stopped', signal: 'SIGSTOP' }])
  assert.equal(seen(cat.pid)?.state, 'T')
  cat.kill('SIGCONT')
  assert.deepEqual(await change(), [cat.pid, { kind: 'continued' }])
  cat.eof()
  // On a busy machine the program ends well after the closing of our end, which would be told first.
  await cat.exited
  assert.deepEqual(await told(cat.messages()), ['stdout_closed', 'stderr_closed', 'stdin_closed', 'exited:0'])
})

test('A27: the success of an exec is the closing of the control socket: the program has none, and no end of it stays here', async () => {
  await using root = await Agent.start()
  const child = await root.fork()
  await child.sys.getpid()
  const sockets = (pid: number | 'self') =>
    [...descriptorsOf(pid).values()].filter((name) => name.startsWith('socket:')).length
  const [mine, theirs] = [sockets('self'), sockets(child.pid)]
  assert.equal(theirs, 1)
  await assert.rejects(child.exec('/does/not/exist'), { errno: 'ENOENT' })
  assert.deepEqual([sockets('self'), sockets(child.pid)], [mine, theirs])
  const cat = await child.exec('/bin/cat', ['cat'], { env: ENV })
  assert.deepEqual([sockets('self'), sockets(cat.pid)], [mine - 1, 0])
  await cat[Symbol.asyncDispose]()
})

test('P01: one process is first an agent, then a program: what is for the other state is refused, not lost', async () => {
  await using root = await Agent.start()
  const child = await root.fork()
  for (const verb of ['write', 'eof', 'messages', 'read', 'stdin']) assert.equal(verb in child, false, verb)
  const executing = child.exec('/bin/cat', ['cat'], { env: ENV })
  const early = child.sys.getppid().then(
    () => 'answered',
    (error: Error) => error.name,
  )
  const cat = await executing
  assert.equal(cat.pid, child.pid)
  assert.match(await early, /^(AgentError|StateError)$/)
  await assert.rejects(child.sys.getpid(), { name: 'StateError', state: 'spent' })
  assert.equal('sys' in cat, false)
  await cat.write('heard')
  cat.eof()
  assert.deepEqual((await told(cat.messages({ closed: false }))).join(), 'stdout:heard,exited:0')
})
