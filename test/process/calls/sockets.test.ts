import assert from 'node:assert/strict'
import { readFileSync } from 'node:fs'
import { test } from 'node:test'
import { Agent, InvalidInputError } from '../../../src/process/index.ts'
import { checkMachine } from '../../support/machine-check.ts'
import { descriptorsOf } from '../../support/proc.ts'

checkMachine()

test('C88: socket() makes sockets by the names of family, type and protocol', async () => {
  await using agent = await Agent.start()
  const unix = await agent.sys.socket('AF_UNIX', ['SOCK_STREAM', 'SOCK_CLOEXEC'], 0)
  assert.match(descriptorsOf(agent.pid).get(unix) ?? '', /^socket:\[\d+\]$/)
  assert.equal(await agent.sys.fcntl(unix, 'F_GETFD'), 1)
  const udp = await agent.sys.socket('AF_INET', ['SOCK_DGRAM', 'SOCK_NONBLOCK', 'SOCK_CLOEXEC'], 0)
  const option = async (fd: number, name: 'SO_DOMAIN' | 'SO_TYPE' | 'SO_PROTOCOL') =>
    new DataView((await agent.sys.getsockopt(fd, 'SOL_SOCKET', name, 4)).slice().buffer).getInt32(0, true)
  assert.deepEqual(
    [await option(udp, 'SO_DOMAIN'), await option(udp, 'SO_TYPE'), await option(udp, 'SO_PROTOCOL')],
    [2, 2, 17],
  )
  await agent.sys.bind(udp, { address: '127.0.0.1', port: 0 })
  const name = await agent.sys.getsockname(udp)
  assert.ok('port' in name)
  const port = name.port.toString(16).toUpperCase().padStart(4, '0')
  assert.ok(readFileSync(`/proc/${agent.pid}/net/udp`, 'utf8').includes(` 0100007F:${port} `))
  await assert.rejects(agent.sys.socket('AF_UNIX', ['SOCK_STREAM'], 17), { errno: 'EPROTONOSUPPORT' })
  await assert.rejects(agent.sys.socket('AF_UNX' as 'AF_UNIX', ['SOCK_STREAM'], 0), InvalidInputError)
})

test('C70: select() gives what is ready of each set, none after its timeout, and holds up nobody else', async () => {
  await using agent = await Agent.start()
  const child = await agent.fork()
  const quiet = await child.sys.pipe2(['O_CLOEXEC'])
  const loud = await child.sys.pipe2(['O_CLOEXEC'])
  await child.sys.write(loud.write, 'x')
  const sets = [[quiet.read, loud.read], [quiet.write], [quiet.read]] as const
  assert.deepEqual(await child.sys.select(...sets, { tv_sec: 5 }), {
    read: [loud.read],
    write: [quiet.write],
    except: [],
  })
  const none = { read: [], write: [], except: [] }
  const start = performance.now()
  const waiting = child.sys.select([quiet.read], [], [], { tv_sec: 0, tv_nsec: 300_000_000 })
  assert.equal(await agent.sys.getpid(), agent.pid)
  assert.ok(performance.now() - start < 290, 'the parent waited too')
  assert.deepEqual(await waiting, none)
  assert.ok(performance.now() - start >= 295)
  await child.sys.close(loud.read)
  await assert.rejects(child.sys.select([loud.read], [], [], { tv_sec: 0 }), { errno: 'EBADF' })
  await assert.rejects(child.sys.select([1024], [], [], { tv_sec: 0 }), InvalidInputError)
})
