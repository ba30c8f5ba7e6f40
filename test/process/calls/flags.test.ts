import assert from 'node:assert/strict'
import { existsSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { test, type TestContext } from 'node:test'
import { InvalidInputError } from '../../../src/base/errors.ts'
import type { Flags } from '../../../src/linux/flags.ts'
import { decodeMountinfo, mountOptionsIn, mountOptionsOf } from '../../../src/linux/mountinfo.ts'
import type { MountFlag } from '../../../src/linux/tables/mount.ts'
import type { OpenFlag } from '../../../src/linux/tables/open.ts'
import { Agent } from '../../../src/process/agent.ts'
import { checkMachine } from '../../support/machine-check.ts'
import { descriptorsOf, namespaceOf, seen } from '../../support/proc.ts'
import { requires } from '../../support/requires.ts'

checkMachine()

const ROOT = requires({ root: true })

function folderFor(t: TestContext): string {
  const folder = mkdtempSync(join(tmpdir(), 'carrel-calls-'))
  t.after(() => rmSync(folder, { recursive: true, force: true }))
  return folder
}

/** A child whose mounts are its own, and nobody else's. */
async function withMounts(agent: Agent): Promise<Agent> {
  const child = await agent.clone(['CLONE_NEWNS'])
  await child.sys.mount('none', '/', null, ['MS_REC', 'MS_PRIVATE'], null)
  return child
}

const mountinfo = (agent: Agent): string => readFileSync(`/proc/${agent.pid}/mountinfo`, 'utf8')

/** What the kernel shows of the mount on a path, in the namespace of an agent. */
const mountOn = (agent: Agent, path: string) =>
  decodeMountinfo(mountinfo(agent)).findLast(({ mountPoint }) => mountPoint === path)

test(
  'A55, D-A12: mount flags are a number, a name, or a list of both, OR-ed; a repeated one counts once',
  ROOT,
  async (t) => {
    const folder = folderFor(t)
    await using agent = await Agent.start()
    const child = await withMounts(agent)
    const cases: readonly (readonly [Flags<MountFlag>, readonly string[]])[] = [
      [
        ['MS_RDONLY', 8, 'MS_NOSUID', 0n, 4],
        ['ro', 'nosuid', 'nodev', 'noexec', 'relatime'],
      ],
      [
        ['MS_NOSUID', 'MS_NOSUID', 2, 2n],
        ['rw', 'nosuid', 'relatime'],
      ],
      [0x400 | 8, ['rw', 'noexec', 'noatime']],
      [1n, ['ro', 'relatime']],
      ['MS_NODEV', ['rw', 'nodev', 'relatime']],
      [[], ['rw', 'relatime']],
    ]
    for (const [flags, options] of cases) {
      await child.sys.mount('flags', folder, 'tmpfs', flags, null)
      assert.deepEqual(mountOn(child, folder)?.options, options)
      await child.sys.umount(folder)
    }
    assert.equal(mountOn(agent, folder), undefined)
  },
)

test('D-A11, A55: MS_NOUSER (bit 31) reaches the kernel, in whatever way it is written', ROOT, async (t) => {
  const folder = folderFor(t)
  await using agent = await Agent.start()
  const child = await withMounts(agent)
  const MS_NOUSER = 2 ** 31
  for (const flags of [MS_NOUSER, [MS_NOUSER], 1 << 31, ['MS_NOSUID', 1 << 31], [0x8000_0000n]] as Flags<MountFlag>[]) {
    // The kernel keeps the bit for itself, and only says so when it gets it (fs/namespace.c, path_mount).
    await assert.rejects(child.sys.mount('flags', folder, 'tmpfs', flags, null), { errno: 'EINVAL', call: 'mount' })
  }
  await child.sys.mount('flags', folder, 'tmpfs', ['MS_NOSUID'], null)
  for (const flags of [2 ** 65, -(2 ** 33), 1n << 64n]) {
    await assert.rejects(child.sys.mount('flags', folder, 'tmpfs', flags, null), InvalidInputError)
  }
})

test('D-A06, A56: open flags in a list that begins with 0, or hold bytes above 127, are all there', async (t) => {
  const folder = folderFor(t)
  await using agent = await Agent.start()
  const file = join(folder, 'made')
  const fd = await agent.sys.open(file, [0, 64], 0o600)
  assert.equal(existsSync(file), true)
  const flagsOf = (of: number): number =>
    Number.parseInt(/^flags:\s*(\d+)$/m.exec(readFileSync(`/proc/${agent.pid}/fdinfo/${of}`, 'utf8'))?.[1] ?? '', 8)
  assert.equal(flagsOf(fd) & 3, 0)
  const mixes: readonly (readonly [Flags<OpenFlag>, number])[] = [
    [['O_WRONLY', 0o2000, 'O_CLOEXEC', 0o4000n], 0o2006001],
    [[2, 2, 'O_RDWR'], 2],
    [0o2000002, 0o2000002],
    ['O_APPEND', 0o2000],
    // Bytes of 128 and more: O_EXCL and O_NOATIME.
    [[128, 0o1000000, 'O_WRONLY'], 0o1000001],
  ]
  for (const [flags, wanted] of mixes) {
    const opened = await agent.sys.open(file, flags)
    assert.equal(flagsOf(opened) & 0o3006003, wanted, String(flags))
  }
  await assert.rejects(agent.sys.open(file, [0, 64, 128], 0o600), { errno: 'EEXIST' })
})

test('A56: unshare(), umount2() and waitpid() take mixed lists too', ROOT, async (t) => {
  const folder = folderFor(t)
  await using agent = await Agent.start()
  const child = await agent.fork()
  await child.sys.unshare([0x20000, 'CLONE_NEWUTS'])
  assert.notEqual(namespaceOf(child.pid, 'mnt'), namespaceOf('self', 'mnt'))
  assert.notEqual(namespaceOf(child.pid, 'uts'), namespaceOf('self', 'uts'))
  await child.sys.mount('none', '/', null, [0x4000, 'MS_PRIVATE'], null)
  await child.sys.mount('x', folder, 'tmpfs', [], null)
  const inside = await child.sys.open(folder, ['O_RDONLY', 'O_CLOEXEC'])
  await assert.rejects(child.sys.umount(folder), { errno: 'EBUSY' })
  await child.sys.umount2(folder, [0, 2, 'UMOUNT_NOFOLLOW'])
  assert.equal(mountOn(child, folder), undefined)
  await child.sys.close(inside)
  assert.equal((await agent.sys.waitpid(child.pid, [1, 'WUNTRACED'])).pid, 0)
})

test('A57, A58: a descriptor survives an exec exactly when it is not close-on-exec', async (t) => {
  const folder = folderFor(t)
  const paths = ['a', 'b', 'c', 'd'].map((name) => join(folder, name))
  for (const path of paths) writeFileSync(path, '')
  const [kept, closed, set, cleared] = paths as [string, string, string, string]
  await using agent = await Agent.start()
  const child = await agent.fork()
  await child.sys.open(kept, ['O_RDONLY'])
  await child.sys.open(closed, ['O_RDONLY', 'O_CLOEXEC'])
  await child.sys.fcntl(await child.sys.open(set, ['O_RDONLY']), 'F_SETFD', 'FD_CLOEXEC')
  await child.sys.fcntl(await child.sys.open(cleared, ['O_RDONLY', 'O_CLOEXEC']), 'F_SETFD', [])
  await child.sys.execve('/bin/sleep', ['sleep', '60'], [])
  assert.equal(seen(child.pid)?.name, 'sleep')
  const files = [...descriptorsOf(child.pid).values()].filter((path) => paths.includes(path))
  assert.deepEqual(files.toSorted(), [kept, cleared])
  child.kill('SIGKILL')
})

test('A61: mount() has the five parameters of mount(2), and the options of a mount are read back', ROOT, async (t) => {
  const folder = folderFor(t)
  await using agent = await Agent.start()
  const child = await withMounts(agent)
  const six = child.sys.mount.bind(child.sys) as (...args: unknown[]) => Promise<void>
  await assert.rejects(six('x', folder, 'tmpfs', [], null, 'options'), /takes 5 arguments, not 6/)
  await child.sys.mount('opt ions', folder, 'tmpfs', ['MS_NOSUID', 'MS_NODIRATIME', 'MS_RDONLY'], 'size=64k,mode=0711')
  const { stx_mnt_id } = await child.sys.stat(folder)
  const options = mountOptionsIn(mountinfo(child), stx_mnt_id)
  assert.deepEqual(options?.mount, ['ro', 'nosuid', 'nodiratime', 'relatime'])
  assert.deepEqual([options?.type, options?.source], ['tmpfs', 'opt ions'])
  assert.equal(options?.superblock[0], 'ro')
  assert.ok(options?.superblock.includes('size=64k') && options.superblock.includes('mode=711'))
  assert.equal(mountOptionsIn(mountinfo(agent), stx_mnt_id), undefined)
})

test('A61: statmount() and mountinfo tell the same options', ROOT, async (t) => {
  const folder = folderFor(t)
  await using agent = await Agent.start()
  const child = await withMounts(agent)
  const flags: readonly MountFlag[][] = [
    ['MS_NOEXEC', 'MS_NOATIME'],
    ['MS_NODEV', 'MS_STRICTATIME'],
    ['MS_SYNCHRONOUS'],
  ]
  for (const each of flags) {
    await child.sys.mount('source', folder, 'tmpfs', each, 'size=8k')
    const unique = await child.sys.statx('AT_FDCWD', folder, [], ['STATX_MNT_ID_UNIQUE'])
    const wanted = 0x1 | 0x2 | 0x20 | 0x80 | 0x100 | 0x200
    const told = await child.sys.statmount({ mnt_id: unique.stx_mnt_id, param: wanted }, 4096).catch(String)
    if (typeof told === 'string') return t.skip(`this kernel has no statmount: ${told}`)
    const { stx_mnt_id } = await child.sys.stat(folder)
    assert.deepEqual(mountOptionsOf(told), mountOptionsIn(mountinfo(child), stx_mnt_id))
    await child.sys.umount(folder)
  }
})

test('D-A08: errors of select() stay what the kernel says', async () => {
  await using agent = await Agent.start()
  const { read, write } = await agent.sys.pipe2(['O_CLOEXEC'])
  const now = { tv_sec: 0, tv_nsec: 0 }
  await assert.rejects(agent.sys.select([60], null, null, now), { errno: 'EBADF', call: 'pselect6' })
  await assert.rejects(agent.sys.select([read], null, null, { tv_sec: -1, tv_nsec: 0 }), { errno: 'EINVAL' })
  await assert.rejects(agent.sys.select([read], null, null, { tv_sec: 0, tv_nsec: 2e9 }), { errno: 'EINVAL' })
  assert.deepEqual(await agent.sys.select([read], [write], [read], now), { read: [], write: [write], except: [] })
})
