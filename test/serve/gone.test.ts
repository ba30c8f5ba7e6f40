import assert from 'node:assert/strict'
import { once } from 'node:events'
import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { test } from 'node:test'
import { setTimeout as sleep } from 'node:timers/promises'
import { eventually } from '../support/eventually.ts'
import { checkMachine } from '../support/machine-check.ts'
import { type Seen, survivors } from '../support/proc.ts'
import { requires } from '../support/requires.ts'
import { Client, type ServerProcess, withServer } from './server.ts'

checkMachine()

const NEEDS = requires({ root: true })

/** Says more than anybody takes, until no byte of it moves any more: the server does not read, since the command does not. */
async function flood({ socket }: Client): Promise<void> {
  socket.write(Buffer.alloc(16 << 20, 'x'))
  let before = -1
  await eventually(
    async () => {
      const isStuck = socket.writableLength > 0 && socket.writableLength === before
      before = socket.writableLength
      await sleep(50)
      return isStuck
    },
    () => `${socket.writableLength} bytes wait`,
  )
}

async function commandsOf(server: ServerProcess, count: number): Promise<readonly Seen[]> {
  const sleepers = () => server.commands().filter(({ name }) => name === 'sleep')
  await eventually(
    () => sleepers().length === count,
    () => `${count} run: ${server.log}`,
  )
  return sleepers()
}

test(
  'E04: a client that resets its connection while nothing is read of it takes the command with it at once',
  NEEDS,
  async () => {
    const command = ['sh', '-c', 'head -c 150000 /dev/zero; exec sleep 1000']
    await withServer(['--idle', 'none', '--linger', '1h'], command, async (server) => {
      const [full, half] = await Promise.all([Client.connect(server.port), Client.connect(server.port)])
      half.socket.pause()
      const running = await commandsOf(server, 2)
      await flood(full)
      full.socket.resetAndDestroy()
      // Its end has been read; what it leaves unread makes its close a reset (RFC 1122 4.2.2.13).
      half.socket.end('x')
      await once(half.socket, 'finish')
      half.vanish()
      await eventually(
        () => survivors(running).length === 0,
        () => `${survivors(running).length} of ${running.length} survive: ${server.log}`,
      )
      for (const conn of [1, 2])
        assert.match(await server.line('end', new RegExp(`conn=${conn} `)), /outcome=disconnect/)
    })
  },
)

test('E04: what a client has closed behind more than a command reads counts as closed at once', NEEDS, async () => {
  const folder = mkdtempSync(join(tmpdir(), 'carrel-test-'))
  try {
    const path = join(folder, 'socket')
    await withServer(['--unix', path, '--idle', 'none', '--linger', '200ms'], ['sleep', '1000'], async (server) => {
      const client = await Client.connect(path)
      const running = await commandsOf(server, 1)
      await flood(client)
      client.vanish()
      assert.match(await server.line('end'), /outcome=(idle|disconnect)/)
      assert.deepEqual(survivors(running), [])
    })
  } finally {
    rmSync(folder, { recursive: true })
  }
})
