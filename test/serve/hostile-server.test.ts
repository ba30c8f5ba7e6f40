import assert from 'node:assert/strict'
import { once } from 'node:events'
import { type AddressInfo, createServer, type Socket } from 'node:net'
import { PassThrough } from 'node:stream'
import { text } from 'node:stream/consumers'
import { test } from 'node:test'
import { setTimeout as sleep } from 'node:timers/promises'
import { parseTcpAddress } from '../../src/serve/address.ts'
import { Remote } from '../../src/serve/remote.ts'
import { encodeCredit, encodeFrame, SERVER_FRAMES } from '../../src/serve/wire/frames.ts'
import { encodeAnswer } from '../../src/serve/wire/hello.ts'
import { CARREL, start } from '../cli/carrel.ts'
import { Tmux } from '../cli/tmux.ts'

const ANSWER = Buffer.from(encodeAnswer({ connection: 1 }))
const EXIT = Buffer.from(encodeFrame(SERVER_FRAMES.exit, Buffer.from('{"code":3,"signal":null,"outcome":"exited"}')))
const EVERYTHING = encodeFrame(SERVER_FRAMES.credit, encodeCredit(0xffff_ffff))
const HELLO = { tty: false, columns: 80, rows: 24, term: 'x' }

/** A server that does as it likes with each client. */
async function withHostile(serve: (socket: Socket) => void, use: (target: string) => Promise<void>): Promise<void> {
  const sockets: Socket[] = []
  const server = createServer((socket) => {
    sockets.push(socket.on('error', () => {}))
    serve(socket)
  })
  server.listen(0, '127.0.0.1')
  await once(server, 'listening')
  try {
    await use(`127.0.0.1:${(server.address() as AddressInfo).port}`)
  } finally {
    for (const socket of sockets) socket.destroy()
    server.close()
  }
}

/** Starts `carrel connect`; its end, and what it wrote to stderr. */
function connectTo(target: string) {
  const child = start(['connect', target], { stdio: ['pipe', 'pipe', 'pipe'] })
  child.stdin?.on('error', () => {})
  const ended = once(child, 'exit') as Promise<[number | null, string | null]>
  return { child, ended, stderr: text(child.stderr ?? assert.fail()) }
}

test('E04: a server that goes on after the end of the command, or never closes, holds nobody up', async () => {
  for (const more of [Buffer.alloc(0), Buffer.alloc(1 << 20)]) {
    await withHostile(
      (socket) => socket.write(Buffer.concat([ANSWER, EXIT, more])),
      async (target) => {
        assert.deepEqual(await connectTo(target).ended, [3, null])
      },
    )
  }
})

test('E04: a server that grants everything and reads nothing does not fill the client', async () => {
  const [stdout, stderr] = [new PassThrough(), new PassThrough()]
  await withHostile(
    (socket) => socket.pause().write(Buffer.concat([ANSWER, EVERYTHING])),
    async (target) => {
      using remote = await Remote.connect(parseTcpAddress(target), HELLO, { stdout, stderr })
      let sent = 0
      const sending = (async () => {
        while (sent < 256 && (await remote.send(Buffer.alloc(1 << 20)))) sent++
      })()
      await sleep(1000)
      assert.ok(sent > 0 && sent < 64, `${sent} MiB were taken`)
      remote[Symbol.dispose]()
      await sending
    },
  )
})

test('E04: a thousand pieces of output wait for a slow reader together', async () => {
  const [stdout, stderr] = [new PassThrough({ highWaterMark: 1 }), new PassThrough({ highWaterMark: 1 })]
  const pieces = Array.from({ length: 1000 }, (_, i) =>
    encodeFrame(SERVER_FRAMES[i % 2 ? 'stdout' : 'stderr'], Buffer.from('ab')),
  )
  await withHostile(
    (socket) => socket.write(Buffer.concat([ANSWER, ...pieces, EXIT])),
    async (target) => {
      using remote = await Remote.connect(parseTcpAddress(target), HELLO, { stdout, stderr })
      await remote.answered
      assert.deepEqual([stdout.listenerCount('drain'), stderr.listenerCount('drain')], [1, 1])
      const outputs = [text(stdout), text(stderr)]
      assert.equal((await remote.ended).code, 3)
      stdout.end()
      stderr.end()
      assert.deepEqual(await Promise.all(outputs), ['ab'.repeat(500), 'ab'.repeat(500)])
    },
  )
})

test('E04: Ctrl-C ends a client that was never answered, and three of them one whose server does nothing', async () => {
  let onHello = () => {}
  const said = () => new Promise<void>((resolve) => (onHello = resolve))
  await withHostile(
    (socket) => socket.once('data', () => onHello()),
    async (target) => {
      const hello = said()
      const { child, ended } = connectTo(target)
      await Promise.race([hello, ended])
      child.kill('SIGINT')
      assert.deepEqual(await ended, [null, 'SIGINT'])
    },
  )
  await withHostile(
    (socket) => {
      socket.write(Buffer.concat([ANSWER, encodeFrame(SERVER_FRAMES.stdout, Buffer.from('x'))]))
      // A signal that has come counts: three at the same moment may be one (signal(7)).
      socket.on('data', (data) => String(data).includes('SIGINT') && onHello())
    },
    async (target) => {
      const { child, ended, stderr } = connectTo(target)
      await once(child.stdout ?? assert.fail(), 'data')
      for (let i = 0; i < 2; i++) {
        const arrived = said()
        child.kill('SIGINT')
        await Promise.race([arrived, ended])
      }
      assert.equal(child.exitCode, null)
      child.kill('SIGINT')
      assert.deepEqual(await ended, [129, null])
      assert.equal(await stderr, 'carrel: Hung up\n')
    },
  )
})

test('E04: at a terminal Ctrl-] three times leaves a server that takes no keys, and the terminal is as before', async () => {
  await withHostile(
    (socket) => socket.write(Buffer.concat([ANSWER, encodeFrame(SERVER_FRAMES.stdout, Buffer.from('stuck'))])),
    async (target) => {
      const tmux = Tmux.start('bash --norc --noprofile', { TERM: 'screen' })
      try {
        await tmux.shows(/\$|#/)
        tmux.line("PS1='outside> '; clear; before=$(stty -g)")
        await tmux.shows(/^outside>$/m)
        tmux.line(`${process.execPath} ${CARREL} connect ${target}`)
        await tmux.shows(/stuck/)
        tmux.keys('C-c', 'a', 'C-]', 'C-]', 'C-]')
        await tmux.shows(/carrel: Hung up/)
        tmux.line('echo code $?; [ "$(stty -g)" = "$before" ] && echo as before')
        await tmux.shows(/^code 129\nas before$/m)
      } finally {
        tmux.stop()
      }
    },
  )
})
