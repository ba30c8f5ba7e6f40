import assert from 'node:assert/strict'
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { after, before, test } from 'node:test'
import { Cgroup, InvalidInputError, StateError, SyscallError } from '../../src/cgroup/index.ts'
import { Agent } from '../../src/process/index.ts'
import { checkMachine } from '../support/machine-check.ts'
import { descriptorsOf } from '../support/proc.ts'
import { requires } from '../support/requires.ts'
import { freshName, kernelSays, makeGroup } from './groups.ts'

const ROOT = requires({ root: true })

let agent: Agent
before(async () => {
  agent = await Agent.start()
})
after(() => agent.close())

checkMachine()

test('G04, G06: set() writes to the hierarchy of a controller, get() reads what the kernel says', ROOT, async () => {
  await using group = await makeGroup(agent, {}, { account: ['pids', 'memory'] })
  await group.set('pids', 'pids.max', 12)
  assert.equal(kernelSays(group, 'pids', 'pids.max'), '12')
  assert.equal(await group.get('pids', 'pids.max'), '12\n')
})

test('G04, D-A27: "" writes to every hierarchy that has the file', ROOT, async () => {
  await using group = await makeGroup(agent, {}, { all: true })
  await using child = await agent.fork()
  const pid = String(child.hostPid)
  await group.set('', 'cgroup.procs', pid)
  for (const directory of group.directories) {
    assert.equal(readFileSync(`${directory}/cgroup.procs`, 'utf8').trim(), pid, directory)
  }
  const home = await Cgroup.open(agent, parentsOf(group))
  await home.add(Number(pid))
})

test('G04, D-A27: an error of any hierarchy is the result, with file, value and reason', ROOT, async () => {
  await using group = await makeGroup(agent, {}, { all: true })
  await assert.rejects(group.set('', 'cgroup.procs', '4194303'), (error: SyscallError) => {
    assert(error instanceof SyscallError)
    assert.equal(error.errno, 'ESRCH')
    assert.match(error.message, /^write\("\/sys\/fs\/cgroup\/.*\/cgroup\.procs", "4194303"\): ESRCH/)
    return true
  })
  await assert.rejects(group.set('pids', 'pids.max', 'many'), (error: SyscallError) => {
    assert.match(error.message, /pids\.max", "many"\): EINVAL .*: it takes 0 to/)
    return true
  })
})

test(
  'G04: a file or a group that is not there is ENOENT, a controller that the group lacks a StateError',
  ROOT,
  async () => {
    const group = await makeGroup(agent, { pids: { limit: 5 } })
    await assert.rejects(group.set('pids', 'no.such.file', '1'), { name: 'SyscallError', errno: 'ENOENT' })
    await assert.rejects(group.set('', 'no.such.file', '1'), { name: 'SyscallError', errno: 'ENOENT' })
    await assert.rejects(group.get('', 'no.such.file'), { name: 'SyscallError', errno: 'ENOENT' })
    await assert.rejects(group.set('hugetlb', 'x', '1'), StateError)
    await group.destroy()
    await assert.rejects(group.set('pids', 'pids.max', '1'), { name: 'SyscallError', errno: 'ENOENT' })
    await assert.rejects(group.get('pids', 'pids.max'), { name: 'SyscallError', errno: 'ENOENT' })
    await assert.rejects(group.statistics(), { name: 'SyscallError', errno: 'ENOENT' })
  },
)

test('file names lead nowhere else', ROOT, async () => {
  await using group = await makeGroup(agent)
  for (const file of ['../x', 'a/b', '..', '.', '', 'a\nb', 'a\0']) {
    await assert.rejects(group.set('', file, '1'), InvalidInputError, JSON.stringify(file))
    await assert.rejects(group.get('', file), InvalidInputError, JSON.stringify(file))
  }
})

test(
  'G05: a write that the kernel took only in part is an error, and no file stays open after any failure',
  ROOT,
  async () => {
    const folder = mkdtempSync(join(tmpdir(), 'carrel-short-'))
    try {
      writeFileSync(join(folder, 'limit'), '')
      await using small = await agent.fork()
      // The kernel takes what fits below the bound, and says how much that was.
      await small.sys.prlimit64(0, 'RLIMIT_FSIZE', { rlim_cur: 4, rlim_max: 4 })
      const group = await Cgroup.open(small, [{ directory: folder, version: 1, controllers: ['pids'] }])
      const earlier = descriptorsOf(small.hostPid ?? 0).size
      await assert.rejects(group.set('pids', 'limit', '1234567'), (error: SyscallError) => {
        assert(error instanceof SyscallError)
        assert.match(error.message, /limit", "1234567"\).*only 4 of 7 bytes were taken/)
        return true
      })
      assert.equal(readFileSync(join(folder, 'limit'), 'utf8'), '1234')
      await using real = await Cgroup.create(small, freshName(), { pids: { limit: 3 } })
      await assert.rejects(real.set('pids', 'pids.max', 'x'), { errno: 'EINVAL' })
      await real.get('pids', 'pids.max')
      assert.equal(descriptorsOf(small.hostPid ?? 0).size, earlier)
    } finally {
      rmSync(folder, { recursive: true })
    }
  },
)

test('a list that is longer than a page is read whole', ROOT, async () => {
  await using group = await makeGroup(agent)
  await using child = await group.fork()
  // 600 threads: their numbers fill more than one page and one message.
  const program = await (
    await child.fork()
  ).exec('python3', ['python3', '-c', THREADS], { env: { PATH: process.env['PATH'] ?? '' } })
  await program.stdout.take(1).toArray()
  const threads = await group.threads()
  assert(threads.length > 1200, String(threads.length))
  await group.kill()
})

const THREADS = `
import threading, time
for i in range(1200): threading.Thread(target=time.sleep, args=(100,)).start()
print('ready', flush=True)
time.sleep(100)`

const parentsOf = (group: Cgroup): Cgroup['places'] =>
  group.places.map((place) => ({ ...place, directory: place.directory.slice(0, place.directory.lastIndexOf('/')) }))
