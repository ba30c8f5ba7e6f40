import assert from 'node:assert/strict'
import { once } from 'node:events'
import { mkdtempSync, readFileSync, rmSync } from 'node:fs'
import { createServer, type Socket } from 'node:net'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { test } from 'node:test'
import { InvalidInputError } from '../../../src/base/errors.ts'
import { decodeStruct, encodeStruct, memory } from '../../../src/linux/index.ts'
import { Agent } from '../../../src/process/agent.ts'
import { program } from '../../../src/program/builder.ts'
import { checkMachine } from '../../support/machine-check.ts'
import { requires } from '../../support/requires.ts'

checkMachine()

const text = (bytes: Uint8Array): string => new TextDecoder().decode(bytes)
const u64 = (value: number): Uint8Array => new Uint8Array(BigUint64Array.of(BigInt(value)).buffer)

/** A server of this process, the first connection to it, and the end of both. */
async function serve(where: string | number) {
  const server = createServer()
  if (typeof where === 'number') server.listen(where, '127.0.0.1')
  else server.listen(where)
  await once(server, 'listening')
  const first = once(server, 'connection').then(([socket]) => socket as Socket)
  const close = async () => {
    ;(await first).destroy()
    await new Promise((resolve) => server.close(resolve))
  }
  const address = server.address()
  return { first, close, port: typeof address === 'object' ? (address?.port ?? 0) : 0 }
}

test('C16: connect() reaches a server, by a unix path and by IPv4; its address is exact', async (t) => {
  const folder = mkdtempSync(join(tmpdir(), 'carrel-calls-'))
  t.after(() => rmSync(folder, { recursive: true, force: true }))
  await using agent = await Agent.start()
  const unix = await serve(join(folder, 'socket'))
  const fd = await agent.sys.socket('AF_UNIX', ['SOCK_STREAM', 'SOCK_CLOEXEC'], 0)
  await agent.sys.connect(fd, { path: join(folder, 'socket') })
  await agent.sys.write(fd, 'through a path')
  const [said] = (await once(await unix.first, 'data')) as [Buffer]
  assert.equal(said.toString(), 'through a path')
  assert.deepEqual(await agent.sys.getpeername(fd), { path: join(folder, 'socket') })
  assert.deepEqual(await agent.sys.getsockname(fd), { path: '' })

  const inet = await serve(0)
  const { port } = inet
  const tcp = await agent.sys.socket('AF_INET', ['SOCK_STREAM', 'SOCK_CLOEXEC'], 0)
  await agent.sys.connect(tcp, { address: '127.0.0.1', port })
  const socket = await inet.first
  assert.deepEqual(await agent.sys.getsockname(tcp), { address: '127.0.0.1', port: socket.remotePort })
  await assert.rejects(agent.sys.connect(tcp, { address: '127.0.0.1', port }), { errno: 'EISCONN' })
  const other = await agent.sys.socket('AF_UNIX', ['SOCK_STREAM', 'SOCK_CLOEXEC'], 0)
  await assert.rejects(agent.sys.connect(other, { path: join(folder, 'none') }), { errno: 'ENOENT' })
  await unix.close()
  await inet.close()
})

test('C16, A72: connect() takes a sockaddr that the caller laid out', async () => {
  await using agent = await Agent.start()
  const { first, close, port } = await serve(0)
  const fd = await agent.sys.socket('AF_INET', ['SOCK_STREAM', 'SOCK_CLOEXEC'], 0)
  await agent.sys.connect(
    fd,
    memory([Uint8Array.of(2, 0), Uint8Array.of(port >> 8, port & 255), Uint8Array.of(127, 0, 0, 1), 8]),
  )
  const socket = await first
  assert.deepEqual(await agent.sys.getsockname(fd), { address: '127.0.0.1', port: socket.remotePort })
  await close()
})

test('C16: abstract names have the length that the kernel says, zeros included; acceptFrom() tells whose connection it is', async () => {
  await using agent = await Agent.start()
  const server = await agent.sys.socket('AF_UNIX', ['SOCK_STREAM', 'SOCK_CLOEXEC'], 0)
  const client = await agent.sys.socket('AF_UNIX', ['SOCK_STREAM', 'SOCK_CLOEXEC'], 0)
  const abstract = `carrel-test-${agent.pid}\0\0`
  await agent.sys.bind(server, { abstract })
  await agent.sys.listen(server, 1)
  assert.deepEqual(await agent.sys.getsockname(server), { abstract })
  await agent.sys.bind(client, { abstract: `${abstract}client\0` })
  await agent.sys.connect(client, { abstract })
  const { fd, address } = await agent.sys.acceptFrom(server, ['SOCK_CLOEXEC'])
  assert.deepEqual(address, { abstract: `${abstract}client\0` })
  await agent.sys.write(client, 'x')
  assert.equal(text(await agent.sys.read(fd, 10)), 'x')
})

test('C43: ioctl() works on a terminal and on a pipe, and says ENOTTY elsewhere', async () => {
  await using agent = await Agent.start()
  const { read, write } = await agent.sys.pipe2(['O_CLOEXEC'])
  await agent.sys.write(write, 'twelve bytes')
  assert.deepEqual(await agent.sys.ioctlRead(read, 'FIONREAD', 4), Uint8Array.of(12, 0, 0, 0))
  const terminal = await agent.sys.open('/dev/ptmx', ['O_RDWR', 'O_NOCTTY', 'O_CLOEXEC'])
  await agent.sys.ioctl(terminal, 'TIOCSWINSZ', encodeStruct('winsize', { ws_row: 43, ws_col: 132 }))
  const size = decodeStruct('winsize', await agent.sys.ioctlRead(terminal, 'TIOCGWINSZ', 8))
  assert.deepEqual([size.ws_row, size.ws_col], [43, 132])
  await assert.rejects(agent.sys.ioctl(read, 'TIOCGWINSZ', memory([8])), { errno: 'ENOTTY' })
})

test('C43: ioctlUpdate() gives a struct that the kernel has read and written', async () => {
  await using agent = await Agent.start()
  const socket = await agent.sys.socket('AF_INET', ['SOCK_DGRAM', 'SOCK_CLOEXEC'], 0)
  const answer = await agent.sys.ioctlUpdate(socket, 'SIOCGIFINDEX', encodeStruct('ifreq_index', { ifr_name: 'lo' }))
  const { ifr_name, ifr_ifindex } = decodeStruct('ifreq_index', answer)
  assert.equal(ifr_name, 'lo')
  assert.equal(ifr_ifindex, Number(readFileSync('/sys/class/net/lo/ifindex', 'utf8')))
  const nobody = encodeStruct('ifreq_index', { ifr_name: 'carrel-none' })
  await assert.rejects(agent.sys.ioctlUpdate(socket, 'SIOCGIFINDEX', nobody), { errno: 'ENODEV' })
})

test(
  'C43: TUNSETIFF makes an interface, and tells the name that the kernel chose',
  requires({ root: true, program: '/dev/net/tun' }),
  async () => {
    await using agent = await Agent.start()
    const child = await agent.clone(['CLONE_NEWNET'])
    const tun = await child.sys.open('/dev/net/tun', ['O_RDWR', 'O_CLOEXEC'])
    const wanted = encodeStruct('ifreq_tun', { ifr_name: 'carrel%d', ifr_flags: ['IFF_TUN', 'IFF_NO_PI'] })
    const { ifr_name } = decodeStruct('ifreq_tun', await child.sys.ioctlUpdate(tun, 'TUNSETIFF', wanted))
    assert.equal(ifr_name, 'carrel0')
    assert.match(readFileSync(`/proc/${child.pid}/net/dev`, 'utf8'), /^ *carrel0:/m)
  },
)

test('A72, C43: memory of several parts comes back in the same shape, with what the kernel wrote', async () => {
  await using agent = await Agent.start()
  const socket = await agent.sys.socket('AF_INET', ['SOCK_DGRAM', 'SOCK_CLOEXEC'], 0)
  const ifreq = memory(['lo', 14, 4, 20])
  assert.equal(await agent.sys.ioctl(socket, 'SIOCGIFINDEX', ifreq), 0)
  const [name, padding, index, rest] = ifreq.parts as Uint8Array[]
  assert.deepEqual([text(name as Uint8Array), padding?.length, rest?.length, ifreq.bytes.length], ['lo', 14, 20, 40])
  assert.equal(index?.[0], Number(readFileSync('/sys/class/net/lo/ifindex', 'utf8')))
})

test('A72, D-A13: memory that points at memory is filled where it points, and no address comes back', async () => {
  await using agent = await Agent.start()
  const { read, write } = await agent.sys.pipe2(['O_CLOEXEC'])
  const out = memory([memory(['carrel ']), u64(7), memory(['calls']), u64(5)])
  assert.equal(await agent.sys.syscall('writev', write, out, 2), 12)
  const [first, second] = [memory([4]), memory([100])]
  const into = memory([first, u64(4), second, u64(100)])
  assert.equal(await agent.sys.syscall('readv', read, into, 2), 12)
  assert.equal(text(first.bytes), 'carr')
  assert.equal(text(second.bytes.subarray(0, 8)), 'el calls')
  assert.deepEqual(into.parts, [first, u64(4), second, u64(100)])
  assert.deepEqual(into.bytes, Uint8Array.from([...u64(0), ...u64(4), ...u64(0), ...u64(100)]))
  assert.deepEqual(out.bytes.subarray(0, 8), u64(0))
})

test('A72: a program fills memory too, each step its own', async () => {
  await using agent = await Agent.start()
  const [before, after] = [memory([16]), memory([16])]
  const p = program()
  p.prctl('PR_GET_NAME', before)
  p.prctl('PR_SET_NAME', 'another')
  p.prctl('PR_GET_NAME', after)
  const comm = readFileSync(`/proc/${agent.pid}/comm`, 'utf8').trim()
  await agent.run(p)
  assert.equal(text(before.bytes).replace(/\0.*/, ''), comm)
  assert.equal(text(after.bytes).replace(/\0.*/, ''), 'another')
  assert.equal(readFileSync(`/proc/${agent.pid}/comm`, 'utf8'), 'another\n')
})

test('A72: parts of memory are bytes, text, sizes or memory; others are refused by their place', () => {
  assert.throws(() => memory(['x', -1]), { name: 'InvalidInputError', field: 'memory[1]' })
  assert.throws(() => memory([1.5]), InvalidInputError)
  assert.throws(() => memory([null as never]), InvalidInputError)
})

test('D-A13: getters of prctl() give values, never a pointer', async () => {
  await using agent = await Agent.start()
  const child = await agent.fork()
  await child.sys.prctl('PR_SET_PDEATHSIG', 'SIGUSR2')
  assert.equal(await child.sys.prctlRead('PR_GET_PDEATHSIG'), 12)
  await child.sys.prctl('PR_SET_CHILD_SUBREAPER', 1)
  assert.equal(await child.sys.prctlRead('PR_GET_CHILD_SUBREAPER'), 1)
  await child.sys.prctl('PR_SET_NAME', 'fifteen bytes long')
  assert.equal(await child.sys.prctlName(), 'fifteen bytes l')
  assert.equal(readFileSync(`/proc/${child.pid}/comm`, 'utf8'), 'fifteen bytes l\n')
})
