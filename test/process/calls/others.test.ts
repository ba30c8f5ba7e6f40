import assert from 'node:assert/strict'
import {
  lstatSync,
  mkdtempSync,
  readFileSync,
  readlinkSync,
  rmSync,
  statSync,
  symlinkSync,
  writeFileSync,
} from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { test } from 'node:test'
import { rightsSpace } from '../../../src/linux/control-messages.ts'
import { Agent } from '../../../src/process/agent.ts'
import { program } from '../../../src/program/builder.ts'
import { checkMachine } from '../../support/machine-check.ts'
import { descriptorsOf } from '../../support/proc.ts'
import { requires } from '../../support/requires.ts'

checkMachine()

const FOLDER = join(tmpdir(), 'carrel-calls-')

test('stat(), lstat() and fstat() tell what Node’s own calls tell; access() asks', async (t) => {
  const folder = mkdtempSync(FOLDER)
  t.after(() => rmSync(folder, { recursive: true, force: true }))
  writeFileSync(join(folder, 'file'), 'four', { mode: 0o640 })
  symlinkSync('file', join(folder, 'link'))
  await using agent = await Agent.start()
  const wanted = statSync(join(folder, 'file'))
  const fd = await agent.sys.open(join(folder, 'file'), ['O_RDONLY', 'O_CLOEXEC'])
  for (const told of [await agent.sys.stat(join(folder, 'link')), await agent.sys.fstat(fd)]) {
    assert.deepEqual(
      [Number(told.stx_ino), told.stx_size, told.stx_mode, told.stx_uid, told.stx_nlink],
      [wanted.ino, 4, wanted.mode, wanted.uid, 1],
    )
  }
  assert.equal((await agent.sys.lstat(join(folder, 'link'))).stx_mode, lstatSync(join(folder, 'link')).mode)
  await agent.sys.access(join(folder, 'file'), ['R_OK'])
  await assert.rejects(agent.sys.access(join(folder, 'none'), ['F_OK']), { errno: 'ENOENT' })
})

test('rename() and readlink() work on paths; dup2() and pipe() make descriptors that survive an exec', async (t) => {
  const folder = mkdtempSync(FOLDER)
  t.after(() => rmSync(folder, { recursive: true, force: true }))
  await using agent = await Agent.start()
  await agent.sys.symlink('somewhere', join(folder, 'a'))
  await agent.sys.rename(join(folder, 'a'), join(folder, 'b'))
  assert.equal(await agent.sys.readlink(join(folder, 'b')), readlinkSync(join(folder, 'b')))
  const { read } = await agent.sys.pipe()
  assert.equal(await agent.sys.dup2(read, 77), 77)
  assert.equal(descriptorsOf(agent.pid).get(77), descriptorsOf(agent.pid).get(read))
  assert.deepEqual([await agent.sys.fcntl(77, 'F_GETFD'), await agent.sys.fcntl(read, 'F_GETFD')], [0, 0])
})

test('poll() and ppoll() tell which descriptors are ready, and what is wrong with others', async () => {
  await using agent = await Agent.start()
  const { read, write } = await agent.sys.pipe2(['O_CLOEXEC'])
  const wanted = [
    { fd: read, events: ['POLLIN'] },
    { fd: write, events: ['POLLOUT'] },
    { fd: 60, events: ['POLLIN'] },
  ] as const
  const revents = async (): Promise<unknown> => (await agent.sys.poll(wanted, 0)).map((each) => each.revents)
  assert.deepEqual(await revents(), [[], ['POLLOUT'], ['POLLNVAL']])
  await agent.sys.write(write, 'x')
  assert.deepEqual(await revents(), [['POLLIN'], ['POLLOUT'], ['POLLNVAL']])
  const before = performance.now()
  assert.deepEqual(await agent.sys.ppoll([], { tv_sec: 0, tv_nsec: 30e6 }), [])
  assert.ok(performance.now() - before >= 29)
})

test('recvmsg() tells the sender, the length of what came beside the data, and whether something was cut off', async () => {
  await using agent = await Agent.start()
  const to = { abstract: `carrel-test-${agent.pid}-to` }
  const from = { abstract: `carrel-test-${agent.pid}-from` }
  const receiver = await agent.sys.socket('AF_UNIX', ['SOCK_DGRAM', 'SOCK_CLOEXEC'], 0)
  const sender = await agent.sys.socket('AF_UNIX', ['SOCK_DGRAM', 'SOCK_CLOEXEC'], 0)
  await agent.sys.bind(receiver, to)
  await agent.sys.bind(sender, from)
  await agent.sys.sendmsg(sender, { data: 'longer than the room', to, rights: [sender] }, [])
  const message = await agent.sys.recvmsg(receiver, { size: 6, control: 200 }, [])
  assert.equal(new TextDecoder().decode(message.data), 'longer')
  assert.deepEqual([message.from, message.control.length, message.flags], [from, rightsSpace(1), ['MSG_TRUNC']])
})

test('sigqueue() sends a value with a signal, in the name that it is given', async () => {
  await using agent = await Agent.start()
  const child = await agent.fork()
  await child.sys.rt_sigprocmask('SIG_BLOCK', ['SIGUSR1'])
  await agent.sys.sigqueue(child.pid, 'SIGUSR1', { value: -5, pid: 123, uid: 456 })
  const { signal, code, pid, uid, value } = await child.sys.rt_sigtimedwait(['SIGUSR1'], { tv_sec: 1 })
  assert.deepEqual(
    { signal, code, pid, uid, value },
    { signal: 'SIGUSR1', code: 'SI_QUEUE', pid: 123, uid: 456, value: -5n },
  )
})

test('a handle of a file opens it again, whatever its name', requires({ root: true }), async (t) => {
  const folder = mkdtempSync(FOLDER)
  t.after(() => rmSync(folder, { recursive: true, force: true }))
  writeFileSync(join(folder, 'file'), 'found')
  await using agent = await Agent.start()
  const { handle, mountId } = await agent.sys.name_to_handle_at('AT_FDCWD', join(folder, 'file'), [])
  assert.equal(BigInt(mountId), (await agent.sys.stat(folder)).stx_mnt_id)
  await agent.sys.rename(join(folder, 'file'), join(folder, 'renamed'))
  const mount = await agent.sys.open(folder, ['O_RDONLY', 'O_CLOEXEC'])
  const fd = await agent.sys.open_by_handle_at(mount, handle, ['O_RDONLY', 'O_CLOEXEC'])
  assert.equal(new TextDecoder().decode(await agent.sys.read(fd, 10)), 'found')
})

test('mmap() and futex() work on memory of the process, by its address', async () => {
  await using agent = await Agent.start()
  const address = await agent.sys.mmap(0, 4096, ['PROT_READ', 'PROT_WRITE'], ['MAP_PRIVATE', 'MAP_ANONYMOUS'], -1, 0)
  const mapped = () => readFileSync(`/proc/${agent.pid}/maps`, 'utf8').includes(`${address.toString(16)}-`)
  assert.equal(mapped(), true)
  const FUTEX_WAIT = 0
  await assert.rejects(agent.sys.futex(address, FUTEX_WAIT, 1, null), { errno: 'EAGAIN' })
  await assert.rejects(agent.sys.futex(address, FUTEX_WAIT, 0, { tv_nsec: 1000 }), { errno: 'ETIMEDOUT' })
  await agent.sys.munmap(address, 4096)
  assert.equal(mapped(), false)
})

test('the program of several names is one: steps refer to each other as with the kernel’s names', async () => {
  await using agent = await Agent.start()
  const p = program()
  const { read, write } = p.pipe()
  const copy = p.dup2(write, 90)
  p.write(copy, 'through 90')
  const bytes = p.read(read, 100)
  const ready = p.select([90], [90], null, { tv_sec: 0 })
  for (const fd of [read, write, copy]) p.close(fd)
  const result = await agent.run(p)
  assert.equal(new TextDecoder().decode(result.get(bytes)), 'through 90')
  assert.deepEqual(result.get(ready), { read: [], write: [90], except: [] })
})
