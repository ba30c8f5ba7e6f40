import assert from 'node:assert/strict'
import { createHash, randomBytes } from 'node:crypto'
import { text } from 'node:stream/consumers'
import { test } from 'node:test'
import { Agent } from '../../src/process/agent.ts'
import type { ExecOptions } from '../../src/process/exec.ts'
import type { Process } from '../../src/process/process.ts'
import { checkMachine } from '../support/machine-check.ts'
import { eventually } from '../support/eventually.ts'
import { seen } from '../support/proc.ts'

checkMachine()

const ENV = { PATH: '/usr/bin:/bin' }

async function shell(root: Agent, script: string, options: ExecOptions = {}): Promise<Process> {
  return (await root.fork()).exec('/bin/sh', ['sh', '-c', script], { env: ENV, ...options })
}

/** A program that is told to go on before it has stopped would stop for ever. */
const isStopped = (program: Process): Promise<unknown> =>
  eventually(
    () => seen(program.pid)?.state === 'T',
    () => `it is ${seen(program.pid)?.state}`,
  )

const outputOf = (program: Process): Promise<string> => text(program.stdout as NonNullable<typeof program.stdout>)

test('A53, P08: pieces of many writers arrive whole and in each writer’s order, however large and slow', async () => {
  await using root = await Agent.start()
  // Stops now and then, so that writes are taken in parts.
  const cat = await shell(root, 'while head -c 300000 | grep ""; do sleep 0.002; done')
  const output = outputOf(cat)
  const WRITERS = 8
  const PIECES = 12
  const line = (writer: number, piece: number) => `${writer} ${piece} ${String(writer).repeat(40_000)}`
  const write = async (writer: number) => {
    for (let piece = 0; piece < PIECES; piece++) {
      const data = `${line(writer, piece)}\n`
      assert.equal(await cat.write(data), data.length)
    }
  }
  await Promise.all(Array.from({ length: WRITERS }, (_, writer) => write(writer)))
  cat.eof()
  const pieces = new Map<string, number>()
  // grep ends a line that head has cut: put together again they are what was written.
  const all = (await output).replaceAll('\n', '')
  const found = all.match(/(\d) (\d+) (?:\1{40000})/g) ?? []
  assert.equal(found.length, WRITERS * PIECES)
  assert.equal(found.join(''), all)
  for (const each of found) {
    const [writer = '', piece] = each.split(' ', 2)
    assert.equal(Number(piece), pieces.get(writer) ?? 0)
    pieces.set(writer, Number(piece) + 1)
  }
  await cat.exited
})

test('A30, P08: a write to a program that does not read waits; after timeoutMs it tells how much was taken, and nothing more is sent', async () => {
  await using root = await Agent.start()
  const sh = await shell(root, 'kill -STOP $$; exec cat')
  await isStopped(sh)
  const output = outputOf(sh)
  const data = randomBytes(300_000)
  const taken = await sh.write(data, { timeoutMs: 30 })
  assert.ok(taken > 0 && taken < data.length, `${taken}`)
  assert.equal(await sh.write(data.subarray(taken), { timeoutMs: 5 }), 0)
  const abort = new AbortController()
  const aborted = sh.write('never', { signal: abort.signal })
  abort.abort(new Error('enough'))
  await assert.rejects(aborted, /enough/)
  const rest = sh.write(data.subarray(taken))
  sh.kill('SIGCONT')
  // What is resumed where it stopped is the whole: nothing lost, nothing twice.
  assert.equal(await rest, data.length - taken)
  sh.eof()
  const digest = (bytes: Uint8Array | string) => createHash('sha256').update(bytes).digest('hex')
  assert.equal(digest(await output), digest(data.toString()))
  assert.equal(Buffer.from(await output).length, Buffer.from(data.toString()).length)
  await sh.exited
})

test('A30: a write that was given up in the middle leaves its beginning only, and those behind it go on', async () => {
  await using root = await Agent.start()
  const sh = await shell(root, 'kill -STOP $$; exec cat')
  await isStopped(sh)
  const output = outputOf(sh)
  const first = sh.write('a'.repeat(100_000), { timeoutMs: 30 })
  const second = sh.write('b'.repeat(10))
  sh.stdin?.write('c'.repeat(10))
  const third = sh.write('d'.repeat(10), { timeoutMs: 10 })
  assert.equal(await third, 0)
  const taken = await first
  assert.ok(taken > 0 && taken < 100_000, `${taken}`)
  sh.kill('SIGCONT')
  assert.equal(await second, 10)
  sh.eof()
  assert.equal(await output, `${'a'.repeat(taken)}${'b'.repeat(10)}${'c'.repeat(10)}`)
  await sh.exited
})

test('write() to a program that has closed its stdin, or ended, is EPIPE and says how much was taken', async () => {
  await using root = await Agent.start()
  const closes = await shell(root, 'read _; exec 0<&-; echo closed; exec sleep 1000')
  const waiting = closes.write(`\n${'x'.repeat(200_000)}`)
  await assert.rejects(waiting, (error: Error & { errno?: string; args?: string }) => {
    assert.match(error.args ?? '', /^stdin, 200001 bytes, \d+ taken$/)
    return error.name === 'SyscallError' && error.errno === 'EPIPE'
  })
  await assert.rejects(closes.write('more'), { errno: 'EPIPE', args: 'stdin, 4 bytes, 0 taken' })
  closes.kill('SIGKILL')
  await closes.exited
  const gone = await shell(root, 'exit 0')
  await gone.exited
  await assert.rejects(gone.write('late'), { errno: 'EPIPE' })
  assert.throws(() => gone.eof(), { name: 'StateError', state: 'closed' })
})

test('A36, P16: eof() closes stdin once: the program reads its end after all that was written', async () => {
  await using root = await Agent.start()
  const wc = await shell(root, 'sleep 0.05; wc -c')
  void wc.write('x'.repeat(200_000))
  wc.eof()
  assert.throws(() => wc.eof(), { name: 'StateError', state: 'closed' })
  assert.throws(() => wc.eof('stdin'), { name: 'StateError' })
  await assert.rejects(wc.write('late'), { name: 'StateError', state: 'closed' })
  assert.equal((await outputOf(wc)).trim(), '200000')
  await wc.exited
})

test('A36, P16: eof() of stdout or stderr alone: the program gets SIGPIPE at its next write there, the other stream goes on', async () => {
  await using root = await Agent.start()
  for (const [closed, command] of [
    ['stdout', 'yes'],
    ['stderr', 'yes >&2'],
  ] as const) {
    const sh = await shell(root, `echo here >&${closed === 'stdout' ? 2 : 1}; read _; exec ${command}`)
    sh.eof(closed)
    assert.throws(() => sh.eof(closed), { name: 'StateError', state: 'closed' })
    assert.equal(String(await sh.read(closed === 'stdout' ? 'stderr' : 'stdout', { timeoutMs: 5000 })), 'here\n')
    assert.notEqual(seen(sh.pid), undefined)
    await sh.write('\n')
    const exit = await sh.exited
    assert.ok(exit.kind === 'signaled' && exit.signal === 'SIGPIPE', JSON.stringify(exit))
  }
  const silent = await shell(root, 'exit 0', { stdio: 'null' })
  for (const name of ['stdin', 'stdout', 'stderr'] as const)
    assert.throws(() => silent.eof(name), { name: 'StateError' })
  await silent.exited
})

test('A53: a terminal takes whole pieces too, and a program that does not read them does not stop this process', async () => {
  await using root = await Agent.start()
  const sh = await shell(root, 'stty raw -echo; echo ready; sleep 0.3; head -c 200000 | tr -d b | wc -c', {
    stdio: 'pty',
  })
  let screen = ''
  sh.stdout?.on('data', (chunk: Buffer) => (screen += chunk.toString()))
  await eventually(
    () => screen.includes('ready'),
    () => screen,
  )
  let ticks = 0
  const clock = setInterval(() => ticks++, 5)
  const written = await Promise.all([sh.write('a'.repeat(100_000)), sh.write('b'.repeat(100_000))])
  clearInterval(clock)
  assert.deepEqual(written, [100_000, 100_000])
  assert.ok(ticks > 2, `${ticks} ticks`)
  await sh.exited
  await eventually(
    () => /\b100000\b/.test(screen),
    () => screen,
  )
  assert.throws(() => sh.eof(), { name: 'StateError', state: 'terminal' })
})

test('a write of nothing, of text, of bytes of a larger buffer; the streams of Node work beside it', async () => {
  await using root = await Agent.start()
  const cat = await shell(root, 'exec cat')
  assert.equal(await cat.write(''), 0)
  assert.equal(await cat.write('é'), 2)
  assert.equal(await cat.write(new Uint8Array(Buffer.from('<inside>')).subarray(1, 7)), 6)
  await new Promise((resolve) => cat.stdin?.write(' node', resolve))
  cat.stdin?.end('!')
  assert.equal(await outputOf(cat), 'éinside node!')
  await cat.exited
})
