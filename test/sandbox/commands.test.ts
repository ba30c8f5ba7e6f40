import assert from 'node:assert/strict'
import { createHash } from 'node:crypto'
import { once } from 'node:events'
import { text } from 'node:stream/consumers'
import { after, before, test } from 'node:test'
import { setTimeout as sleep } from 'node:timers/promises'
import { CommandError, Sandbox } from '../../src/sandbox/index.ts'
import { assertNothingLeft, settled, type Holdings } from './leaks.ts'
import { eventually } from '../support/eventually.ts'
import { descendants } from '../support/proc.ts'

// What can be done with commands of a live sandbox, and what each end is called.

let box: Sandbox
let idle: Holdings
before(async () => {
  box = await Sandbox.create()
  await (await Sandbox.create()).close()
  await box.run('true')
  idle = await settled()
})
after(() => box.close())

const shell = (script: string, options?: Parameters<Sandbox['run']>[2]): ReturnType<Sandbox['run']> =>
  box.run('sh', ['-c', script], options)

/** Waits until so many programs of this name run in a sandbox. */
const runs = (where: Sandbox, name: string, count = 1): Promise<unknown> =>
  eventually(
    () => descendants(where.pid ?? 0).filter((each) => each.name === name).length >= count,
    () => `${name} does not run`,
  )

test('run() gives exit code, output and usage, and does not throw on a failure', async () => {
  const result = await shell('echo out; echo err >&2; exit 3')
  const { exitCode, signal, stdout, stderr, outcome, notApplied } = result
  assert.deepEqual(
    { exitCode, signal, stdout, stderr, outcome },
    { exitCode: 3, signal: null, stdout: 'out\n', stderr: 'err\n', outcome: 'exited' },
  )
  assert.deepEqual(notApplied, [])
  assert.deepEqual(new TextDecoder().decode(result.stdoutBytes), 'out\n')
})

test('run() measures CPU time, memory and wall time', async () => {
  const script =
    'import time\nb = bytearray(50_000_000)\nt = time.process_time()\nwhile time.process_time() - t < 0.3: pass\ntime.sleep(0.2)'
  const { usage } = await box.run('/usr/bin/python3', ['-c', script], { throwOnError: true })
  const cpuMs = usage.userMs + usage.systemMs
  assert.ok(cpuMs >= 290 && cpuMs < 5000, `userMs ${usage.userMs}, systemMs ${usage.systemMs}`)
  assert.ok(usage.wallMs >= 500 && usage.wallMs < 20_000, `wallMs ${usage.wallMs}`)
  assert.ok(
    usage.peakMemoryBytes > 50_000_000 && usage.peakMemoryBytes < 500_000_000,
    `peakMemoryBytes ${usage.peakMemoryBytes}`,
  )
  assert.equal(usage.oomKills, 0)
})

test('run() gives bytes as they were written, and takes bytes as stdin', async () => {
  const bytes = Uint8Array.from({ length: 70_000 }, (_, index) => index * 7)
  const { stdoutBytes, stdout } = await box.run('cat', [], { stdin: bytes })
  assert.deepEqual(Buffer.from(stdoutBytes), Buffer.from(bytes))
  assert.equal(stdout, new TextDecoder().decode(bytes))
  assert.equal((await box.run('cat')).stdout, '')
  assert.equal((await box.run('cat', [], { stdin: 'text ä' })).stdout, 'text ä')
})

test('run() rejects with the whole result when a failure is to be thrown', async () => {
  const error: unknown = await shell('echo why >&2; exit 4', { throwOnError: true }).catch((caught: unknown) => caught)
  assert.ok(error instanceof CommandError)
  assert.deepEqual([error.result.exitCode, error.result.stderr, error.code], [4, 'why\n', 'E_COMMAND'])
  assert.match(error.message, /"sh" exited with 4: why/)
  await assert.rejects(shell('kill -9 $$', { throwOnError: true }), /signaled SIGKILL/)
})

test('run() tells which signal ended a command', async () => {
  for (const [signal, exitCode] of [
    ['SIGTERM', 143],
    ['SIGKILL', 137],
    ['SIGSEGV', 139],
    ['SIGUSR1', 138],
  ] as const) {
    const result = await shell(`kill -${signal.slice(3)} $$`)
    assert.deepEqual([result.signal, result.exitCode, result.outcome], [signal, exitCode, 'signaled'])
  }
})

test('A13, X25: a command that cannot be executed is an error, and the sandbox goes on', async () => {
  await assert.rejects(box.run('no-such-command'), { name: 'SyscallError', call: 'execve', errno: 'ENOENT' })
  await assert.rejects(box.run('/etc/passwd'), { name: 'SyscallError', call: 'execve', errno: 'EACCES' })
  await assert.rejects(box.run('/usr'), { name: 'SyscallError', call: 'execve', errno: 'EACCES' })
  await assert.rejects(box.run(''), { name: 'InvalidInputError', field: 'command' })
  assert.equal((await shell('echo on')).stdout, 'on\n')
  await assertNothingLeft(idle)
})

test('several commands at once share the sandbox and keep their streams apart', async () => {
  const words = Array.from({ length: 10 }, (_, index) => `word${index}`)
  const results = await Promise.all(
    words.map((word) =>
      shell(
        `echo ${word} > /tmp/${word}; while [ $(ls /tmp | wc -l) -lt 10 ]; do sleep 0.02; done; echo ${word}; ls /tmp | wc -l`,
      ),
    ),
  )
  for (const [index, { stdout }] of results.entries()) assert.equal(stdout, `${words[index]}\n10\n`)
  await shell('rm /tmp/word*')
})

test('R11, X07: commands see each other and PID 1, which reaps what they leave', async () => {
  const sleeper = await box.spawn('sleep', ['60'])
  // The orphan has ended; nobody but PID 1 can take its number away.
  const orphan = '(sleep 0.05 & echo $! > /tmp/orphan); until [ ! -e /proc/$(cat /tmp/orphan) ]; do sleep 0.02; done'
  const { stdout } = await shell(`${orphan}; rm /tmp/orphan; cat /proc/[0-9]*/comm`, { timeoutMs: 20_000 })
  assert.deepEqual(stdout.trim().split('\n').sort(), ['carrel', 'sh', 'sleep'])
  assert.doesNotMatch((await shell('cat /proc/[0-9]*/stat')).stdout, /\) Z /)
  sleeper.kill('SIGKILL')
  await sleeper.wait()
})

test('spawn() streams: input that depends on output', async () => {
  await using command = await box.spawn('sh', ['-c', 'while read line; do echo "got $line"; done; echo end'])
  const { stdin, stdout } = command
  assert.ok(stdin && stdout)
  stdout.setEncoding('utf8')
  for (const word of ['one', 'two']) {
    stdin.write(`${word}\n`)
    assert.deepEqual(await once(stdout, 'data'), [`got ${word}\n`])
  }
  stdin.end()
  assert.equal(await text(stdout), 'end\n')
  assert.equal((await command.wait()).exitCode, 0)
})

test('spawn() passes the kernel’s back-pressure on: a writer waits until it is read', async () => {
  await using command = await box.spawn('sh', ['-c', 'head -c 20M /dev/zero; echo done >&2'])
  assert.ok(command.stdout && command.stderr)
  let done = false
  command.stderr.on('data', () => (done = true))
  await sleep(300)
  assert.equal(done, false)
  const hash = createHash('sha256')
  for await (const chunk of command.stdout) hash.update(chunk as Uint8Array)
  assert.equal(
    hash.digest('hex'),
    createHash('sha256')
      .update(Buffer.alloc(20 * 2 ** 20))
      .digest('hex'),
  )
  assert.equal((await command.wait()).exitCode, 0)
})

test('spawn() with a terminal: one stream, a size that can be changed, no echo of the host’s', async () => {
  await using command = await box.spawn(
    'bash',
    ['-c', 'trap "stty size; exit 3" WINCH; stty size; tty; while :; do sleep 0.02; done'],
    { stdio: 'pty', size: { columns: 90, rows: 33 } },
  )
  assert.ok(command.stdout)
  assert.equal(command.stderr, null)
  let output = ''
  command.stdout.on('data', (chunk: Uint8Array) => (output += Buffer.from(chunk).toString()))
  while (!output.includes('/dev/pts/')) await sleep(5)
  command.resize({ columns: 70, rows: 20 })
  const { exitCode } = await command.wait()
  assert.equal(exitCode, 3)
  assert.deepEqual(output.trim().split('\r\n'), ['33 90', '/dev/pts/0', '20 70'])
})

test('an AbortSignal ends the command and all that it started', async () => {
  const controller = new AbortController()
  const running = shell('sleep 60 & sleep 60', { signal: controller.signal, graceMs: 100 })
  await runs(box, 'sleep', 2)
  controller.abort()
  const { outcome, signal } = await running
  assert.deepEqual([outcome, signal], ['aborted', 'SIGTERM'])
  await assertNothingLeft(idle)
  await assert.rejects(shell('true', { signal: controller.signal }), { name: 'AbortError' })
})

test('an AbortSignal gives up the making of a sandbox, and leaves nothing', async () => {
  await assert.rejects(Sandbox.create({ signal: AbortSignal.abort() }), { name: 'AbortError' })
  for (const delayMs of [0, 1, 2, 4, 8]) {
    const created = Sandbox.create({ signal: AbortSignal.timeout(delayMs) }).then(
      (made) => made.close(),
      (error: Error) => error.name,
    )
    const how = await created
    assert.ok(how === undefined || how === 'TimeoutError', String(how))
  }
  await assertNothingLeft(idle)
})

test('A67: twenty sandboxes at once, each with its own of everything', async () => {
  const boxes = await Promise.all(
    Array.from({ length: 20 }, (_, index) => Sandbox.create({ hostname: `box${index}`, memory: '64M' })),
  )
  const results = await Promise.all(
    boxes.map((each) =>
      each.run('sh', [
        '-c',
        'hostname; echo x >> /tmp/f; cat /tmp/f; ls /proc | grep -c "^[0-9]"; readlink /proc/self/ns/net',
      ]),
    ),
  )
  for (const [index, { stdout }] of results.entries()) assert.match(stdout, new RegExp(`^box${index}\nx\n[234]\nnet:`))
  assert.equal(new Set(results.map(({ stdout }) => stdout.split('\n')[3])).size, 20)
  assert.equal(new Set(boxes.map(({ id }) => id)).size, 20)
  await Promise.all(boxes.map((each) => each.close()))
  await assertNothingLeft(idle)
})

test('close() ends commands that still run; afterwards there is nothing more to be had', async () => {
  const own = await Sandbox.create()
  const running = [
    own.run('sleep', ['60']),
    own.run('sh', ['-c', 'trap "" TERM INT HUP; sleep 60; sleep 60']),
    own.run('yes'),
  ]
  await Promise.all([runs(own, 'sleep', 2), runs(own, 'yes')])
  await own.close()
  for (const { signal } of await Promise.all(running)) assert.equal(signal, 'SIGKILL')
  await assert.rejects(own.run('true'), { name: 'StateError' })
  await assert.rejects(own.spawn('true'), { name: 'StateError' })
  await Promise.all([own.close(), own.close()])
  await assertNothingLeft(idle)
})

test('a sandbox whose first process is killed from outside: commands end, further ones are refused, nothing is left', async () => {
  const own = await Sandbox.create()
  const running = own.run('sleep', ['60'])
  await runs(own, 'sleep')
  process.kill(own.pid ?? assert.fail(), 'SIGKILL')
  const { signal, outcome } = await running
  assert.deepEqual([signal, outcome], ['SIGKILL', 'signaled'])
  await assert.rejects(own.run('true'))
  await own.close()
  await assertNothingLeft(idle)
})

test('`await using` closes a sandbox also when its block throws', async () => {
  const attempt = async (): Promise<void> => {
    await using own = await Sandbox.create()
    await own.run('false', [], { throwOnError: true })
  }
  await assert.rejects(attempt(), { name: 'CommandError' })
  await assertNothingLeft(idle)
})
