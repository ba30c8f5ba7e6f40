import assert from 'node:assert/strict'
import { mkdirSync, mkdtempSync, readdirSync, rmSync, statSync, symlinkSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { test } from 'node:test'
import { Agent } from '../../src/process/agent.ts'
import { eventually } from '../support/eventually.ts'
import { checkMachine } from '../support/machine-check.ts'
import { descriptorsOf } from '../support/proc.ts'

checkMachine()

async function inFolder(work: (folder: string) => Promise<void>): Promise<void> {
  const folder = mkdtempSync(join(tmpdir(), 'carrel-readdir-'))
  try {
    await work(folder)
  } finally {
    rmSync(folder, { recursive: true })
  }
}

test('C65: readdir() gives every entry with inode and type, `.` and `..` among them', () =>
  inFolder(async (folder) => {
    writeFileSync(join(folder, 'file'), '')
    mkdirSync(join(folder, 'folder'))
    symlinkSync('file', join(folder, 'link'))
    await using root = await Agent.start()
    const found = (await root.readdir(folder)).sort((a, b) => (a.name < b.name ? -1 : 1))
    const listed = found.map(({ name, type, ino }) => [name, type, ino])
    assert.deepEqual(listed, [
      ['.', 'DT_DIR', statSync(folder, { bigint: true }).ino],
      ['..', 'DT_DIR', statSync(tmpdir(), { bigint: true }).ino],
      ['file', 'DT_REG', statSync(join(folder, 'file'), { bigint: true }).ino],
      ['folder', 'DT_DIR', statSync(join(folder, 'folder'), { bigint: true }).ino],
      ['link', 'DT_LNK', found.find(({ name }) => name === 'link')?.ino],
    ])
  }))

test('C65, D-A09, X24: readdir() of 4000 names of 255 bytes is complete, and the process lives', () =>
  inFolder(async (folder) => {
    const names = Array.from({ length: 4000 }, (_, i) => String(i).padStart(255, 'n'))
    for (const name of names) writeFileSync(join(folder, name), '')
    await using root = await Agent.start()
    const before = descriptorsOf(root.pid).size
    const found = (await root.readdir(folder)).map(({ name }) => name)
    assert.deepEqual(found.filter((name) => name.length > 2).sort(), names.sort())
    assert.equal(found.length, 4002)
    assert.equal(descriptorsOf(root.pid).size, before)
    assert.equal(await root.sys.getpid(), root.pid)
  }))

test('C65: a name that is no UTF-8 can be used: its bytes open the file', () =>
  inFolder(async (folder) => {
    const name = Buffer.from([0x66, 0xff, 0xfe, 0x80])
    const other = Buffer.from([0x66, 0xff, 0xfe, 0x81])
    for (const each of [name, other]) writeFileSync(Buffer.concat([Buffer.from(`${folder}/`), each]), String(each[3]))
    await using root = await Agent.start()
    const dirfd = await root.sys.openat('AT_FDCWD', folder, ['O_PATH', 'O_DIRECTORY', 'O_CLOEXEC'])
    const entries = (await root.readdir('.', { dirfd })).filter((entry) => !entry.name.startsWith('.'))
    const contents = await Promise.all(
      entries.map(async ({ bytes }) => {
        const file = await root.sys.openat(dirfd, bytes, ['O_RDONLY', 'O_CLOEXEC'])
        return Buffer.from(await root.sys.read(file, 10)).toString()
      }),
    )
    assert.deepEqual(contents.sort(), ['128', '129'])
    assert.deepEqual(
      entries.map((entry) => Buffer.from(entry.bytes).toString('hex')).sort(),
      readdirSync(folder, { encoding: 'buffer' })
        .map((each) => each.toString('hex'))
        .sort(),
    )
  }))

test('C65: a readdir() that fails or is given up leaves no descriptor open', () =>
  inFolder(async (folder) => {
    writeFileSync(join(folder, 'file'), '')
    for (let i = 0; i < 300; i++) writeFileSync(join(folder, String(i).padStart(255, '0')), '')
    await using root = await Agent.start()
    const before = descriptorsOf(root.pid).size
    await assert.rejects(root.readdir(join(folder, 'file')), { name: 'SyscallError', errno: 'ENOTDIR' })
    await assert.rejects(root.readdir(join(folder, 'none')), { name: 'SyscallError', errno: 'ENOENT' })
    const abort = new AbortController()
    const listing = root.readdir(folder, { signal: abort.signal })
    abort.abort(new Error('not wanted any more'))
    await assert.rejects(listing, { message: 'not wanted any more' })
    await root.sys.getpid()
    await eventually(
      () => descriptorsOf(root.pid).size === before,
      () => `${before} descriptors, there are ${descriptorsOf(root.pid).size}`,
    )
  }))
