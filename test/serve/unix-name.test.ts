import assert from 'node:assert/strict'
import { mkdirSync, mkdtempSync, readdirSync, rmSync, statSync, unlinkSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import process from 'node:process'
import { test } from 'node:test'
import { attempt } from '../../src/kernel/call.ts'
import { close, O, open } from '../../src/kernel/descriptors.ts'
import { nodeKernel } from '../../src/kernel/node.ts'
import { isBound, listenUnix } from '../../src/kernel/socket.ts'
import { type Listener, listen } from '../../src/serve/listener.ts'
import { Log } from '../../src/serve/log.ts'
import { Server, type ServerOptions } from '../../src/serve/server.ts'
import { eventually } from '../support/eventually.ts'
import { descendants } from '../support/proc.ts'
import { requires } from '../support/requires.ts'
import { Client, withFolder } from './server.ts'

const NEEDS = requires({ root: true })
const OPTIONS = { backlog: 8, unixMode: 0o620 }

/** As a process that was killed leaves it: a name without a socket. */
function leaveName(path: string): void {
  close(nodeKernel(), listenUnix(nodeKernel(), path))
}

const listenAt = (path: string, accepted: () => void = () => {}) =>
  listen({ kind: 'unix', path }, OPTIONS, (socket) => {
    accepted()
    socket.destroy()
  })

test('E04: of twenty that listen at once at a name that was left, one takes it, and the others say that it is taken', async () => {
  await withFolder(async (folder) => {
    const path = join(folder, 'socket')
    leaveName(path)
    let probes = 0
    const tries = await Promise.allSettled(Array.from({ length: 20 }, () => listenAt(path, () => probes++)))
    const takers = tries.filter((each): each is PromiseFulfilledResult<Listener> => each.status === 'fulfilled')
    const refusals = tries.flatMap((each) => (each.status === 'rejected' ? [String(each.reason)] : []))
    try {
      assert.equal(takers.length, 1)
      for (const refusal of refusals) assert.match(refusal, /at which somebody listens already$/)
      assert.deepEqual(readdirSync(folder), ['socket'])
      assert.equal(statSync(path).mode & 0o777, OPTIONS.unixMode)
      assert.ok(isBound(nodeKernel(), path))
      // Whoever listens there is not disturbed by those that ask.
      assert.equal(probes, 0)
    } finally {
      for (const { value } of takers) value.stop()
    }
    assert.deepEqual(readdirSync(folder), [])
  })
})

test('E04: a name that has become somebody else’s stays when the one that had it stops', async () => {
  await withFolder(async (folder) => {
    const path = join(folder, 'socket')
    const first = await listenAt(path)
    unlinkSync(path)
    const second = await listenAt(path)
    first.stop()
    assert.ok(isBound(nodeKernel(), path))
    second.stop()
    assert.deepEqual(readdirSync(folder), [])
  })
})

test(
  'E04: a server that cannot listen everywhere leaves nobody behind who came in at the first address',
  NEEDS,
  async () => {
    const folder = mkdtempSync(join(tmpdir(), 'carrel-test-'))
    const kernel = nodeKernel()
    const lock = open(kernel, folder, O.RDONLY | O.DIRECTORY)
    try {
      // Whoever listens in there waits for it.
      assert.equal(attempt(kernel, 'flock', lock, LOCK_EX), 0)
      const log: string[] = []
      const path = join(folder, 'socket')
      const started = assert.rejects(Server.start(optionsFor(path, log)), /which exists and is no socket/)
      const said = (pattern: RegExp) =>
        eventually(
          () => pattern.exec(log.join('\n')),
          () => log.join('\n'),
        )
      const client = await Client.connect(Number((await said(/on=127\.0\.0\.1:(\d+)/))?.[1]))
      const sleepers = () => descendants(process.pid).filter(({ name }) => name === 'sleep')
      await eventually(
        () => sleepers().length === 1,
        () => `it runs: ${log.join('\n')}`,
      )
      mkdirSync(path)
      close(kernel, lock)
      await started
      assert.match(log.at(-1) ?? '', /end .*outcome=shutdown/)
      assert.deepEqual(sleepers(), [])
      client.vanish()
    } finally {
      rmSync(folder, { recursive: true })
    }
  },
)

const LOCK_EX = 2

const optionsFor = (path: string, log: string[]): ServerOptions => ({
  addresses: [
    { kind: 'tcp', host: '127.0.0.1', port: 0 },
    { kind: 'unix', path },
  ],
  command: ['sleep', '1000'],
  sandbox: {},
  times: { idleMs: undefined, timeoutMs: undefined, lingerMs: 1000, graceMs: 1000 },
  connections: { connections: 4, perAddress: 4 },
  listen: { backlog: 8, unixMode: 0o600 },
  makeAtOnce: 2,
  log: new Log('text', (line) => log.push(line)),
  logInput: false,
})
