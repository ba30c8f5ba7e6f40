import assert from 'node:assert/strict'
import { createHash } from 'node:crypto'
import { createReadStream, mkdtempSync, readdirSync, rmSync, truncateSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { PassThrough, Readable, Writable } from 'node:stream'
import { text } from 'node:stream/consumers'
import { pipeline } from 'node:stream/promises'
import { test } from 'node:test'
import { Agent } from '../../src/process/agent.ts'
import type { ExecOptions } from '../../src/process/exec.ts'
import type { PipedProcess } from '../../src/process/process.ts'
import { eventually } from '../support/eventually.ts'
import { checkMachine } from '../support/machine-check.ts'

checkMachine()

const ENV = { PATH: '/usr/bin:/bin' }
const MIB = 1024 * 1024

async function shell(root: Agent, script: string, options: ExecOptions = {}): Promise<PipedProcess> {
  return (await (await root.fork()).exec('/bin/sh', ['sh', '-c', script], { env: ENV, ...options })) as PipedProcess
}

const descriptors = (): number => readdirSync('/proc/self/fd').length

test('pipeline() of 100 MB into stdin and out of stdout: every byte, in order, with bounded memory', async () => {
  const directory = mkdtempSync(join(tmpdir(), 'carrel-'))
  const file = join(directory, 'large')
  try {
    writeFileSync(file, Buffer.from('0123456789abcdef'.repeat(4096)))
    truncateSync(file, 100 * MIB)
    const expected = createHash('sha256')
    for await (const chunk of createReadStream(file)) expected.update(chunk as Buffer)
    await using root = await Agent.start()
    const before = process.memoryUsage().rss
    const cat = await shell(root, 'exec cat')
    const found = createHash('sha256')
    let most = 0
    const sink = new Writable({
      write(chunk: Buffer, _encoding, done) {
        found.update(chunk)
        most = Math.max(most, process.memoryUsage().rss)
        setImmediate(done)
      },
    })
    await Promise.all([pipeline(createReadStream(file), cat.stdin), pipeline(cat.stdout, sink)])
    assert.equal(found.digest('hex'), expected.digest('hex'))
    assert.deepEqual((await cat.exited).kind, 'exited')
    assert.ok(most - before < 80 * MIB, `${(most - before) / MIB} MiB more`)
  } finally {
    rmSync(directory, { recursive: true })
  }
})

test('stdout is a Readable like any other: pipe(), for await with break, setEncoding(), destroy()', async () => {
  await using root = await Agent.start()
  const piped = await shell(root, 'printf abc')
  assert.equal(await text(piped.stdout.pipe(new PassThrough())), 'abc')
  const broken = await shell(root, 'exec yes')
  for await (const chunk of broken.stdout) {
    assert.match(String(chunk), /^y\n/)
    break
  }
  assert.equal(broken.stdout.destroyed, true)
  const exit = await broken.exited
  assert.deepEqual([exit.kind, exit.kind === 'signaled' && exit.signal], ['signaled', 'SIGPIPE'])
  // A character of three bytes whose parts come one by one.
  const split = await shell(root, "printf '\\342'; sleep 0.05; printf '\\202'; sleep 0.05; printf '\\254'")
  split.stdout.setEncoding('utf8')
  const chunks: string[] = []
  for await (const chunk of split.stdout) chunks.push(chunk as string)
  assert.deepEqual(chunks, ['€'])
})

test('setEncoding() on a stream does not change what read() and messages() give: bytes', async () => {
  await using root = await Agent.start()
  const sh = await shell(root, 'printf é; exec cat')
  sh.stdout.setEncoding('utf8')
  assert.deepEqual([...((await sh.read('stdout', { timeoutMs: 5000 })) ?? [])], [0xc3, 0xa9])
  await sh.write('è')
  sh.eof()
  for await (const message of sh.messages()) {
    if (message.type === 'stdout') assert.deepEqual([...message.data], [0xc3, 0xa8])
  }
})

test('a listener by addListener() gets what comes after the end, from whoever still holds the pipe', async () => {
  await using root = await Agent.start()
  const sh = await shell(root, '(sleep 0.3; printf late) & exit 0')
  await sh.exited
  const chunks: Buffer[] = []
  sh.stdout.addListener('data', (chunk: Buffer) => chunks.push(chunk))
  await new Promise((resolve) => sh.stdout.once('end', resolve))
  assert.equal(String(Buffer.concat(chunks)), 'late')
})

test('a write that waits for room fails with EPIPE when the stream is destroyed, and so do those behind it', async () => {
  await using root = await Agent.start()
  const sh = await shell(root, 'sleep 60')
  const writes = [sh.write(new Uint8Array(MIB)), sh.write('behind')]
  const settled = Promise.allSettled(writes)
  sh.stdin.destroy()
  const results = await settled
  for (const result of results) {
    assert.equal(result.status, 'rejected')
    assert.equal((result as PromiseRejectedResult).reason.errno, 'EPIPE')
  }
  const callback = await shell(root, 'sleep 60')
  const failed = new Promise((resolve) => callback.stdin.write(new Uint8Array(MIB), resolve))
  callback.stdin.destroy()
  assert.equal(((await failed) as NodeJS.ErrnoException).code, 'EPIPE')
  sh.kill('SIGKILL')
  callback.kill('SIGKILL')
})

test('pipeline() into a program that stops reading rejects, its source is destroyed; so does one that is aborted', async () => {
  await using root = await Agent.start()
  const endless = (): Readable =>
    new Readable({
      read: function (this: Readable) {
        this.push(new Uint8Array(MIB))
      },
    })
  const brief = await shell(root, 'exec head -c 10')
  const source = endless()
  await assert.rejects(pipeline(source, brief.stdin), ({ code }: NodeJS.ErrnoException) => {
    return code === 'EPIPE' || code === 'ERR_STREAM_PREMATURE_CLOSE'
  })
  assert.equal(source.destroyed, true)
  await brief.exited
  const deaf = await shell(root, 'sleep 60')
  const abort = new AbortController()
  const aborted = pipeline(endless(), deaf.stdin, { signal: abort.signal })
  setTimeout(() => abort.abort(), 50)
  await assert.rejects(aborted, { name: 'AbortError' })
  assert.equal(deaf.stdin.destroyed, true)
  deaf.kill('SIGKILL')
  await deaf.exited
})

test('no descriptor is left, whatever became of a program and its streams', async () => {
  await using root = await Agent.start()
  const once = async (): Promise<void> => {
    const ends: readonly ((sh: PipedProcess) => unknown)[] = [
      (sh) => text(sh.stdout),
      (sh) => sh.stdout.destroy(),
      (sh) => [sh.stdin, sh.stdout, sh.stderr].map((stream) => stream.destroy()),
      (sh) => sh.stdin.write('x'),
      (sh) => sh.stdin.destroy(new Error('enough')),
      () => undefined,
    ]
    for (const end of ends) {
      const sh = await shell(root, 'echo a; echo b >&2')
      sh.stdout.on('error', () => {})
      await end(sh)
      await sh.exited
    }
    const refused: readonly (readonly [ExecOptions, object])[] = [
      [{ descriptors: { 1: 0 } }, { name: 'InvalidInputError' }],
      [{ cwd: '/does-not-exist' }, { errno: 'ENOENT' }],
      [{ stdio: 'pty', cwd: '/does-not-exist' }, { errno: 'ENOENT' }],
      [{ stdio: 'pty', size: { columns: 0, rows: 1 } }, { field: 'columns' }],
    ]
    const child = await root.fork()
    for (const [options, error] of refused) await assert.rejects(child.exec('/bin/true', ['true'], options), error)
    await child.close()
  }
  await once()
  const before = descriptors()
  for (let i = 0; i < 3; i++) await once()
  await eventually(
    () => descriptors() <= before,
    () => `${descriptors()} descriptors, ${before} before`,
  )
})

test('output that comes byte by byte and is kept takes little memory: a chunk is not a whole buffer', async () => {
  await using root = await Agent.start()
  const script = 'i=0; while [ $i -lt 3000 ]; do printf x; i=$((i+1)); done'
  const kept: Buffer[] = []
  const sh = await shell(root, script)
  sh.stdout.on('data', (chunk: Buffer) => kept.push(chunk))
  await Promise.all([sh.exited, new Promise((resolve) => sh.stdout.once('end', resolve))])
  const bytes = new Map(kept.map((chunk) => [chunk.buffer, chunk.buffer.byteLength]))
  assert.equal(
    kept.reduce((sum, { length }) => sum + length, 0),
    3000,
  )
  assert.ok([...bytes.values()].reduce((sum, size) => sum + size, 0) < MIB)
})

test('data that is no text and no bytes, and times that are none, are refused before anything is written', async () => {
  await using root = await Agent.start()
  const sh = await shell(root, 'exec cat')
  for (const data of [5, null, undefined, {}, [1]]) {
    await assert.rejects(sh.write(data as unknown as string), { name: 'InvalidInputError', field: 'data' })
  }
  for (const timeoutMs of [NaN, -1, '5' as unknown as number]) {
    await assert.rejects(sh.write('x', { timeoutMs }), { name: 'InvalidInputError', field: 'timeoutMs' })
  }
  assert.equal(await sh.write('ok', { timeoutMs: 2 ** 40 }), 2)
  sh.eof()
  assert.equal(await text(sh.stdout), 'ok')
})
