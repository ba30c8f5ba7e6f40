import assert from 'node:assert/strict'
import { mkdtempSync, readdirSync, readFileSync, readlinkSync, rmSync, statSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { setTimeout as sleep } from 'node:timers/promises'
import { test } from 'node:test'
import { groupsOf } from '../sandbox/leaks.ts'
import { eventually } from '../support/eventually.ts'
import { checkMachine } from '../support/machine-check.ts'
import { descendants, namespaceOf, statusField, survivors } from '../support/proc.ts'
import { requires } from '../support/requires.ts'
import { Client, ServerProcess, withServer } from './server.ts'

checkMachine()

const NEEDS = requires({ root: true })
const SHELL = ['sh']

const environ = (pid: number): readonly string[] =>
  readFileSync(`/proc/${pid}/environ`, 'utf8').split('\0').filter(Boolean)

test(
  'E04, A68: each connection gets namespaces, a user, a host name, limits and an environment of its own, under one agent',
  NEEDS,
  async () => {
    await withServer(['--pids', '20', '--memory', '64M', '--rlimit', 'NPROC=16'], SHELL, async (server) => {
      const clients = await Promise.all([1, 2, 3].map(() => Client.connect(server.port)))
      const ids = await Promise.all(
        clients.map((client) =>
          client.ask('id -u; hostname; prlimit --nproc --output=HARD --noheadings; cat /etc/hostname'),
        ),
      )
      const pairs = ids.map((answer) => answer.split('\n'))
      for (const [uid = '', hostname = '', nproc, file] of pairs) {
        assert.match(uid, /^[1-5]\d{4}$/)
        assert.match(hostname, /^box-[0-9a-f]{12}$/)
        assert.deepEqual([nproc?.trim(), file], ['16', hostname])
      }
      assert.equal(new Set(pairs.map(([, hostname]) => hostname)).size, 3)
      const shells = server.commands()
      assert.equal(shells.length, 3)
      for (const kind of ['pid', 'net', 'mnt', 'uts', 'ipc', 'user', 'cgroup']) {
        const own = new Set(shells.map(({ pid }) => namespaceOf(pid, kind)))
        assert.equal(own.size, 3, kind)
        assert.ok(!own.has(namespaceOf(server.pid, kind)), kind)
      }
      assert.equal(descendants(server.pid).filter(({ parent }) => parent === server.pid).length, 1)
      for (const name of ['memory.limit_in_bytes', 'memory.max', 'pids.max']) {
        const values = groupsOf(server.pid).flatMap((group) => readOr(join(group, name)))
        if (values.length > 0) assert.deepEqual(new Set(values), new Set([name === 'pids.max' ? '20' : '67108864']))
      }
      const pid = shells[0]?.pid ?? 0
      const names = ['CONTAINER=carrel', 'TERM=linux', 'TMPDIR=/tmp', 'HOME=/home/user']
      for (const each of names) assert.ok(environ(pid).includes(each), each)
      assert.ok(environ(pid).some((each) => /^HOSTNAME=box-[0-9a-f]{12}$/.test(each)))
      clients.forEach((client) => client.socket.end('exit 7\n'))
      await server.line('end', /conn=3 /)
      assert.match(
        await server.line('end', /conn=1 /),
        /mode=plain outcome=exited code=7 wall_ms=\d+ cpu_ms=\d+ peak_bytes=[1-9]\d+ bytes_in=\d+ bytes_out=\d+/,
      )
    })
  },
)

const readOr = (path: string): readonly string[] => {
  try {
    return [readFileSync(path, 'utf8').trim()]
  } catch {
    return []
  }
}

test(
  'E04: the socket is never in the container: nothing in there can take it to another address (connect(2), AF_UNSPEC)',
  NEEDS,
  async () => {
    await withServer([], SHELL, async (server) => {
      const client = await Client.connect(server.port)
      const seen = await client.ask('sleep 60 & ls -l /proc/*/fd 2>/dev/null')
      assert.match(seen, /0 -> pipe:/)
      assert.doesNotMatch(seen, /socket:/)
      const [inode] = connectionsOf(server.pid, server.port)
      assert.ok(inode, 'the connection is in /proc/net/tcp')
      const holders = [server.pid, ...descendants(server.pid).map(({ pid }) => pid)].filter((pid) =>
        readdirSync(`/proc/${pid}/fd`).some((fd) => linkOf(pid, fd) === `socket:[${inode}]`),
      )
      // Not even PID 1, nor the agents above it.
      assert.deepEqual(holders, [server.pid])
      client.vanish()
    })
  },
)

/** Inodes of established connections to a port, on the server's side (proc_pid_net(5)). */
function connectionsOf(pid: number, port: number): readonly string[] {
  const local = `:${port.toString(16).toUpperCase().padStart(4, '0')}`
  return readFileSync(`/proc/${pid}/net/tcp`, 'utf8')
    .split('\n')
    .map((line) => line.trim().split(/\s+/))
    .flatMap((fields) => (fields[1]?.endsWith(local) && fields[3] === '01' ? [fields[9] ?? ''] : []))
}

function linkOf(pid: number, fd: string): string {
  try {
    return readlinkSync(`/proc/${pid}/fd/${fd}`)
  } catch {
    return ''
  }
}

test(
  'D-A24: a variable of --env takes the place of the default one: getenv finds it, and it is there once',
  NEEDS,
  async () => {
    const options = ['--env', 'TERM=vt100', '--env', 'HOME=/tmp', '--env', 'EXTRA=a=b']
    await withServer(options, SHELL, async (server) => {
      const client = await Client.connect(server.port)
      assert.equal(await client.ask('printenv TERM HOME EXTRA'), 'vt100\n/tmp\na=b')
      const pid = server.commands()[0]?.pid ?? 0
      const names = environ(pid).map((each) => each.split('=')[0])
      assert.equal(new Set(names).size, names.length)
      client.vanish()
    })
  },
)

test(
  'D-A25: no supplementary group of the server, no device but the harmless ones, one root, groups joined before the command',
  NEEDS,
  async () => {
    await withServer([], SHELL, async (server) => {
      const client = await Client.connect(server.port)
      const groups = await client.ask('cat /proc/self/cgroup')
      assert.ok(
        groups.split('\n').every((line) => line.endsWith(':/') || !/memory|pids/.test(line)),
        groups,
      )
      const pid = server.commands()[0]?.pid ?? 0
      assert.equal(statusField(pid, 'Groups'), '')
      const devices = readdirSync(`/proc/${pid}/root/dev`)
      assert.ok(!devices.includes('kmsg') && !devices.includes('mem') && devices.includes('null'))
      const mounts = readFileSync(`/proc/${pid}/mountinfo`, 'utf8').split('\n')
      assert.equal(mounts.filter((line) => line.split(' ')[4] === '/').length, 1)
      client.vanish()
    })
  },
)

test(
  'D-A26: a client that goes away takes its whole tree and its groups with it; the others go on',
  NEEDS,
  async () => {
    await withServer([], SHELL, async (server) => {
      const [one, other] = await Promise.all([Client.connect(server.port), Client.connect(server.port)])
      await one.ask('(trap "" TERM HUP; sleep 1000 & setsid sleep 1000 &)')
      await other.ask('(sleep 1000 &)')
      const sleepers = () => server.commands().filter(({ name }) => name === 'sleep')
      await eventually(
        () => sleepers().length === 3,
        () => `${sleepers().length} of 3 sleep`,
      )
      const all = sleepers()
      one.socket.resetAndDestroy()
      await eventually(
        () => survivors(all).length === 1,
        () => `${survivors(all).length} of 1 survive`,
      )
      assert.match(await server.line('end'), /outcome=disconnect/)
      assert.equal(await other.ask('echo still here'), 'still here')
      other.vanish()
    })
  },
)

test('D-A26: a server that is killed leaves no process and no group', NEEDS, async () => {
  const server = await ServerProcess.start([], SHELL)
  const client = await Client.connect(server.port)
  await client.ask('(setsid sleep 1000 &)')
  const all = descendants(server.pid)
  assert.ok(all.length >= 4)
  await server.stop('SIGKILL')
  await eventually(
    () => survivors(all).length === 0,
    () => `${survivors(all).length} survive`,
  )
  client.vanish()
})

test(
  'E04: a client that has closed its half still gets the answer; one that then waits for nothing is let go',
  NEEDS,
  async () => {
    await withServer(['--linger', '2s'], ['sh', '-c', 'sort; exec sleep 1000'], async (server) => {
      const client = await Client.connect(server.port)
      client.socket.end('b\na\n')
      assert.equal(await client.rest(), 'a\nb\ncarrel: Ended: not a byte for 2 s\n')
      assert.match(await server.line('end'), /outcome=idle code=143 signal=SIGTERM/)
    })
  },
)

test('E04: stdout and stderr of a plain client come in the order in which they were written', NEEDS, async () => {
  const script = 'for i in 1 2 3 4 5 6 7 8; do echo o$i; echo e$i >&2; done'
  await withServer([], ['sh', '-c', script], async (server) => {
    const lines = [1, 2, 3, 4, 5, 6, 7, 8].map((i) => `o${i}\ne${i}\n`).join('')
    assert.equal(await (await Client.connect(server.port)).rest(), lines)
  })
})

test(
  'E04: what fails is told to the client without a path of this machine, and to the log with everything',
  NEEDS,
  async () => {
    const folder = mkdtempSync(join(tmpdir(), 'carrel-test-'))
    const file = join(folder, 'secret-file')
    writeFileSync(file, '')
    await withServer(['--bind', `${file}:/data`], ['no-such-program'], async (server) => {
      assert.equal(await (await Client.connect(server.port)).rest(), 'carrel: The command was not found (ENOENT)\n')
      assert.match(await server.line('end', /conn=1/), /outcome=failed code=127.*error=.*no-such-program/)
      rmSync(folder, { recursive: true })
      const told = await (await Client.connect(server.port)).rest()
      assert.match(told, /^carrel: The container could not be made \(\w+\); connection 2 in the log says why\n$/)
      assert.match(await server.line('end', /conn=2/), /outcome=failed code=125.*secret-file/)
      assert.deepEqual(groupsOf(server.pid), [])
    })
  },
)

test(
  'E04: what clients send is logged with their address when that is asked for, on lines that nobody can forge',
  NEEDS,
  async () => {
    const folder = mkdtempSync(join(tmpdir(), 'carrel-test-'))
    const file = join(folder, 'log')
    try {
      await withServer(['--log', file, '--log-format', 'json', '--log-input'], ['cat'], async (server) => {
        const client = await Client.connect(server.port)
        client.socket.end('a\n2026 end \u001b[2J\u202e\n')
        await client.rest()
      })
      const text = readFileSync(file, 'utf8')
      assert.equal(statSync(file).mode & 0o777, 0o600)
      // oxlint-disable-next-line no-control-regex -- control characters are what this is about
      assert.doesNotMatch(text, /[\u0000-\u0009\u000b-\u001f\u202e]/)
      const events = text
        .trim()
        .split('\n')
        .map((line) => JSON.parse(line) as Record<string, unknown>)
      assert.deepEqual(
        events.map(({ event }) => event),
        ['listen', 'connect', 'input', 'end', 'drain', 'close'],
      )
      const [, , input, end] = events
      assert.equal(input?.['data'], 'a\n2026 end \u001b[2J\u202e\n')
      assert.deepEqual(
        [input?.['address'], end?.['address'], end?.['bytes_out']],
        ['127.0.0.1', '127.0.0.1', Buffer.byteLength('a\n2026 end \u001b[2J\u202e\n')],
      )
    } finally {
      rmSync(folder, { recursive: true })
    }
  },
)

test(
  'E04: a reader that is slow stops the command, and a command that does not read stops the client: nothing piles up',
  NEEDS,
  async () => {
    await withServer(
      ['--drain', '200ms'],
      ['sh', '-c', 'read go; if [ $go = write ]; then exec yes; else exec sleep 1000; fi'],
      async (server) => {
        const [reader, writer] = await Promise.all([Client.connect(server.port), Client.connect(server.port)])
        const before = server.rssMib
        reader.socket.write('write\n')
        reader.socket.pause()
        writer.socket.write('wait\n')
        const sent = Buffer.alloc(64 * 1024 * 1024)
        writer.socket.write(sent)
        const written = () => {
          const { pid } = server.commands().find(({ name }) => name === 'yes') ?? {}
          return pid === undefined ? 0 : Number(/^wchar: (\d+)/m.exec(readFileSync(`/proc/${pid}/io`, 'utf8'))?.[1])
        }
        await eventually(
          () => written() > 100_000,
          () => `yes has written ${written()}`,
        )
        for (let last = -1; last !== written();) {
          last = written()
          await sleep(150)
        }
        assert.ok(written() < 32 * 1024 * 1024, `${written()} bytes`)
        assert.ok(writer.socket.writableLength > 0)
        assert.ok(server.rssMib - before < 48, `${server.rssMib - before} MiB more`)
        reader.vanish()
        writer.vanish()
        await server.line('end', /conn=1 /)
      },
    )
  },
)

test(
  'E04: 50 connections, and 200 that are reset as soon as they are made, leave no descriptor and no group, and the server serves',
  NEEDS,
  async () => {
    await withServer(
      ['--max-connections', '300', '--max-per-address', '300'],
      ['sh', '-c', 'read x; echo $x'],
      async (server) => {
        const echo = async (word: string) => {
          const client = await Client.connect(server.port)
          client.socket.write(`${word}\n`)
          return client.rest()
        }
        const first = await Promise.all(Array.from({ length: 50 }, (_, i) => echo(`w${i}`)))
        assert.deepEqual(
          first,
          Array.from({ length: 50 }, (_, i) => `w${i}\n`),
        )
        await eventually(
          () => groupsOf(server.pid).length === 0,
          () => 'groups are left',
        )
        const before = server.descriptors()
        const flood = await Promise.all(Array.from({ length: 200 }, () => Client.connect(server.port)))
        flood.forEach((client, i) => (i % 2 ? client.socket.resetAndDestroy() : client.vanish()))
        assert.equal(await echo('alive'), 'alive\n')
        await eventually(
          () => groupsOf(server.pid).length === 0 && server.descriptors() <= before,
          () => `${groupsOf(server.pid).length} groups, ${server.descriptors()} descriptors of ${before} are left`,
          20_000,
        )
      },
    )
  },
)
