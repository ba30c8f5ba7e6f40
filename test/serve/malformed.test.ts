import assert from 'node:assert/strict'
import { randomBytes, randomInt } from 'node:crypto'
import { test } from 'node:test'
import { setTimeout as sleep } from 'node:timers/promises'
import { eventually } from '../support/eventually.ts'
import { checkMachine } from '../support/machine-check.ts'
import { requires } from '../support/requires.ts'
import { Client, withServer } from './server.ts'

checkMachine()

const NEEDS = requires({ root: true })
const HELLO = '\0carrel/1 {"tty":false,"columns":80,"rows":24,"term":"x"}\n'

const frame = (type: number, payload: string | Uint8Array, length = Buffer.from(payload).length): Buffer => {
  const header = Buffer.alloc(5)
  header.writeUInt8(type)
  header.writeUInt32BE(length, 1)
  return Buffer.concat([header, Buffer.from(payload)])
}

const WRONG: Readonly<Record<string, readonly (string | Buffer)[]>> = {
  'no JSON': ['\0carrel/1 hello\n'],
  'an unknown field': ['\0carrel/1 {"tty":false,"columns":80,"rows":24,"term":"x","user":0}\n'],
  'an endless hello': [`\0carrel/1 ${'x'.repeat(5000)}`],
  'an unknown type': [HELLO, frame(99, 'x')],
  'a type of the server': [HELLO, frame(17, 'x')],
  'four gigabytes': [HELLO, frame(1, 'x', 0xffff_ffff)],
  'no bytes': [HELLO, frame(1, '')],
  'a size of nothing': [HELLO, frame(2, Buffer.alloc(4))],
  'half a size': [HELLO, frame(2, Buffer.alloc(3))],
  'a signal that is none': [HELLO, frame(4, 'SIGNONE')],
  'a signal for the init': [HELLO, frame(4, 'SIGRTMAX')],
  'data after the end': [HELLO, frame(3, ''), frame(1, 'x')],
  'two ends': [HELLO, frame(3, ''), frame(3, '')],
  'more than its credit': [HELLO, ...Array.from({ length: 6 }, () => frame(1, Buffer.alloc(64 * 1024)))],
}

test(
  'E04: a client that breaks the protocol is dropped alone, and with it its container; the log says what it did',
  NEEDS,
  async () => {
    await withServer(['--linger', '100ms'], ['sh', '-c', 'exec sleep 1000'], async (server) => {
      const patient = await Client.connect(server.port)
      for (const [what, pieces] of Object.entries(WRONG)) {
        const before = server.lines('end').length
        const client = await Client.connect(server.port)
        for (const piece of pieces) client.socket.write(piece)
        await client.rest()
        const line = await server.line('end', new RegExp(`conn=${before + 2} `))
        assert.match(line, /outcome=malformed .*error="InvalidInputError/, what)
        if (what === 'more than its credit') assert.match(line, /data without credit/)
      }
      await eventually(
        () => server.commands().length === 1,
        () => `${server.commands().length} commands run`,
      )
      assert.equal(patient.socket.readyState, 'open')
      patient.vanish()
    })
  },
)

test(
  'E04: random bytes after a hello, or in place of one, in pieces of any size, never end the server',
  NEEDS,
  async () => {
    await withServer(['--idle', '3s', '--linger', '2s', '--max-per-address', '64'], ['cat'], async (server) => {
      const seeds = Array.from(
        { length: 60 },
        (_, i) => [i % 3 ? HELLO : '\0', randomBytes(randomInt(1, 3000))] as const,
      )
      for (let at = 0; at < seeds.length; at += 20) {
        await Promise.all(
          seeds.slice(at, at + 20).map(async ([begin, noise]) => {
            const client = await Client.connect(server.port)
            const stream = Buffer.concat([Buffer.from(begin), noise])
            for (let from = 0; from < stream.length;) {
              const size = randomInt(1, 1500)
              client.socket.write(stream.subarray(from, from + size))
              from += size
              await new Promise((resolve) => setImmediate(resolve))
            }
            client.socket.end()
            await client.rest()
          }),
        )
      }
      const client = await Client.connect(server.port)
      client.socket.end('alive\n')
      assert.equal(await client.rest(), 'alive\n')
      assert.equal(server.lines('connect').length, 61)
    })
  },
)

const WITHIN = 100_000

test(
  'E04: floods of signals and sizes, and data in frames of a byte, take no memory of the server while the command reads nothing',
  NEEDS,
  async () => {
    const floods = [
      { frames: Buffer.concat(Array.from({ length: WITHIN }, () => frame(4, 'SIGCONT'))), tty: false, times: 3 },
      { frames: Buffer.concat(Array.from({ length: WITHIN }, () => frame(2, Uint8Array.of(0, 80, 0, 24)))), tty: true },
      { frames: Buffer.concat(Array.from({ length: 2.5 * WITHIN }, () => frame(1, 'x'))), tty: false },
    ]
    await withServer([], ['sh', '-c', 'exec sleep 1000'], async (server) => {
      for (const { frames, tty, times = 1 } of floods) {
        const client = await Client.connect(server.port)
        client.socket.write(HELLO.replace('false', String(tty)))
        await client.hears(/"connection":/)
        const before = server.rssMib
        for (let i = 0; i < times; i++) client.socket.write(frames)
        await eventually(
          () => client.socket.writableLength === 0,
          () => `${client.socket.writableLength} bytes are not sent`,
          20_000,
        )
        await sleep(300)
        assert.ok(server.rssMib - before < 40, `${server.rssMib - before} MiB more`)
        client.vanish()
      }
    })
  },
)

test('E04: a client that says hello and goes at once has broken nothing', NEEDS, async () => {
  await withServer([], ['sleep', '1000'], async (server) => {
    const client = await Client.connect(server.port)
    client.socket.end(HELLO)
    assert.doesNotMatch(await client.rest(), /could not be made/)
    assert.match(await server.line('end'), /outcome=disconnect/)
  })
})
