// Shows: a TCP server whose connections each get a container of their own, all under one agent. At a terminal, or with --port, it
// serves until it is told to end (`nc localhost 31337`); otherwise it talks with itself once. `carrel serve` is the same with limits on
// how many and how long, for strangers.
import assert from 'node:assert/strict'
import { createHmac, randomBytes, randomInt } from 'node:crypto'
import { once } from 'node:events'
import { readFileSync } from 'node:fs'
import { type AddressInfo, connect, createServer, type Socket } from 'node:net'
import { text } from 'node:stream/consumers'
import { finished } from 'node:stream/promises'
import { parseArgs } from 'node:util'
import { Sandbox } from 'carrel'

const several = { type: 'string', multiple: true, default: [] as string[] } as const
const options = { port: { type: 'string' }, env: several, etc: several } as const
const { values, positionals } = parseArgs({ options, allowPositionals: true })
const serves = process.stdin.isTTY || values.port !== undefined
const pairs = (items: string[]) => items.map((item) => item.split(/=(.*)/s, 2) as [name: string, value: string])
const etc = Object.fromEntries(pairs(values.etc).map(([name, file]) => [name, readFileSync(file)]))
const command = positionals.length > 0 ? positionals : ['bash', '-i']
const secret = randomBytes(16)
let connections = 0

async function serve(socket: Socket): Promise<void> {
  const peer = `${socket.remoteAddress}:${socket.remotePort}`
  // The same for as long as the connection lasts, and nothing of this host can be read from it.
  const hostname = `box-${createHmac('sha256', secret).update(String(connections++)).digest('hex').slice(0, 12)}`
  await using box = await Sandbox.create({
    memory: '64M',
    pids: 32,
    rlimits: { RLIMIT_NPROC: 64 },
    bestEffort: process.getuid?.() !== 0,
    user: randomInt(10_000, 60_000),
    hostname,
    etc,
    env: { TERM: 'linux', TMPDIR: '/tmp', HOSTNAME: hostname, ...Object.fromEntries(pairs(values.env)) },
  })
  const shell = await box.spawn('sh', ['-c', 'exec nice -n 19 "$@" 2>&1', 'sh', ...command])
  socket.on('data', (data) => console.log(`${peer} ${JSON.stringify(String(data))}`)).pipe(shell.stdin)
  shell.stdout.pipe(socket)
  // The other side may have closed its half only (`echo id | nc …`): the shell has a second to say the rest.
  socket.once('end', () => setTimeout(() => socket.destroy(), 1000).unref())
  await finished(socket, { readable: false })
}

const server = createServer({ allowHalfOpen: true }, (socket) => {
  serve(socket.on('error', () => {})).catch((error: unknown) => socket.end(`${String(error)}\n`))
}).listen(Number(values.port ?? (serves ? 31337 : 0)), 'localhost')
await once(server, 'listening')
const { port } = server.address() as AddressInfo
console.log(`listening on localhost:${port}`)
if (!serves) {
  const answers = ['a', 'b', 'c'].map((word) => text(connect(port).end(`echo ${word} "$$" "$HOME"; hostname; exit\n`)))
  for (const answer of await Promise.all(answers)) {
    console.log(answer)
    assert.match(answer, /[abc] \d \/home\/user\nbox-[0-9a-f]{12}\n/)
  }
  server.close()
}
