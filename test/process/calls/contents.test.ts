import assert from 'node:assert/strict'
import {
  existsSync,
  lstatSync,
  mkdtempSync,
  readFileSync,
  readlinkSync,
  rmSync,
  statSync,
  writeFileSync,
} from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { after, before, test } from 'node:test'
import { Agent, InvalidInputError } from '../../../src/process/index.ts'
import { checkMachine } from '../../support/machine-check.ts'
import { descriptorsOf } from '../../support/proc.ts'

checkMachine()

let folder: string
before(() => (folder = mkdtempSync(join(tmpdir(), 'carrel-contents-'))))
after(() => rmSync(folder, { recursive: true }))

test('C56: open() makes, truncates and refuses as its flags say; the mode goes through the umask', async () => {
  await using agent = await Agent.start()
  const path = join(folder, 'opened')
  await agent.sys.umask(0o027)
  const fd = await agent.sys.open(path, ['O_WRONLY', 'O_CREAT', 'O_EXCL', 'O_CLOEXEC'], 0o666)
  assert.equal(statSync(path).mode & 0o777, 0o640)
  assert.equal(descriptorsOf(agent.pid).get(fd), path)
  assert.match(readFileSync(`/proc/${agent.pid}/fdinfo/${fd}`, 'utf8'), /^flags:\s0?2100001$/m)
  await assert.rejects(agent.sys.open(path, ['O_WRONLY', 'O_CREAT', 'O_EXCL'], 0o666), { errno: 'EEXIST' })
  await agent.sys.write(fd, 'text')
  await agent.sys.open(path, ['O_WRONLY', 'O_TRUNC', 'O_CLOEXEC'])
  assert.equal(statSync(path).size, 0)
  await assert.rejects(agent.sys.open(join(folder, 'none'), 'O_RDONLY'), { errno: 'ENOENT' })
  const plain = await agent.sys.open('/dev/null', ['O_RDONLY'])
  assert.equal(await agent.sys.fcntl(plain, 'F_GETFD'), 0)
})

test('C64: read() gives what is there, at most `count` bytes, and nothing at the end', async () => {
  await using agent = await Agent.start()
  const path = join(folder, 'read')
  const content = new Uint8Array(300_000).map((_, index) => index * 7)
  writeFileSync(path, content)
  const fd = await agent.sys.open(path, ['O_RDONLY', 'O_CLOEXEC'])
  assert.deepEqual(await agent.sys.read(fd, 5), content.subarray(0, 5))
  assert.deepEqual(await agent.sys.read(fd, 1 << 20), content.subarray(5))
  assert.deepEqual(await agent.sys.read(fd, 10), new Uint8Array(0))
  await assert.rejects(agent.sys.read(99, 1), { errno: 'EBADF' })
  await assert.rejects(agent.sys.read(await agent.sys.open('/', 'O_RDONLY'), 1), { errno: 'EISDIR' })
  await assert.rejects(agent.sys.read(fd, -1), InvalidInputError)
})

test('C99: write() takes text or bytes and gives how many were written', async () => {
  await using agent = await Agent.start()
  const path = join(folder, 'written')
  const fd = await agent.sys.open(path, ['O_WRONLY', 'O_CREAT', 'O_CLOEXEC'], 0o600)
  assert.equal(await agent.sys.write(fd, 'naïve'), 6)
  assert.equal(await agent.sys.write(fd, new Uint8Array([0, 255, 10])), 3)
  assert.equal(await agent.sys.write(fd, ''), 0)
  assert.deepEqual(readFileSync(path), Buffer.concat([Buffer.from('naïve'), Buffer.from([0, 255, 10])]))
  const pipe = await agent.sys.pipe2(['O_CLOEXEC', 'O_NONBLOCK'])
  const taken = await agent.sys.write(pipe.write, new Uint8Array(1 << 20))
  assert.equal(taken, await agent.sys.fcntl(pipe.write, 'F_GETPIPE_SZ'))
  await assert.rejects(agent.sys.write(pipe.write, 'x'), { errno: 'EAGAIN' })
  await agent.sys.close(pipe.read)
  await assert.rejects(agent.sys.write(pipe.write, 'x'), { errno: 'EPIPE' })
})

test('C67: rmdir() removes an empty directory and nothing else', async () => {
  await using agent = await Agent.start()
  const path = join(folder, 'directory')
  await agent.sys.mkdir(path, 0o700)
  writeFileSync(join(path, 'file'), '')
  await assert.rejects(agent.sys.rmdir(path), { errno: 'ENOTEMPTY' })
  await assert.rejects(agent.sys.rmdir(join(path, 'file')), { errno: 'ENOTDIR' })
  rmSync(join(path, 'file'))
  await agent.sys.rmdir(path)
  assert.ok(!existsSync(path))
})

test('C89: symlink() makes a link that holds the text, whether it leads anywhere or not', async () => {
  await using agent = await Agent.start()
  const path = join(folder, 'link')
  await agent.sys.symlink('no/such/place', path)
  assert.equal(readlinkSync(path), 'no/such/place')
  await assert.rejects(agent.sys.symlink('other', path), { errno: 'EEXIST' })
  await assert.rejects(agent.sys.symlink('', join(folder, 'empty')), { errno: 'ENOENT' })
})

test('C93: unlink() removes a name, a link itself and not what it leads to, and no directory', async () => {
  await using agent = await Agent.start()
  const file = join(folder, 'target')
  const link = join(folder, 'to-target')
  writeFileSync(file, 'kept')
  await agent.sys.symlink(file, link)
  await agent.sys.unlink(link)
  assert.equal(lstatSync(link, { throwIfNoEntry: false }), undefined)
  assert.equal(readFileSync(file, 'utf8'), 'kept')
  const fd = await agent.sys.open(file, ['O_RDONLY', 'O_CLOEXEC'])
  await agent.sys.unlink(file)
  assert.ok(!existsSync(file))
  assert.equal(new TextDecoder().decode(await agent.sys.read(fd, 10)), 'kept')
  await assert.rejects(agent.sys.unlink(file), { errno: 'ENOENT' })
  await assert.rejects(agent.sys.unlink(folder), { errno: 'EISDIR' })
})
