import assert from 'node:assert/strict'
import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { type AddressInfo, connect, createServer, type Server, type Socket } from 'node:net'
import { text } from 'node:stream/consumers'
import { test } from 'node:test'
import { checkMachine } from '../support/machine-check.ts'
import { requires } from '../support/requires.ts'
import { Client, withServer } from './server.ts'

checkMachine()

const NEEDS = requires({ root: true })

/**
 * Takes each of the three streams for a TCP socket: connect(2) to AF_UNSPEC dissolves what it is connected to, the next one leads to a port of
 * the host's loopback. Prints a word for each: `out`, or the errno.
 */
const escape = (port: number): string =>
  [
    'for my $fd (0, 1, 2) {',
    'open(my $s, "+<&=$fd") or open($s, "<&=$fd") or open($s, ">&=$fd") or die $!;',
    'my $out = connect($s, pack("S x14", 0))',
    `&& connect($s, pack("S n C4 x8", 2, ${port}, 127, 0, 0, 1));`,
    'print STDERR $out ? "out " : 0 + $! . " " }',
  ].join(' ')

const ENOTSOCK = 88

async function listening(server: Server): Promise<number> {
  server.listen(0, '127.0.0.1')
  await once(server, 'listening')
  return (server.address() as AddressInfo).port
}

test(
  'E04: what a socket as stdin would let a command do, connect(2) with AF_UNSPEC and then to the host, it cannot: no stream is a socket',
  NEEDS,
  async () => {
    let visits = 0
    const secret = createServer((socket) => socket.on('error', () => {}).end(String(visits++)))
    const careless = createServer()
    try {
      const script = escape(await listening(secret))
      // The danger is real: so it goes where the socket itself is handed on.
      const client = connect(await listening(careless), '127.0.0.1').on('error', () => {})
      const [socket] = (await once(careless, 'connection')) as [Socket]
      const perl = spawn('perl', ['-e', script], { stdio: [socket, 'ignore', 'pipe'] })
      assert.match(await text(perl.stderr), /^out /)
      client.destroy()
      socket.destroy()
      assert.equal(visits, 1)
      await withServer([], ['sh'], async (server) => {
        const inside = await Client.connect(server.port)
        assert.equal(await inside.ask(`perl -e '${script}'`), `${ENOTSOCK} ${ENOTSOCK} ${ENOTSOCK}`)
        inside.vanish()
      })
      assert.equal(visits, 1)
    } finally {
      careless.close()
      secret.close()
    }
  },
)
