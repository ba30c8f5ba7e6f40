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
import { test, type TestContext } from 'node:test'
import { InvalidInputError } from '../../../src/base/errors.ts'
import { Agent } from '../../../src/process/agent.ts'
import { program } from '../../../src/program/builder.ts'
import { checkMachine } from '../../support/machine-check.ts'
import { descriptorsOf } from '../../support/proc.ts'
import { requires } from '../../support/requires.ts'

checkMachine()

/** A folder that is gone after the test. */
function folderFor(t: TestContext): string {
  const folder = mkdtempSync(join(tmpdir(), 'carrel-calls-'))
  t.after(() => rmSync(folder, { recursive: true, force: true }))
  return folder
}

/** A field of what the kernel tells about an open descriptor, proc_pid_fdinfo(5). */
const fdinfo = (pid: number, fd: number, field: string): string =>
  new RegExp(`^${field}:\\s*(\\S+)$`, 'm').exec(readFileSync(`/proc/${pid}/fdinfo/${fd}`, 'utf8'))?.[1] ?? ''

test('C08: chdir() moves the process, and only it; a path that is no folder leaves it where it was', async (t) => {
  const folder = folderFor(t)
  await using agent = await Agent.start()
  const child = await agent.fork()
  const before = readlinkSync(`/proc/${agent.pid}/cwd`)
  await child.sys.chdir(folder)
  assert.equal(readlinkSync(`/proc/${child.pid}/cwd`), folder)
  assert.equal(readlinkSync(`/proc/${agent.pid}/cwd`), before)
  await assert.rejects(child.sys.chdir('/etc/passwd'), { errno: 'ENOTDIR' })
  await assert.rejects(child.sys.chdir(join(folder, 'none')), { errno: 'ENOENT' })
  assert.equal(readlinkSync(`/proc/${child.pid}/cwd`), folder)
})

test('C09: chmod() sets the permission bits, of what a link points at', async (t) => {
  const folder = folderFor(t)
  await using agent = await Agent.start()
  const file = join(folder, 'file')
  writeFileSync(file, '')
  await agent.sys.symlink('file', join(folder, 'link'))
  await agent.sys.chmod(join(folder, 'link'), 0o4751)
  assert.equal(statSync(file).mode & 0o7777, 0o4751)
  await agent.sys.chmod(file, 0)
  assert.equal(statSync(file).mode & 0o7777, 0)
  await assert.rejects(agent.sys.chmod(join(folder, 'none'), 0o600), { errno: 'ENOENT', call: 'fchmodat' })
})

test(
  'C10: chown() sets owner and group, -1 leaves one; lchown() those of the link',
  requires({ root: true }),
  async (t) => {
    const folder = folderFor(t)
    await using agent = await Agent.start()
    const file = join(folder, 'file')
    const link = join(folder, 'link')
    writeFileSync(file, '')
    await agent.sys.symlink(file, link)
    await agent.sys.chown(link, 3_000_000_000, 200)
    assert.deepEqual([statSync(file).uid, statSync(file).gid], [3_000_000_000, 200])
    await agent.sys.chown(file, -1, 4)
    assert.deepEqual([statSync(file).uid, statSync(file).gid], [3_000_000_000, 4])
    await agent.sys.lchown(link, 77, -1)
    assert.deepEqual([lstatSync(link).uid, statSync(file).uid], [77, 3_000_000_000])
  },
)

test('C11: chroot() changes the root and leaves the working directory', requires({ root: true }), async (t) => {
  const folder = folderFor(t)
  await using agent = await Agent.start()
  const child = await agent.fork()
  const cwd = readlinkSync(`/proc/${child.pid}/cwd`)
  await child.sys.chroot(folder)
  assert.equal(readlinkSync(`/proc/${child.pid}/root`), folder)
  assert.equal(readlinkSync(`/proc/${child.pid}/cwd`), cwd)
  await child.sys.chdir('/')
  assert.equal(readlinkSync(`/proc/${child.pid}/cwd`), folder)
  await assert.rejects(child.sys.access('/etc', ['F_OK']), { errno: 'ENOENT' })
  assert.equal(readlinkSync(`/proc/${agent.pid}/root`), '/')
})

test('C15: close() closes exactly this descriptor, and says EBADF for one that is not open', async () => {
  await using agent = await Agent.start()
  const first = await agent.sys.open('/dev/null', ['O_RDONLY', 'O_CLOEXEC'])
  const second = await agent.sys.open('/dev/zero', ['O_RDONLY', 'O_CLOEXEC'])
  await agent.sys.close(first)
  assert.equal(descriptorsOf(agent.pid).has(first), false)
  assert.equal(descriptorsOf(agent.pid).get(second), '/dev/zero')
  await assert.rejects(agent.sys.close(first), { errno: 'EBADF' })
})

test('C23, A58: fcntl() sets and clears FD_CLOEXEC by name; O_NONBLOCK and duplicates too', async () => {
  await using agent = await Agent.start()
  const fd = await agent.sys.open('/dev/null', ['O_RDWR'])
  assert.equal(await agent.sys.fcntl(fd, 'F_GETFD'), 0)
  await agent.sys.fcntl(fd, 'F_SETFD', 'FD_CLOEXEC')
  assert.equal(Number.parseInt(fdinfo(agent.pid, fd, 'flags'), 8) & 0o2000000, 0o2000000)
  await agent.sys.fcntl(fd, 'F_SETFD', 0)
  assert.equal(Number.parseInt(fdinfo(agent.pid, fd, 'flags'), 8) & 0o2000000, 0)
  await agent.sys.fcntl(fd, 'F_SETFL', ['O_NONBLOCK', 'O_APPEND'])
  assert.equal(Number.parseInt(fdinfo(agent.pid, fd, 'flags'), 8) & 0o6000, 0o6000)
  const copy = await agent.sys.fcntl(fd, 'F_DUPFD_CLOEXEC', 100)
  assert.ok(copy >= 100)
  assert.equal(descriptorsOf(agent.pid).get(copy), '/dev/null')
  await assert.rejects(agent.sys.fcntl(fd, 'F_SETFD', 'FD_CLOEXE' as never), InvalidInputError)
})

test('C23: fcntl() takes a lock, which another process meets', async (t) => {
  const file = join(folderFor(t), 'locked')
  await using agent = await Agent.start()
  const child = await agent.fork()
  const flags = ['O_RDWR', 'O_CREAT', 'O_CLOEXEC'] as const
  const [mine, theirs] = [await agent.sys.open(file, flags, 0o600), await child.sys.open(file, flags, 0o600)]
  await agent.sys.fcntl(mine, 'F_SETLK', { l_type: 'F_WRLCK' })
  await assert.rejects(child.sys.fcntl(theirs, 'F_SETLK', { l_type: 'F_RDLCK' }), { errno: 'EAGAIN' })
  assert.match(readFileSync('/proc/locks', 'utf8'), new RegExp(`POSIX +ADVISORY +WRITE ${agent.pid} `))
  await agent.sys.fcntl(mine, 'F_SETLK', { l_type: 'F_UNLCK' })
  await child.sys.fcntl(theirs, 'F_SETLK', { l_type: 'F_RDLCK' })
})

test('C29: getcwd() is the path that the kernel shows; ENOENT when the folder is gone', async (t) => {
  const folder = folderFor(t)
  await using agent = await Agent.start()
  assert.equal(await agent.sys.getcwd(), readlinkSync(`/proc/${agent.pid}/cwd`))
  await agent.sys.mkdir(join(folder, 'ü ber'), 0o700)
  await agent.sys.chdir(join(folder, 'ü ber'))
  assert.equal(await agent.sys.getcwd(), join(folder, 'ü ber'))
  await agent.sys.rmdir(join(folder, 'ü ber'))
  await assert.rejects(agent.sys.getcwd(), { errno: 'ENOENT' })
  await agent.sys.chdir('/')
})

test('C50: link() gives a file a second name', async (t) => {
  const folder = folderFor(t)
  await using agent = await Agent.start()
  writeFileSync(join(folder, 'old'), 'x')
  await agent.sys.link(join(folder, 'old'), join(folder, 'new'))
  assert.equal(statSync(join(folder, 'new')).ino, statSync(join(folder, 'old')).ino)
  assert.equal(statSync(join(folder, 'old')).nlink, 2)
  await assert.rejects(agent.sys.link(join(folder, 'old'), join(folder, 'new')), { errno: 'EEXIST' })
})

test('C51, D-A13: lseek() gives the new offset, which is the one that the kernel has', async (t) => {
  const file = join(folderFor(t), 'file')
  writeFileSync(file, 'x'.repeat(1000))
  await using agent = await Agent.start()
  const fd = await agent.sys.open(file, ['O_RDWR', 'O_CLOEXEC'])
  assert.equal(await agent.sys.lseek(fd, 10, 'SEEK_SET'), 10)
  assert.equal(await agent.sys.lseek(fd, -3, 'SEEK_END'), 997)
  assert.equal(await agent.sys.lseek(fd, 5, 'SEEK_CUR'), 1002)
  assert.equal(fdinfo(agent.pid, fd, 'pos'), '1002')
  const far = 2 ** 40 + 7
  assert.equal(await agent.sys.lseek(fd, far, 'SEEK_SET'), far)
  assert.equal(fdinfo(agent.pid, fd, 'pos'), String(far))
  const p = program()
  const [end, current] = [p.lseek(fd, 0, 'SEEK_END'), p.lseek(fd, -1, 'SEEK_CUR')]
  const result = await agent.run(p)
  assert.deepEqual([result.get(end), result.get(current)], [1000, 999])
  await assert.rejects(agent.sys.lseek(fd, -1, 'SEEK_SET'), { errno: 'EINVAL' })
  const { read } = await agent.sys.pipe2(['O_CLOEXEC'])
  await assert.rejects(agent.sys.lseek(read, 0, 'SEEK_CUR'), { errno: 'ESPIPE' })
})

test('C52: mkdir() makes a folder whose mode the umask cuts', async (t) => {
  const folder = folderFor(t)
  await using agent = await Agent.start()
  await agent.sys.umask(0o027)
  await agent.sys.mkdir(join(folder, 'made'), 0o777)
  assert.equal(statSync(join(folder, 'made')).isDirectory(), true)
  assert.equal(statSync(join(folder, 'made')).mode & 0o777, 0o750)
  await assert.rejects(agent.sys.mkdir(join(folder, 'made'), 0o777), { errno: 'EEXIST' })
})

test('C53: mkfifo() makes a fifo, through which bytes pass from one process to another', async (t) => {
  const fifo = join(folderFor(t), 'fifo')
  await using agent = await Agent.start()
  const child = await agent.fork()
  await agent.sys.umask(0)
  await agent.sys.mkfifo(fifo, 0o640)
  assert.equal(lstatSync(fifo).isFIFO(), true)
  assert.equal(lstatSync(fifo).mode & 0o7777, 0o640)
  // Each open waits for the other side.
  const [reader, writer] = await Promise.all([
    child.sys.open(fifo, ['O_RDONLY', 'O_CLOEXEC']),
    agent.sys.open(fifo, ['O_WRONLY', 'O_CLOEXEC']),
  ])
  await agent.sys.write(writer, 'through')
  assert.equal(new TextDecoder().decode(await child.sys.read(reader, 100)), 'through')
  await assert.rejects(agent.sys.mkfifo(fifo, 0o600), { errno: 'EEXIST', call: 'mknodat' })
  await assert.rejects(agent.sys.mkfifo(`${fifo}2`, 0o100600), InvalidInputError)
  assert.equal(existsSync(`${fifo}2`), false)
})
