import assert from 'node:assert/strict'
import { Readable, Writable } from 'node:stream'
import { test } from 'node:test'
import { type Exit, NO_RUSAGE } from '../tree/exit.ts'
import { checkMessageOptions, type MessageOptions, Messages, readNow } from './messages.ts'
import type { OutputStream } from './program-streams.ts'

/** An output whose kernel side is an array: `null` in it is the end. */
class Fake extends Readable implements OutputStream {
  readonly kernel: (string | null)[]
  over = false

  constructor(kernel: (string | null)[]) {
    super()
    this.kernel = kernel
  }

  gather(): void {
    for (const piece of this.kernel.splice(0)) {
      if (piece === null) this.over = true
      this.push(piece)
    }
  }

  settle(): void {
    this.gather()
  }

  override _read(): void {}
}

const ZERO: Exit = { kind: 'exited', code: 0, rusage: NO_RUSAGE }

function setUp(out: Fake, err: Fake) {
  const stdin = new Writable({ write: (_chunk, _encoding, done) => done() })
  let end!: (exit: Exit) => void
  const exited = new Promise<Exit>((resolve) => (end = resolve))
  return { stdin, stdout: out, stderr: err, exited, end }
}

async function told(messages: AsyncIterable<{ type: string; data?: Uint8Array }>): Promise<string[]> {
  const all: string[] = []
  for await (const { type, data } of messages) all.push(data ? `${type} ${String(Buffer.from(data))}` : type)
  return all
}

const collect = (source: ReturnType<typeof setUp>, options: MessageOptions = {}) =>
  told(new Messages(source, options, () => {}))

test('Messages: what was written before the end comes before it, closings in between, in one order', async () => {
  const source = setUp(new Fake(['a', 'b', null]), new Fake(['c', null]))
  const all = collect(source)
  source.stdin.destroy()
  source.end(ZERO)
  const end = ['stdout_closed', 'stderr_closed', 'stdin_closed', 'exited']
  assert.deepEqual(await all, ['stdout ab', 'stderr c', ...end])
})

test('Messages: streams that somebody else holds do not hold back the end; `until: closed` tells what follows', async () => {
  const brief = setUp(new Fake(['a']), new Fake([]))
  brief.end(ZERO)
  assert.deepEqual(await collect(brief), ['stdout a', 'exited'])
  const long = setUp(new Fake(['a']), new Fake([null]))
  const all = collect(long, { until: 'closed' })
  long.end(ZERO)
  await long.exited
  setTimeout(() => {
    long.stdout.kernel.push('later', null)
    long.stdout.gather()
  }, 10)
  assert.deepEqual(await all, ['stdout a', 'stderr_closed', 'exited', 'stdout later', 'stdout_closed'])
})

test('Messages: only the streams asked for, and closings only when wanted', async () => {
  const source = setUp(new Fake(['a', null]), new Fake(['c', null]))
  source.end(ZERO)
  assert.deepEqual(await collect(source, { streams: ['stderr'], closed: false }), ['stderr c', 'exited'])
  assert.deepEqual(source.stdout.kernel, ['a', null])
})

test('Messages: the first stream that is closed waits for the others, which may be closed at the same moment', async () => {
  const source = setUp(new Fake([]), new Fake([]))
  const messages = new Messages(source, {}, () => {})
  const first = messages.next()
  source.stdin.destroy()
  setTimeout(() => source.stdout.kernel.push('late', null), 1)
  assert.equal(((await first).value as { type: string }).type, 'stdout')
  assert.deepEqual((await messages.next()).value, { type: 'stdout_closed' })
  assert.deepEqual((await messages.next()).value, { type: 'stdin_closed' })
})

test('Messages: abort and return() end it, pending next() included, and leave the streams alone', async () => {
  const source = setUp(new Fake([]), new Fake([]))
  const abort = new AbortController()
  let left = 0
  const messages = new Messages(source, { signal: abort.signal }, () => left++)
  const pending = messages.next()
  abort.abort()
  assert.deepEqual(await pending, { value: undefined, done: true })
  await messages.return()
  assert.equal(left, 1)
  assert.equal(source.stdout.listenerCount('readable') + source.stdin.listenerCount('close'), 0)
  const late = new Messages(source, { signal: abort.signal }, () => {})
  assert.deepEqual(await late.next(), { value: undefined, done: true })
})

test('readNow(): what is there, nothing, what comes in time, the end', async () => {
  const stream = new Fake(['a', 'b'])
  assert.equal(String(await readNow(stream)), String(Buffer.from('ab')))
  assert.equal((await readNow(stream))?.length, 0)
  assert.equal((await readNow(stream, { timeoutMs: 5 }))?.length, 0)
  setTimeout(() => stream.push('c'), 5)
  assert.equal(String(await readNow(stream, { timeoutMs: 5000 })), 'c')
  const abort = new AbortController()
  setTimeout(() => abort.abort(new Error('enough')), 5)
  await assert.rejects(readNow(stream, { timeoutMs: Infinity, signal: abort.signal }), /enough/)
  stream.kernel.push(null)
  assert.equal(await readNow(stream), null)
})

test('checkMessageOptions() names what is wrong', () => {
  checkMessageOptions({ streams: ['stdout'], until: 'closed' })
  assert.throws(() => checkMessageOptions({ streams: ['stdin' as 'stdout'] }), { field: 'streams' })
  assert.throws(() => checkMessageOptions({ until: 'eof' as 'exit' }), { field: 'until' })
})
