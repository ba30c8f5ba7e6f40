import assert from 'node:assert/strict'
import { existsSync, mkdtempSync, readdirSync, readFileSync, readlinkSync, rmSync, writeFileSync } from 'node:fs'
import { connect } from 'node:net'
import { networkInterfaces, tmpdir } from 'node:os'
import { join } from 'node:path'
import { spawnSync } from 'node:child_process'
import { once } from 'node:events'
import { text } from 'node:stream/consumers'
import { test } from 'node:test'
import { groupsOf } from '../sandbox/leaks.ts'
import { checkMachine } from '../support/machine-check.ts'
import { eventually } from '../support/eventually.ts'
import { descendants, namespaceOf, type Seen, statusField, survivors } from '../support/proc.ts'
import { REPOSITORY } from '../support/repository.ts'
import { requires } from '../support/requires.ts'
import { Peer, type Server, startServer, stopServer } from './peer.ts'

checkMachine()

const NEEDS = requires({ root: true })
const SERVER = 'examples/13-tcp-containers.ts'

/** The shells that peers talk with: `bash -i` of each container. */
const shellsOf = ({ pid }: Server): readonly Seen[] =>
  descendants(pid).filter(({ name, pid: each }) => name === 'bash' && commandLine(each) === 'bash -i')

const commandLine = (pid: number): string => readFileSync(`/proc/${pid}/cmdline`, 'utf8').split('\0').join(' ').trim()

const rootAgentsOf = ({ pid }: Server): readonly Seen[] =>
  descendants(pid).filter((each) => each.parent === pid && each.name.startsWith('carrel'))

/** All of `/proc/PID/environ` with one name: getenv(3) and Python take the first entry, shells the last. */
const variables = (pid: number, name: string): readonly string[] =>
  readFileSync(`/proc/${pid}/environ`, 'utf8')
    .split('\0')
    .filter((each) => each.startsWith(`${name}=`))

async function withServer(args: readonly string[], use: (server: Server) => Promise<void>): Promise<void> {
  const server = await startServer(SERVER, args)
  try {
    await use(server)
  } finally {
    await stopServer(server)
  }
  await eventually(
    () => groupsOf(server.pid).length === 0,
    () => `groups are left: ${groupsOf(server.pid).join(', ')}`,
  )
}

test(
  'E04, A67, A68: 50 connections at once each get ids, host name, pid namespace and groups of their own under one agent',
  NEEDS,
  async () => {
    const mounts = readFileSync('/proc/self/mountinfo', 'utf8')
    await withServer(['--port', '0'], async (server) => {
      const peers = await Promise.all(Array.from({ length: 50 }, () => Peer.connect(server)))
      const names = await Promise.all(peers.map((peer) => peer.ask('hostname', 60_000)))
      const shells = shellsOf(server)
      assert.equal(shells.length, 50)
      assert.equal(rootAgentsOf(server).length, 1)
      const distinct = (what: string, of: (pid: number) => string) =>
        assert.equal(new Set(shells.map(({ pid }) => of(pid))).size, 50, what)
      distinct('ids', (pid) => statusField(pid, 'Uid'))
      distinct('pid namespaces', (pid) => namespaceOf(pid, 'pid'))
      distinct('mount namespaces', (pid) => namespaceOf(pid, 'mnt'))
      distinct('network namespaces', (pid) => namespaceOf(pid, 'net'))
      distinct('groups', (pid) => readFileSync(`/proc/${pid}/cgroup`, 'utf8'))
      assert.equal(new Set(names).size, 50)
      assert.doesNotMatch(readFileSync('/proc/self/mountinfo', 'utf8'), new RegExp(`carrel-${server.pid}`))
      peers.forEach((peer) => peer.vanish())
      await eventually(
        () => survivors(shells).length === 0 && groupsOf(server.pid).length === 0,
        () => `${survivors(shells).length} shells, ${groupsOf(server.pid).length} groups are left`,
        20_000,
      )
    })
    assert.equal(readFileSync('/proc/self/mountinfo', 'utf8'), mounts)
  },
)

test('E04: a fork bomb in one container does not keep the others from answering', NEEDS, async () => {
  await withServer(['--port', '0'], async (server) => {
    const [bomber, ...others] = await Promise.all(Array.from({ length: 6 }, () => Peer.connect(server)))
    assert(bomber)
    await Promise.all([bomber, ...others].map((peer) => peer.ask('true')))
    bomber.socket.write('bomb() { bomb | bomb & }; bomb\n')
    await eventually(
      () => /Resource temporarily unavailable|retry/.test(bomber.heard),
      () => `the bomb meets its limit: ${bomber.heard}`,
      20_000,
    )
    const begin = performance.now()
    const answers = await Promise.all(others.map((peer, index) => peer.ask(`ls / >/dev/null; echo ${index}`)))
    assert.deepEqual(answers, ['0', '1', '2', '3', '4'])
    const late = await Peer.connect(server)
    assert.equal(await late.ask('echo late'), 'late')
    assert.ok(performance.now() - begin < 20_000)
    for (const peer of [bomber, late, ...others]) peer.vanish()
    await eventually(
      () => groupsOf(server.pid).length === 0,
      () => `groups are left: ${groupsOf(server.pid).join(', ')}`,
      20_000,
    )
  })
})

test(
  'D-A26: a client that goes away, or a server that is killed, leaves no process, group or mount, whatever runs',
  NEEDS,
  async () => {
    await withServer(['--port', '0'], async (server) => {
      const [one, other] = await Promise.all([Peer.connect(server), Peer.connect(server)])
      // The old server called exit on the shell that had replaced its process, and removed the group while something lived in it.
      await one.ask('(trap "" TERM HUP; sleep 1000 & setsid sleep 1000 &)')
      await other.ask('(setsid sleep 1000 &)')
      assert.ok(groupsOf(server.pid).length >= 2)
      const sleepers = () => descendants(server.pid).filter(({ name }) => name === 'sleep')
      // The shells answer before what they put into the background has become sleep.
      await eventually(
        () => sleepers().length === 3,
        () => `${sleepers().length} of 3 sleep`,
      )
      const first = sleepers()
      one.vanish()
      await eventually(
        () => survivors(first).length === 1 && sleepers().length === 1,
        () => `${survivors(first).length} of the first container still sleep`,
      )
      const rest = [...sleepers(), ...shellsOf(server)]
      server.script.child.kill('SIGKILL')
      await server.script.ended
      await eventually(
        () => survivors(rest).length === 0 && groupsOf(server.pid).length === 0,
        () => `${survivors(rest).length} processes, ${groupsOf(server.pid).join(', ')} are left`,
      )
      other.vanish()
    })
  },
)

test('E04: a client gets the last words of its shell when it has closed its own half', NEEDS, async () => {
  await withServer(['--port', '0'], async (server) => {
    assert.match(await text(connect(server.port, 'localhost').end('echo $((6 * 7))\n')), /\n42\n/)
  })
})

test(
  'A68: nc to port 31337 of this host alone gives a contained shell, and what it types is logged with its address',
  NEEDS,
  async () => {
    await withServer(['--port', '31337'], async (server) => {
      const nc = spawnSync('/bin/busybox', ['nc', 'localhost', '31337'], { input: 'id -u; exit\n', encoding: 'utf8' })
      assert.match(nc.stdout, /\n[1-5]\d{4}\n/)
      // Column 2 is the local address in hexadecimal, column 4 the state: 0A listens (proc_pid_net(5)).
      const listening = ['tcp', 'tcp6'].flatMap((name) =>
        readFileSync(`/proc/${server.pid}/net/${name}`, 'utf8')
          .split('\n')
          .map((line) => line.trim().split(/\s+/))
          .filter(([, local, , state]) => state === '0A' && local?.endsWith(`:${(31337).toString(16).toUpperCase()}`))
          .map(([, local]) => local?.split(':')[0]),
      )
      assert.deepEqual(listening.length, 1)
      assert.match(String(listening[0]), /^(0100007F|0{24}01000000)$/)
      for (const { address } of Object.values(networkInterfaces()).flatMap((each) => each ?? [])) {
        if (address.startsWith('127.') || address.includes(':')) continue
        const [error] = (await once(connect(31337, address), 'error')) as [NodeJS.ErrnoException]
        assert.equal(error.code, 'ECONNREFUSED', address)
      }
      server.script.child.kill('SIGTERM')
      assert.match((await server.script.ended).stdout, /^(127\.0\.0\.1|::1):\d+ "id -u; exit\\n"$/m)
    })
  },
)

test('E04: what fails while a container is made is told to the client, and leaves nothing', NEEDS, async () => {
  await withServer(['--port', '0', '--env', '=no name'], async (server) => {
    const answer = await text(connect(server.port, 'localhost'))
    assert.match(answer, /^InvalidInputError: env\. is "no name": a name without "="/)
    assert.deepEqual(groupsOf(server.pid), [])
  })
  await withServer(['--port', '0', '--', 'no-such-program'], async (server) => {
    assert.match(await text(connect(server.port, 'localhost').end()), /no-such-program.*No such file/)
  })
})

test(
  'A62, D-A24: a variable of the user takes the place of the default one, for getenv as for shells',
  NEEDS,
  async () => {
    const args = ['--port', '0', '--env', 'TERM=xterm', '--env', 'HOME=/tmp', '--env', 'EXTRA=a=b']
    await withServer(args, async (server) => {
      const peer = await Peer.connect(server)
      const python = `python3 -c 'import os; print(os.environ["TERM"], os.environ["HOME"], os.environ["EXTRA"])'`
      assert.equal(await peer.ask(python), 'xterm /tmp a=b')
      assert.equal(await peer.ask('printenv TERM; sh -c "echo $TERM"'), 'xterm\nxterm')
      const { pid = 0 } = shellsOf(server)[0] ?? {}
      assert.deepEqual(variables(pid, 'TERM'), ['TERM=xterm'])
      assert.deepEqual(variables(pid, 'HOME'), ['HOME=/tmp'])
      assert.deepEqual(variables(pid, 'TMPDIR'), ['TMPDIR=/tmp'])
      assert.equal(variables(pid, 'PATH').length, 1)
      assert.equal(variables(pid, 'HOSTNAME').join(), `HOSTNAME=${await peer.ask('hostname')}`)
      peer.vanish()
    })
  },
)

test('A63: passwd and group are generated, the user may replace them and add files', NEEDS, async () => {
  const folder = mkdtempSync(join(tmpdir(), 'carrel-test-'))
  try {
    writeFileSync(join(folder, 'passwd'), 'alice:x:4711:4711::/:/bin/sh\n')
    writeFileSync(join(folder, 'motd'), 'welcome\n')
    await withServer(['--port', '0'], async (server) => {
      const peer = await Peer.connect(server)
      const uid = await peer.ask('id -u')
      assert.match(await peer.ask('cat /etc/passwd'), new RegExp(`^user:x:${uid}:${uid}:`, 'm'))
      assert.match(await peer.ask('cat /etc/group'), new RegExp(`^user:x:${uid}:`, 'm'))
      assert.match(await peer.ask('stat -f -c %T /etc'), /tmpfs/)
      peer.vanish()
    })
    const etc = ['passwd', 'motd'].flatMap((name) => ['--etc', `${name}=${folder}/${name}`])
    await withServer(['--port', '0', ...etc], async (server) => {
      const peer = await Peer.connect(server)
      assert.equal(await peer.ask('cat /etc/passwd /etc/motd'), 'alice:x:4711:4711::/:/bin/sh\nwelcome')
      peer.vanish()
    })
  } finally {
    rmSync(folder, { recursive: true })
  }
})

test(
  'A64: files of /etc are written when the host’s directories are read-only already, and only below the new /etc',
  NEEDS,
  async () => {
    const carrel = (...words: readonly string[]) =>
      spawnSync(process.execPath, ['dist/cli/main.js', ...words], { cwd: REPOSITORY, encoding: 'utf8' })
    const printed = carrel('explain', '--', 'true').stdout.split('\n')
    const readOnly = printed.findIndex((line) =>
      /mount_setattr\(.*"\/", AT_RECURSIVE, \{attr_set=MOUNT_ATTR_RDONLY/.test(line),
    )
    const written = printed.findIndex((line) => /openat\(r\d+, "etc\/passwd", .*O_CREAT/.test(line))
    assert.ok(readOnly >= 0 && written > readOnly, `${readOnly} ${written}`)
    const folder = mkdtempSync(join(tmpdir(), 'carrel-test-'))
    const name = `carrel-test-${process.pid}`
    try {
      writeFileSync(join(folder, 'file'), 'careless\n')
      for (const path of [`/usr/${name}`, `../usr/${name}`]) {
        await withServer(['--port', '0', '--etc', `${path}=${folder}/file`], async (server) => {
          assert.match(await text(connect(server.port, 'localhost')), /^InvalidInputError: etc has the name/)
        })
      }
      // Even the root of a container cannot: it is the mount that is read-only, not the file's mode.
      const script = `echo > /usr/${name} || echo > /usr/../usr/${name}; echo > /etc/${name}`
      const made = carrel('run', '--user', '0', '--', 'sh', '-c', script)
      assert.equal(made.stderr.match(/Read-only file system/g)?.length, 3)
      assert.ok(!existsSync(`/usr/${name}`) && !existsSync(`/etc/${name}`))
    } finally {
      rmSync(folder, { recursive: true })
    }
  },
)

test('A65: the host name of a container stays, and does not tell a pid of this host', NEEDS, async () => {
  await withServer(['--port', '0'], async (server) => {
    const [one, other] = await Promise.all([Peer.connect(server), Peer.connect(server)])
    const name = await one.ask('hostname')
    assert.match(name, /^box-[0-9a-f]{12}$/)
    assert.equal(await one.ask('hostname; cat /etc/hostname /proc/sys/kernel/hostname'), [name, name, name].join('\n'))
    assert.notEqual(await other.ask('hostname'), name)
    const pids = [server.pid, ...descendants(server.pid).map(({ pid }) => pid)]
    assert.ok(!pids.some((pid) => name.endsWith(String(pid))))
    // Another server has another secret: the number of a connection is not enough to know its name.
    await withServer(['--port', '0'], async (second) => {
      const peer = await Peer.connect(second)
      assert.notEqual(await peer.ask('hostname'), name)
      peer.vanish()
    })
    one.vanish()
    other.vanish()
  })
})

test('A66: the number of processes is limited by an rlimit too, for hosts without groups', NEEDS, async () => {
  await withServer(['--port', '0'], async (server) => {
    const peer = await Peer.connect(server)
    assert.equal(await peer.ask('ulimit -u'), '64')
    const { pid = 0 } = shellsOf(server)[0] ?? {}
    assert.match(readFileSync(`/proc/${pid}/limits`, 'utf8'), /^Max processes +64 +64 +/m)
    assert.equal(await peer.ask('nice'), '19')
    peer.vanish()
  })
})

test(
  'D-A25: no group of the server is left to a shell, its /dev is its own, and what it sees of the root is all there is',
  NEEDS,
  async () => {
    await withServer(['--port', '0'], async (server) => {
      const peer = await Peer.connect(server)
      await peer.ask('true')
      const { pid = 0 } = shellsOf(server)[0] ?? {}
      assert.equal(statusField(pid, 'Groups'), '')
      const devices = readdirSync(`/proc/${pid}/root/dev`)
      assert.ok(existsSync('/dev/kmsg') && !devices.includes('kmsg') && !devices.includes('mem'))
      assert.ok(readdirSync('/dev').length > devices.length)
      // chroot leaves a directory of the host as the root; after pivot_root it is the top of the namespace's only tree.
      assert.equal(readlinkSync(`/proc/${pid}/root`), '/')
      const mounts = readFileSync(`/proc/${pid}/mountinfo`, 'utf8').split('\n')
      assert.equal(mounts.filter((line) => line.split(' ')[4] === '/').length, 1)
      // The group was joined before the group namespace was made, and that before the shell: it stands at the top of it.
      const inside = await peer.ask('cat /proc/self/cgroup')
      assert.ok(
        inside.split('\n').every((line) => line.endsWith(':/') || !/memory|pids/.test(line)),
        inside,
      )
      peer.vanish()
    })
  },
)

test(
  'D-A27: memory and processes are limited on whichever hierarchy has the controller, for every thread',
  NEEDS,
  async () => {
    await withServer(['--port', '0'], async (server) => {
      const peer = await Peer.connect(server)
      const threads =
        'import threading, time; [threading.Thread(target=time.sleep, args=(99,), daemon=True).start() for _ in range(4)]'
      peer.socket.write(`python3 -c '${threads}; print("threads" + " run", flush=True); time.sleep(99)'\n`)
      await eventually(
        () => peer.heard.includes('threads run'),
        () => peer.heard,
      )
      const { pid = 0 } = descendants(server.pid).find(({ name }) => name.startsWith('python3')) ?? {}
      const groups = new Set(
        readdirSync(`/proc/${pid}/task`).map((task) => readFileSync(`/proc/${pid}/task/${task}/cgroup`, 'utf8')),
      )
      assert.ok(readdirSync(`/proc/${pid}/task`).length >= 5)
      assert.equal(groups.size, 1)
      const [lines = ''] = groups
      assert.equal(limitIn(lines, 'memory', 'memory.limit_in_bytes', 'memory.max'), String(64 * 1024 * 1024))
      assert.equal(limitIn(lines, 'pids', 'pids.max', 'pids.max'), '32')
      peer.vanish()
    })
  },
)

/** What a controller's file says for a process, on v1 where the host has the controller there, else on v2. */
function limitIn(groups: string, controller: string, v1: string, v2: string): string {
  const paths = groups.split('\n').map((line) => line.split(':'))
  const old = paths.find(([, names]) => names?.split(',').includes(controller))
  const file = old
    ? `/sys/fs/cgroup/${controller}${old[2]}/${v1}`
    : `/sys/fs/cgroup${paths.find(([number]) => number === '0')?.[2]}/${v2}`
  return readFileSync(file, 'utf8').trim()
}
