import assert from 'node:assert/strict'
import { createHash, randomBytes } from 'node:crypto'
import { once } from 'node:events'
import { PassThrough } from 'node:stream'
import { text } from 'node:stream/consumers'
import { test } from 'node:test'
import { parseTcpAddress } from '../../src/serve/address.ts'
import { Remote } from '../../src/serve/remote.ts'
import { FrameReader, SERVER_FRAMES } from '../../src/serve/wire/frames.ts'
import { CARREL, carrel, start } from '../cli/carrel.ts'
import { Tmux } from '../cli/tmux.ts'
import { eventually } from '../support/eventually.ts'
import { checkMachine } from '../support/machine-check.ts'
import { requires } from '../support/requires.ts'
import { Client, type ServerProcess, withServer } from './server.ts'

checkMachine()

const NEEDS = requires({ root: true })

/** Talks to a server by the protocol, with a terminal that no one sits at. */
async function remoteTo({ target }: ServerProcess, tty = true) {
  const [stdout, stderr] = [new PassThrough(), new PassThrough()]
  const heard = { stdout: '', stderr: '' }
  stdout.on('data', (data) => (heard.stdout += String(data)))
  stderr.on('data', (data) => (heard.stderr += String(data)))
  const hello = { tty, columns: 91, rows: 33, term: 'vt220' }
  const remote = await Remote.connect(parseTcpAddress(target), hello, { stdout, stderr })
  const hears = (pattern: RegExp) =>
    eventually(
      () => pattern.exec(heard.stdout)?.[0],
      () => `${String(pattern)} in ${JSON.stringify(heard.stdout)}`,
    )
  return { remote, heard, hears, type: (line: string) => remote.send(Buffer.from(line)) }
}

test(
  'E04: carrel connect has stdout and stderr apart, and the command’s exit code, signal or lack of one',
  NEEDS,
  async () => {
    await withServer([], ['sh'], async ({ target }) => {
      const ran = (input: string) => carrel(['connect', target], { input })
      const first = ran('echo out; echo err >&2; exit 7\n')
      assert.deepEqual([first.stdout, first.stderr, first.status], ['out\n', 'err\n', 7])
      assert.equal(ran('kill -KILL $$\n').status, 137)
      assert.equal(ran('exit 0').status, 0)
    })
    await withServer(
      ['--idle', '400ms'],
      ['sh', '-c', 'read a; [ "$a" = x ] && exec sleep 1000'],
      async ({ target }) => {
        const idle = carrel(['connect', target], { input: 'x\n' })
        assert.deepEqual([idle.status, idle.stderr], [143, 'carrel: Ended: not a byte for 0.4 s\n'])
      },
    )
    await withServer([], ['no-such-program'], async ({ target }) => {
      const missing = carrel(['connect', target])
      assert.deepEqual([missing.status, missing.stderr], [127, 'carrel: The command was not found (ENOENT)\n'])
    })
    await withServer(['--max-per-address', '1'], ['sh'], async (server) => {
      const { remote, hears, type } = await remoteTo(server)
      await type('echo in""side\n')
      await hears(/inside/)
      const refused = carrel(['connect', server.target])
      assert.equal(refused.status, 125)
      assert.match(
        refused.stderr,
        /^carrel: The server says: carrel: Refused: 1 connections from one address are the most\n/,
      )
      remote[Symbol.dispose]()
    })
    const nobody = carrel(['connect', '127.0.0.1:1'])
    assert.deepEqual([nobody.status, nobody.stderr], [125, 'carrel: Nobody answers at 127.0.0.1:1: ECONNREFUSED\n'])
  },
)

test('E04: megabytes go through unchanged in both directions at once', NEEDS, async () => {
  await withServer([], ['cat'], async ({ target }) => {
    const input = randomBytes(24 * 1024 * 1024)
    const child = start(['connect', target], { stdio: ['pipe', 'pipe', 'inherit'] })
    const hash = createHash('sha256')
    child.stdout?.on('data', (data: Buffer) => hash.update(data))
    child.stdin?.end(input)
    const [code] = (await once(child, 'close')) as [number]
    assert.deepEqual([code, hash.digest('hex')], [0, createHash('sha256').update(input).digest('hex')])
  })
})

test('E04: a signal gets through to a command that does not read what was sent before it', NEEDS, async () => {
  await withServer(
    [],
    ['sh', '-c', 'trap "echo caught; exit 9" INT; echo ready; while :; do sleep 0.1; done'],
    async ({ target }) => {
      const child = start(['connect', target], { stdio: ['pipe', 'pipe', 'inherit'] })
      child.stdin?.on('error', () => {})
      child.stdin?.write(Buffer.alloc(8 * 1024 * 1024))
      const output = text(child.stdout ?? assert.fail())
      await once(child.stdout ?? assert.fail(), 'data')
      child.kill('SIGINT')
      const [code] = (await once(child, 'exit')) as [number]
      child.stdin?.destroy()
      assert.deepEqual([code, await output], [9, 'ready\ncaught\n'])
    },
  )
})

test(
  'E04: a client that asks for a terminal gets one in a fresh container: its size, its name, job control, resizing',
  NEEDS,
  async () => {
    await withServer([], ['bash', '--norc', '-i'], async (server) => {
      const { remote, hears, type, heard } = await remoteTo(server)
      await type('tty; stty size; echo $TERM; ls -l /proc/self/fd\n')
      await hears(/^\/dev\/pts\/\d+\r\n33 91\r\nvt220\r$/m)
      assert.doesNotMatch(heard.stdout, /socket:|pipe:|no job control/)
      remote.resize({ columns: 120, rows: 50 })
      await type('stty size\n')
      await hears(/^50 120\r$/m)
      await type('sleep 1000\n')
      await eventually(
        () => server.commands().some(({ name }) => name === 'sleep'),
        () => 'sleep runs',
      )
      // What the bash of the container for plain clients held is gone.
      const names = (): string =>
        String(
          server
            .commands()
            .map(({ name }) => name)
            .sort(),
        )
      await eventually(() => names() === 'bash,sleep', names)
      await type('\u0003')
      await type('echo code $?\n')
      await hears(/^code 130\r$/m)
      await type('echo th""ree; (exit 3)\n')
      await hears(/^three\r\n[^\n]*\$ /m)
      remote.eof()
      const { code, outcome } = await remote.ended
      assert.deepEqual([code, outcome], [3, 'exited'])
      assert.match(await server.line('end'), /mode=tty outcome=exited code=3/)
    })
  },
)

test('E04: a hello that comes late, when the plain command runs already, replaces its container', NEEDS, async () => {
  await withServer([], ['sh', '-c', 'echo began; read line; echo "read $line"'], async (server) => {
    const client = await Client.connect(server.port)
    await client.hears(/began\n/)
    const [before] = server.commands()
    client.socket.write('\0carrel/1 {"tty":false,"columns":80,"rows":24,"term":"x"}\n')
    client.socket.write(Buffer.from([1, 0, 0, 0, 3, ...Buffer.from('hi\n')]))
    // Everything before the answer is the old command's; after it come frames.
    const rest = Buffer.from(await client.rest())
    const answer = '\0carrel/1 {"connection":1}\n'
    const at = rest.indexOf(answer)
    assert.equal(rest.subarray(0, at).toString(), 'began\n')
    const frames = [...new FrameReader(SERVER_FRAMES).push(rest.subarray(at + answer.length))]
    const told = frames.filter(({ kind }) => kind !== 'credit').map(({ payload }) => Buffer.from(payload).toString())
    assert.equal(told.join(''), 'began\nread hi\n{"code":0,"signal":null,"outcome":"exited"}')
    assert.ok(before)
    await eventually(
      () => server.commands().every(({ pid }) => pid !== before.pid),
      () => 'the command of the first container runs',
    )
  })
})

test('E04: carrel connect in a terminal: prompt, resizing, Ctrl-C, and the terminal as before', NEEDS, async () => {
  await withServer(['--env', 'PS1=inside> '], ['bash', '--norc', '-i'], async ({ target }) => {
    const tmux = Tmux.start('bash --norc --noprofile', { TERM: 'screen' })
    try {
      await tmux.shows(/\$|#/)
      tmux.line("PS1='outside> '; clear; stty -a > /dev/null; before=$(stty -g)")
      await tmux.shows(/^outside>$/m)
      tmux.line(`${process.execPath} ${CARREL} connect ${target}`)
      await tmux.shows(/^inside>$/)
      tmux.line('clear; stty size; echo $TERM')
      await tmux.shows(/^30 100\n(screen|tmux)/m)
      tmux.resize(90, 25)
      await tmux.showsAfter('stty size', /^25 90$/m)
      tmux.line('sleep 1000')
      await tmux.shows(/^inside> sleep 1000$/m)
      tmux.keys('C-c')
      tmux.line('exit 6')
      await tmux.shows(/^outside>$/m)
      tmux.line('echo code $?; [ "$(stty -g)" = "$before" ] && echo as before')
      await tmux.shows(/^code 6\nas before$/m)
    } finally {
      tmux.stop()
    }
  })
})
