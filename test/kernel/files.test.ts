import assert from 'node:assert/strict'
import { chmodSync, existsSync, mkdtempSync, readFileSync, rmSync, statSync, symlinkSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { after, test } from 'node:test'
import { InvalidInputError, SyscallError } from '../../src/base/errors.ts'
import { currentKernel } from '../../src/kernel/current.ts'
import { close, O, open, readAll, writeAll } from '../../src/kernel/descriptors.ts'
import {
  listDirectory,
  makeDirectories,
  makeDirectory,
  openDirectory,
  removeDirectory,
  removeTree,
  workingDirectory,
} from '../../src/kernel/directories.ts'
import {
  appendText,
  lockFile,
  readBytes,
  readLink,
  readText,
  removeFile,
  writeAtomic,
  writeExisting,
  writeText,
} from '../../src/kernel/files.ts'
import { inheritedFileLimit, isAlive, readProcess, signalProcess, waitChild } from '../../src/kernel/process.ts'
import { acceptUnix, connectUnix, listenUnix, Messages, socketPair } from '../../src/kernel/socket.ts'
import { stat } from '../../src/kernel/stat.ts'
import { checkMachine } from '../support/machine-check.ts'

checkMachine()

const kernel = await currentKernel()
const folder = mkdtempSync(join(tmpdir(), 'carrel-kernel-'))
after(() => rmSync(folder, { recursive: true, force: true }))

const at = (name: string): string => join(folder, name)

const errno =
  (name: string, text = /./) =>
  (error: unknown): boolean =>
    error instanceof SyscallError && error.errno === name && text.test(error.message)

test('syscall() gives results and -errno, takes text, bytes, bigint and null, and refuses NUL', () => {
  assert.equal(kernel.syscall(39), process.pid)
  assert.equal(kernel.syscall(3, -1), -9)
  assert.equal(kernel.syscall(257, -100, '/nowhere', 0), -2)
  assert.equal(kernel.syscall(257, -100n, new TextEncoder().encode('/nowhere\0'), 0), -2)
  assert.equal(kernel.syscall(257, -100, null, 0), -14)
  assert.throws(() => kernel.syscall(257, -100, 'a\0b', 0), InvalidInputError)
})

test('readText() gives a file as it is, undefined for none, and names path and error for others', () => {
  const long = 'ä'.repeat(40_000)
  writeFileSync(at('long'), long)
  writeFileSync(at('empty'), '')
  assert.equal(readText(kernel, at('long')), long)
  assert.equal(readText(kernel, at('empty')), '')
  assert.equal(readBytes(kernel, at('long'))?.length, 80_000)
  assert.equal(readText(kernel, at('none')), undefined)
  assert.throws(
    () => readText(kernel, at('long/below')),
    errno('ENOTDIR', /openat\(AT_FDCWD, ".*long\/below", O_RDONLY/),
  )
  assert.throws(() => readText(kernel, folder), errno('EISDIR', /read/))
})

test('files below a directory are reached by its descriptor', () => {
  const directory = openDirectory(kernel, folder)
  writeText(kernel, [directory, 'relative'], 'x')
  assert.equal(readText(kernel, [directory, 'relative']), 'x')
  assert.equal(stat(kernel, [directory, ''])?.kind, 'directory')
  assert.equal(removeFile(kernel, [directory, 'relative']), true)
  assert.equal(removeFile(kernel, [directory, 'relative']), false)
  close(kernel, directory)
})

test('writeText() replaces, appendText() adds, writeExisting() makes none', () => {
  writeText(kernel, at('a'), 'one and more')
  writeText(kernel, at('a'), 'two')
  appendText(kernel, at('a'), '+')
  appendText(kernel, at('b'), 'new', 0o600)
  assert.equal(readFileSync(at('a'), 'utf8'), 'two+')
  assert.equal(statSync(at('b')).mode & 0o777, 0o600)
  assert.throws(() => writeExisting(kernel, at('c'), 'x'), errno('ENOENT'))
  assert.equal(existsSync(at('c')), false)
})

test('writeAtomic() leaves the old file or the new one, and nothing beside it', () => {
  const before = listDirectory(kernel, folder)
  writeFileSync(`${at('atomic')}.${process.pid}.tmp`, 'left by a process that was killed')
  writeAtomic(kernel, at('atomic'), 'first')
  const { ino } = statSync(at('atomic'))
  writeAtomic(kernel, at('atomic'), 'second', { mode: 0o640, sync: true })
  assert.equal(readFileSync(at('atomic'), 'utf8'), 'second')
  assert.notEqual(statSync(at('atomic')).ino, ino)
  assert.equal(statSync(at('atomic')).mode & 0o777, 0o640)
  makeDirectory(kernel, at('taken'))
  assert.throws(() => writeAtomic(kernel, at('taken'), 'x'), errno('EISDIR', /renameat2/))
  assert.deepEqual(listDirectory(kernel, folder)?.toSorted(), [...(before ?? []), 'atomic', 'taken'].toSorted())
})

test('writeAtomic() of what it has written before leaves nothing beside it, whether that is still there or not', () => {
  const before = listDirectory(kernel, folder)
  writeAtomic(kernel, at('again'), 'first', { again: true })
  const { ino } = statSync(at('again'))
  writeAtomic(kernel, at('again'), 'second', { mode: 0o640, again: true })
  assert.equal(readFileSync(at('again'), 'utf8'), 'second')
  assert.notEqual(statSync(at('again')).ino, ino)
  assert.equal(statSync(at('again')).mode & 0o777, 0o640)
  assert.deepEqual(listDirectory(kernel, folder)?.toSorted(), [...(before ?? []), 'again'].toSorted())
})

test('writeAtomic() follows no link that stands where it begins', () => {
  writeFileSync(at('victim'), 'untouched')
  symlinkSync(at('victim'), `${at('linked')}.${process.pid}.tmp`)
  writeAtomic(kernel, at('linked'), 'x')
  assert.equal(readFileSync(at('victim'), 'utf8'), 'untouched')
})

test('directories are made, listed and removed; a tree without following its links', () => {
  assert.equal(makeDirectories(kernel, at('t/u/v'), 0o700), true)
  assert.equal(makeDirectories(kernel, at('t/u/v')), false)
  assert.equal(makeDirectory(kernel, at('t')), false)
  assert.equal(statSync(at('t/u')).mode & 0o777, 0o700)
  writeFileSync(at('t/u/file'), '')
  writeFileSync(at('kept'), '')
  symlinkSync(folder, at('t/u/v/link'))
  assert.throws(() => removeDirectory(kernel, at('t')), errno('ENOTEMPTY'))
  assert.equal(removeTree(kernel, at('t')), true)
  assert.equal(removeTree(kernel, at('t')), false)
  assert.equal(existsSync(at('kept')), true)
  assert.equal(listDirectory(kernel, at('t')), undefined)
  symlinkSync(folder, at('to-folder'))
  assert.throws(() => removeTree(kernel, at('to-folder')), SyscallError)
  assert.equal(workingDirectory(kernel), process.cwd())
})

test('listDirectory() gives thousands of names', () => {
  makeDirectory(kernel, at('many'))
  const names = Array.from({ length: 3000 }, (_, i) => `name-${i}-ü`)
  for (const name of names) writeText(kernel, at(`many/${name}`), '')
  assert.deepEqual(listDirectory(kernel, at('many'))?.toSorted(), names.toSorted())
})

test('stat() tells kind, mode, owner, size and device, of a link or of what it leads to', () => {
  writeFileSync(at('s'), 'four')
  chmodSync(at('s'), 0o4751)
  symlinkSync('s', at('l'))
  const found = stat(kernel, at('l'))
  const known = statSync(at('s'))
  assert.equal(found?.kind, 'file')
  assert.equal(found.mode, 0o4751)
  assert.deepEqual([found.uid, found.gid, found.size, found.links], [known.uid, known.gid, 4, 1])
  assert.equal(found.inode, BigInt(known.ino))
  assert.ok(Math.abs(found.modified * 1000 - known.mtimeMs) < 1)
  assert.equal(stat(kernel, at('l'), { follow: false })?.kind, 'link')
  assert.equal(readLink(kernel, at('l')), 's')
  assert.equal(readLink(kernel, at('none')), undefined)
  assert.throws(() => readLink(kernel, at('s')), errno('EINVAL'))
  assert.deepEqual(stat(kernel, '/dev/null')?.rdev, { major: 1, minor: 3 })
  assert.equal(stat(kernel, '/dev/null')?.kind, 'character')
  assert.equal(stat(kernel, at('none')), undefined)
})

test('lockFile() excludes others until its descriptor is closed; shared ones share', () => {
  const first = lockFile(kernel, at('lock'), 'exclusive') as number
  assert.equal(lockFile(kernel, at('lock'), 'exclusive', { wait: false }), undefined)
  assert.equal(lockFile(kernel, at('lock'), 'shared', { wait: false }), undefined)
  close(kernel, first)
  const shared = [0, 1].map(() => lockFile(kernel, at('lock'), 'shared', { wait: false }) as number)
  assert.equal(lockFile(kernel, at('lock'), 'exclusive', { wait: false }), undefined)
  for (const fd of shared) close(kernel, fd)
})

test('unix sockets work at paths longer than an address holds, with descriptors', () => {
  const deep = at('d'.repeat(80))
  makeDirectories(kernel, `${deep}/${'e'.repeat(80)}`)
  for (const path of [at('short.sock'), `${deep}/${'e'.repeat(80)}/start.sock`]) {
    const listening = listenUnix(kernel, path)
    const client = connectUnix(kernel, path)
    const server = acceptUnix(kernel, listening)
    const messages = new Messages(kernel)
    const file = open(kernel, '/dev/null', O.RDONLY)
    assert.equal(messages.send(client, new TextEncoder().encode('hi'), [file, file]), 2)
    const into = new Uint8Array(10)
    const { size, descriptors } = messages.receive(server, into)
    assert.equal(size, 2)
    assert.equal(descriptors.length, 2)
    for (const fd of descriptors) {
      assert.match(readFileSync(`/proc/self/fdinfo/${fd}`, 'utf8'), /flags:\s+02/)
      close(kernel, fd)
    }
    writeAll(kernel, server, new TextEncoder().encode('end'))
    close(kernel, server)
    assert.equal(new TextDecoder().decode(readAll(kernel, client)), 'end')
    assert.throws(() => listenUnix(kernel, path), errno('EADDRINUSE'))
    for (const fd of [client, listening, file]) close(kernel, fd)
    assert.throws(() => connectUnix(kernel, path), errno('ECONNREFUSED'))
  }
  assert.throws(() => connectUnix(kernel, at('none.sock')), errno('ENOENT'))
})

test('a message to nobody is -EPIPE and no signal', () => {
  const [ours, theirs] = socketPair(kernel)
  close(kernel, theirs)
  assert.equal(new Messages(kernel).send(ours, new Uint8Array(1)), -32)
  close(kernel, ours)
})

test('readProcess() tells a process from a later one with its number', () => {
  const own = readProcess(kernel, process.pid)
  assert.equal(own?.parent, process.ppid)
  assert.match(own.state, /[RS]/)
  assert.equal(isAlive(kernel, process.pid, own.startTime), true)
  assert.equal(isAlive(kernel, process.pid, own.startTime + 1), false)
  assert.equal(readProcess(kernel, 4_194_305), undefined)
  assert.equal(signalProcess(kernel, 4_194_305, 0), false)
  assert.equal(signalProcess(kernel, process.pid, 0), true)
  const other = kernel.startAgent()
  close(kernel, other.socket)
  const { startTime } = readProcess(kernel, other.pid) as { startTime: number }
  assert.equal(waitChild(kernel, other.pid), 0)
  assert.equal(waitChild(kernel, other.pid), undefined)
  assert.equal(isAlive(kernel, other.pid, startTime), false)
})

test('inheritedFileLimit() is what this process was started with', () => {
  const limits = readFileSync(`/proc/${process.ppid}/limits`, 'utf8')
  const [, soft, hard] = /Max open files +(\d+) +(\d+)/.exec(limits) ?? []
  assert.deepEqual(inheritedFileLimit(kernel), { soft: BigInt(soft ?? 0), hard: BigInt(hard ?? 0) })
})
