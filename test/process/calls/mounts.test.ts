import assert from 'node:assert/strict'
import { mkdirSync, mkdtempSync, readFileSync, rmSync, symlinkSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { after, before, test } from 'node:test'
import { mountArguments } from '../../../src/linux/index.ts'
import { Agent, InvalidInputError } from '../../../src/process/index.ts'
import { checkMachine } from '../../support/machine-check.ts'
import { inUserNamespace } from '../in-user-namespace.ts'

checkMachine()

/** linux/magic.h */
const TMPFS_MAGIC = 0x01021994

let folder: string
before(() => (folder = mkdtempSync(join(tmpdir(), 'carrel-mounts-'))))
after(() => rmSync(folder, { recursive: true }))

/** A child whose mounts are its own. */
async function withOwnMounts(agent: Agent): Promise<Agent> {
  const child = await inUserNamespace(agent, ['CLONE_NEWNS'])
  await child.sys.mount('none', '/', null, ['MS_REC', 'MS_PRIVATE'], null)
  return child
}

/** Options of the topmost mount at a path, of mount and file system, and its type; undefined when there is none. */
function mountAt(child: Agent, path: string) {
  const lines = readFileSync(`/proc/${child.hostPid}/mountinfo`, 'utf8').split('\n')
  const found = lines.findLast((line) => line.split(' ')[4] === path)?.split(' ')
  if (!found) return undefined
  const rest = found.slice(found.indexOf('-') + 1)
  return {
    options: found[5]?.split(',') ?? [],
    type: rest[0],
    source: rest[1],
    superOptions: rest[2]?.split(',') ?? [],
  }
}

test('C54: mount() has five arguments: source, target, type, flags, data; null is NULL', async () => {
  await using agent = await Agent.start()
  const child = await withOwnMounts(agent)
  await child.sys.mount('named', folder, 'tmpfs', ['MS_NOSUID', 'MS_NODEV', 'MS_NOATIME'], 'size=1m,mode=700')
  const mount = mountAt(child, folder)
  assert.deepEqual([mount?.type, mount?.source], ['tmpfs', 'named'])
  assert.deepEqual(mount?.options, ['rw', 'nosuid', 'nodev', 'noatime'])
  assert.ok(mount.superOptions.includes('size=1024k') && mount.superOptions.includes('mode=700'))
  await child.sys.mount(null, folder, null, ['MS_REMOUNT', 'MS_BIND', 'MS_RDONLY', 'MS_NOSUID'], null)
  assert.ok(mountAt(child, folder)?.options.includes('ro'))
  await assert.rejects(child.sys.mkdir(join(folder, 'x'), 0o700), { errno: 'EROFS' })
  await assert.rejects(child.sys.mount('none', folder, 'nosuchfs', [], null), { errno: 'ENODEV' })
  await assert.rejects(
    child.sys.mount('none', folder, 'tmpfs', ['MS_NOSUIT' as 'MS_NOSUID'], null),
    (error) => error instanceof InvalidInputError && /did you mean MS_NOSUID/.test(error.message),
  )
  assert.ok(!readFileSync('/proc/self/mountinfo', 'utf8').includes(folder))
})

test('C54: mountArguments() makes the flags and the data of what mount(8) would be given', async () => {
  await using agent = await Agent.start()
  const child = await withOwnMounts(agent)
  const { flags, data } = mountArguments('rdonly,nosuid,noexec,noatime,size=2m')
  await child.sys.mount('none', folder, 'tmpfs', flags, data)
  const mount = mountAt(child, folder)
  assert.deepEqual(mount?.options, ['ro', 'nosuid', 'noexec', 'noatime'])
  assert.ok(mount.superOptions.includes('size=2048k'))
})

test('C91: umount() takes the topmost mount away, and refuses what is none or in use', async () => {
  await using agent = await Agent.start()
  const child = await withOwnMounts(agent)
  await child.sys.mount('lower', folder, 'tmpfs', [], null)
  await child.sys.mount('upper', folder, 'tmpfs', [], null)
  await child.sys.umount(folder)
  assert.equal(mountAt(child, folder)?.source, 'lower')
  await child.sys.chdir(folder)
  await assert.rejects(child.sys.umount(folder), { errno: 'EBUSY' })
  await child.sys.chdir('/')
  await child.sys.umount(folder)
  assert.equal(mountAt(child, folder), undefined)
  await assert.rejects(child.sys.umount(folder), { errno: 'EINVAL' })
})

test('C92: umount2() takes flags: MNT_DETACH also takes away what is in use, UMOUNT_NOFOLLOW follows no link', async (t) => {
  await using agent = await Agent.start()
  const child = await withOwnMounts(agent)
  await child.sys.mount('busy', folder, 'tmpfs', [], null)
  const link = `${folder}-link`
  symlinkSync(folder, link)
  t.after(() => rmSync(link))
  await child.sys.chdir(folder)
  await assert.rejects(child.sys.umount2(folder, []), { errno: 'EBUSY' })
  await assert.rejects(child.sys.umount2(link, ['MNT_DETACH', 'UMOUNT_NOFOLLOW']), { errno: 'EINVAL' })
  await child.sys.umount2(folder, ['MNT_DETACH'])
  assert.equal(mountAt(child, folder), undefined)
  // The working directory is still in it, as the kernel lets it be.
  assert.equal((await child.sys.statfs('.')).f_type, TMPFS_MAGIC)
})

test('C57: pivot_root() makes a mount the root; the old root goes with MNT_DETACH and nothing of it can be reached', async () => {
  await using agent = await Agent.start()
  const child = await withOwnMounts(agent)
  const root = join(folder, 'root')
  mkdirSync(root, { recursive: true })
  writeFileSync(join(root, 'inside'), 'text')
  // A directory that is no mount: EBUSY on the file system of the root, EINVAL on another.
  await assert.rejects(child.sys.pivot_root(root, root), /pivot_root\(.*\): (?:EBUSY|EINVAL)/)
  await child.sys.mount(root, root, null, ['MS_BIND'], null)
  await child.sys.chdir(root)
  await child.sys.pivot_root('.', '.')
  await child.sys.umount2('.', ['MNT_DETACH'])
  await child.sys.chdir('/')
  assert.deepEqual(
    (await child.readdir('/')).map(({ name }) => name).filter((name) => !name.startsWith('.')),
    ['inside'],
  )
  await assert.rejects(child.sys.stat('/usr'), { errno: 'ENOENT' })
  const lines = readFileSync(`/proc/${child.hostPid}/mountinfo`, 'utf8').trim().split('\n')
  assert.deepEqual(
    lines.map((line) => line.split(' ')[4]),
    ['/'],
  )
})

test('A61: mountOptions() reads back what a mount has now, and what the kernel made of it', async () => {
  await using agent = await Agent.start()
  const child = await withOwnMounts(agent)
  const path = join(folder, 'options')
  mkdirSync(path)
  await child.sys.mount('none', path, 'tmpfs', ['MS_NOSUID', 'MS_NODEV'], 'size=1m')
  const first = await child.mountOptions(path)
  await child.sys.mount('none', path, null, ['MS_REMOUNT', 'MS_BIND', 'MS_RDONLY', 'MS_NODEV'], null)
  const second = await child.mountOptions(path, { timeoutMs: 10_000 })
  const seen = mountAt(child, path)
  for (const name of seen?.options ?? []) assert.ok(JSON.stringify(second).includes(`"${name}"`), name)
  assert.notDeepEqual(second, first)
  await assert.rejects(child.mountOptions(join(path, 'nothing')), { name: 'SyscallError', errno: 'ENOENT' })
})
