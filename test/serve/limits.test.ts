import assert from 'node:assert/strict'
import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { chmodSync, cpSync, existsSync, readFileSync, statSync, writeFileSync } from 'node:fs'
import { basename, dirname, join } from 'node:path'
import { text } from 'node:stream/consumers'
import { test } from 'node:test'
import { findBinary } from '../../src/kernel/binaries.ts'
import { carrel } from '../cli/carrel.ts'
import { groupsOf } from '../sandbox/leaks.ts'
import { eventually } from '../support/eventually.ts'
import { checkMachine } from '../support/machine-check.ts'
import { descendants, survivors } from '../support/proc.ts'
import { REPOSITORY } from '../support/repository.ts'
import { requires } from '../support/requires.ts'
import { Client, ServerProcess, withFolder, withServer } from './server.ts'

checkMachine()

const NEEDS = requires({ root: true })
const SHELL = ['sh']

test(
  'E04: connections beyond the limits are refused with the reason, are in the log, and get in when one has left',
  NEEDS,
  async () => {
    await withFolder(async (folder) => {
      const path = join(folder, 'socket')
      const options = ['--tcp', '0', '--unix', path, '--max-connections', '3', '--max-per-address', '2']
      await withServer(options, SHELL, async (server) => {
        const two = await Promise.all([Client.connect(server.port), Client.connect(server.port)])
        await Promise.all(two.map((client) => client.ask('true')))
        const third = await (await Client.connect(server.port)).rest()
        assert.equal(third, 'carrel: Refused: 2 connections from one address are the most\n')
        const local = await Client.connect(path)
        await local.ask('true')
        const fifth = await (await Client.connect(path)).rest()
        assert.equal(fifth, 'carrel: Refused: all 3 places are taken: try again later\n')
        assert.deepEqual(server.lines('refuse').length, 2)
        assert.match(await server.line('connect', /conn=3/), /uid=0 gid=0 pid=\d+$/)
        two[0]?.socket.end('exit\n')
        await two[0]?.rest()
        await server.line('end', /conn=1 /)
        const next = await Client.connect(server.port)
        assert.equal(await next.ask('echo in'), 'in')
        for (const client of [...two, local, next]) client.vanish()
      })
    })
  },
)

test(
  'E04: a connection on which nothing happens, or that lasts too long, is ended with all that runs, and told so',
  NEEDS,
  async () => {
    await withServer(['--idle', '2s', '--timeout', '5s', '--grace', '100ms'], SHELL, async (server) => {
      const [silent, busy] = await Promise.all([Client.connect(server.port), Client.connect(server.port)])
      await silent.ask('(trap "" TERM; sleep 1000 &)')
      await busy.ask('(sleep 1000 &)')
      const running = server.commands()
      const chatter = setInterval(() => busy.socket.write('true\n'), 100)
      assert.match(await silent.rest(), /carrel: Ended: not a byte for 2 s\n$/)
      assert.match(await busy.rest(), /carrel: Ended: a connection may last 5 s\n$/)
      clearInterval(chatter)
      assert.match(await server.line('end', /conn=1 /), /outcome=idle/)
      assert.match(await server.line('end', /conn=2 /), /outcome=timeout/)
      await eventually(
        () => survivors(running).length === 0,
        () => `${survivors(running).length} survive`,
      )
    })
  },
)

test('E04: SIGTERM lets nobody in and those who are there finish; the socket’s name goes', NEEDS, async () => {
  await withFolder(async (folder) => {
    const path = join(folder, 'socket')
    await withServer(['--unix', path], SHELL, async (server) => {
      assert.equal(statSync(path).mode & 0o777, 0o600)
      const client = await Client.connect(path)
      await client.ask('true')
      server.child.kill('SIGTERM')
      await server.line('drain')
      assert.ok(!existsSync(path))
      await assert.rejects(Client.connect(path))
      assert.equal(await client.ask('echo still served'), 'still served')
      client.socket.end('exit 5\n')
      assert.match(await server.line('end'), /outcome=exited code=5/)
    })
  })
})

test('E04: after the time to drain, or a second signal, what is left is ended; the exit code is 0', NEEDS, async () => {
  for (const [options, signals] of [
    [['--drain', '300ms'], 1],
    [[], 2],
  ] as const) {
    const server = await ServerProcess.start(options, SHELL)
    const client = await Client.connect(server.port)
    await client.ask('(trap "" TERM; setsid sleep 1000 &)')
    const running = descendants(server.pid)
    const began = performance.now()
    const ended = once(server.child, 'close')
    for (let i = 0; i < signals; i++) {
      server.child.kill('SIGINT')
      await server.line('drain', i === 0 ? /10000|300/ : /=0$/)
    }
    const said = await client.rest()
    if (signals === 1) assert.match(said, /carrel: Ended: the server is going down\n$/)
    await ended
    assert.ok(performance.now() - began < 9000, 'the usual time to drain is 10 s')
    assert.equal(await server.stop(), 0)
    assert.equal(server.lines('close').length, 1)
    await eventually(
      () => survivors(running).length === 0,
      () => `${survivors(running).length} survive`,
    )
  }
})

test('E04: a unix socket may have a number for a name', NEEDS, async () => {
  await withFolder(async (folder) => {
    const server = await ServerProcess.start(['--unix', '8080'], ['echo', 'here'], ['env', '-C', folder])
    try {
      assert.equal(await (await Client.connect(join(folder, '8080'))).rest(), 'here\n')
      assert.equal(carrel(['connect', '--unix', '8080'], { cwd: folder }).stdout, 'here\n')
    } finally {
      await server.stop()
    }
  })
})

test(
  'E04: the name that a killed server has left is taken over; one at which somebody listens is not, nor a file',
  NEEDS,
  async () => {
    await withFolder(async (folder) => {
      const path = join(folder, 'socket')
      const killed = await ServerProcess.start(['--unix', path], SHELL)
      await killed.stop('SIGKILL')
      assert.ok(existsSync(path))
      await withServer(['--unix', path], SHELL, async () => {
        const second = carrel(['serve', '--unix', path, '--', 'sh'])
        assert.equal(second.status, 125)
        assert.match(second.stderr, /at which somebody listens already/)
        assert.ok(existsSync(path))
      })
      writeFileSync(path, 'mine')
      assert.match(carrel(['serve', '--unix', path, '--', 'sh']).stderr, /exists and is no socket/)
      assert.equal(readFileSync(path, 'utf8'), 'mine')
    })
  },
)

test(
  'E04: the port of the source on the loopback alone is the default; what listens elsewhere says loudly whom it serves',
  NEEDS,
  async () => {
    // In a network of its own the port is free, and nobody reaches what is open.
    const network = ['unshare', '-n', 'sh', '-c', 'busybox ip link set lo up && exec "$@"', 'sh']
    const listening = async (options: readonly string[]) => {
      const words = [...network, process.execPath, 'dist/cli/main.js', 'serve', ...options, '--', 'sh', '-i']
      const child = spawn(words[0] ?? '', words.slice(1), { stdio: ['ignore', 'pipe', 'pipe'] })
      const stderr = text(child.stderr)
      let told = ''
      child.stdout.on('data', (data: Buffer) => (told += data.toString()))
      const places = options.filter((word) => word === '--tcp').length || 1
      await eventually(
        () => told.match(/^listening on /gm)?.length === places,
        () => told,
      )
      // Column 2 is the local address in hexadecimal, column 4 the state: 0A listens (proc_pid_net(5)).
      const sockets = ['tcp', 'tcp6'].flatMap((name) =>
        readFileSync(`/proc/${child.pid}/net/${name}`, 'utf8')
          .split('\n')
          .map((line) => line.trim().split(/\s+/))
          .flatMap(([, local = '', , state]) => (state === '0A' ? [local] : [])),
      )
      child.kill('SIGTERM')
      await once(child, 'close')
      return { sockets, stderr: await stderr }
    }
    const usual = await listening([])
    assert.deepEqual(usual.sockets, ['0100007F:7A69'])
    assert.doesNotMatch(usual.stderr, /WARNING/)
    const open = await listening(['--tcp', '0.0.0.0:31337', '--tcp', '[::]:31337', '--user', '7', '--net', 'host'])
    assert.deepEqual(open.sockets, ['00000000:7A69', `${'0'.repeat(32)}:7A69`])
    const warnings = open.stderr.split('\n').filter((line) => line.includes('WARNING'))
    assert.equal(warnings.length, 2)
    for (const line of warnings)
      assert.match(
        line,
        /ANY address of this machine.*runs "sh -i".*as user 7, without a password, with this machine's network/,
      )
  },
)

test('E04: what is wrong with the options is said before anything listens', NEEDS, () => {
  const wrong = [
    [['--tcp', 'example.org:80'], /^carrel: tcp is "example\.org:80"/],
    [['--tcp', '0', '--rootfs', '/does/not/exist'], /^carrel: rootfs is \/does\/not\/exist/],
    [['--tcp', '192.0.2.1:0'], /^carrel: tcp is 192\.0\.2\.1:0, where nothing can listen: EADDRNOTAVAIL/],
    [['--tcp', '0', '--workdir', '/does/not/exist'], /^carrel: chdir\(.*ENOENT/],
    [['--unix', 'x'.repeat(108)], /^carrel: unix is "x+": a path of 1 to 107 bytes/],
    [['--unix', ''], /^carrel: unix is ""/],
    [['--max-connections', '0'], /^carrel: max-connections is "0"/],
    [['--unix-mode', '999'], /^carrel: unix-mode is "999"/],
    [['--log-format', 'xml'], /^carrel: log-format is "xml"/],
    [['--idle', 'soon'], /^carrel: idle must be a time/],
  ] as const
  for (const [options, message] of wrong) {
    const { status, stderr, stdout } = carrel(['serve', ...options, '--', 'sh'])
    assert.equal(status, 125, stderr)
    assert.match(stderr, message)
    assert.equal(stdout, '')
  }
})

/** The built command where any user may read it, as an installed package is. */
function installed(folder: string): string {
  const binaries = dirname(findBinary('carrel-agent'))
  chmodSync(folder, 0o755)
  for (const name of ['dist', 'package.json']) cpSync(join(REPOSITORY, name), join(folder, name), { recursive: true })
  for (const name of ['carrel-agent', 'carrel.node']) {
    cpSync(join(binaries, name), join(folder, 'build', basename(binaries), name))
  }
  return join(folder, 'dist/cli/main.js')
}

test('E04: an ordinary user serves too, as far as the machine lets them', NEEDS, async () => {
  await withFolder(async (folder) => {
    const before = ['setpriv', '--reuid=12345', '--regid=12345', '--clear-groups']
    const server = await ServerProcess.start(['--best-effort'], SHELL, before, installed(folder))
    try {
      assert.ok(server.addresses.length > 0, server.log)
      const client = await Client.connect(server.port)
      assert.match(await client.ask('id -u'), /^[1-5]\d{4}$/)
      client.vanish()
      await server.line('end')
      assert.equal(await server.stop(), 0)
    } finally {
      if (server.child.exitCode === null) await server.stop('SIGKILL')
    }
    assert.deepEqual(groupsOf(server.pid), [])
  })
})
