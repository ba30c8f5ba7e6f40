import assert from 'node:assert/strict'
import { existsSync, mkdtempSync, readFileSync, readlinkSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { text } from 'node:stream/consumers'
import { test } from 'node:test'
import { Agent } from '../../src/process/agent.ts'
import { program } from '../../src/program/builder.ts'
import { checkMachine } from '../support/machine-check.ts'
import { ORDINARY_USER } from '../support/node-script.ts'
import { eventually } from '../support/eventually.ts'
import { descriptorsOf, seen, statusField } from '../support/proc.ts'
import { requires } from '../support/requires.ts'

checkMachine()

/** Where the agent's code lies in a process. */
function layout(pid: number): string {
  const line = readFileSync(`/proc/${pid}/maps`, 'utf8')
    .split('\n')
    .find((each) => each.includes('carrel-agent'))
  return line?.split('-')[0] ?? ''
}

test('A15, P05: reexec() renews the address layout, twice; pid, start time and image stay', async () => {
  await using root = await Agent.start()
  const child = await root.fork()
  await child.sys.getpid()
  const before = { pid: await child.sys.getpid(), started: seen(child.pid)?.started }
  const layouts = [layout(child.pid)]
  assert.equal(layouts[0], layout(root.pid), 'a fork has its parent’s layout')
  for (let i = 0; i < 2; i++) {
    await child.reexec()
    layouts.push(layout(child.pid))
  }
  assert.equal(new Set(layouts).size, 3, layouts.join(' '))
  assert.deepEqual({ pid: await child.sys.getpid(), started: seen(child.pid)?.started }, before)
  assert.match(readlinkSync(`/proc/${child.pid}/exe`), /^\/memfd:carrel-agent/)
  assert.equal(readFileSync(`/proc/${child.pid}/cmdline`, 'utf8').replaceAll('\0', ' ').trim(), 'carrel-agent')
  assert.equal(seen(child.pid)?.name, 'carrel')
})

test('A15: reexec() leaves no descriptor behind, and the standard ones where they were', async () => {
  await using root = await Agent.start()
  const child = await root.fork()
  await child.sys.getpid()
  const before = [...descriptorsOf(child.pid)].map(([fd, what]) => `${fd} ${what.replace(/\d{3,}/, 'N')}`).sort()
  for (let i = 0; i < 5; i++) await child.reexec()
  const after = [...descriptorsOf(child.pid)].map(([fd, what]) => `${fd} ${what.replace(/\d{3,}/, 'N')}`).sort()
  assert.deepEqual(after, before)
  const sh = await child.exec('/bin/sh', ['sh', '-c', 'ls /proc/self/fd'], { env: { PATH: '/bin:/usr/bin' } })
  assert.equal(await text(sh.stdout), '0\n1\n2\n3\n')
})

test('D-A18: filter, options, watched signals and clean-up programs survive reexec()', async () => {
  const folder = mkdtempSync(join(tmpdir(), 'carrel-reexec-'))
  try {
    const root = await Agent.start()
    const child = await root.fork()
    const heard: string[] = []
    await child.sigaction('SIGUSR1', ({ signal }) => heard.push(signal))
    await child.setopt('maxchild', 1)
    await child.filter({ deny: ['getpid'] }, { children: { deny: ['getuid'] } })
    const cleanup = program()
    cleanup.unlinkat('AT_FDCWD', folder, ['AT_REMOVEDIR'])
    child.onEnd(1, cleanup)
    await child.reexec()
    await assert.rejects(child.sys.getpid(), { name: 'StateError', wanted: 'getpid' })
    await child.sys.kill(child.pid, 'SIGUSR1')
    await eventually(
      () => heard.length > 0,
      () => 'the signal was not told',
    )
    assert.deepEqual(heard, ['SIGUSR1'])
    const grandchild = await child.fork()
    await assert.rejects(grandchild.sys.getuid(), { name: 'StateError', wanted: 'getuid' })
    await assert.rejects(child.fork(), { name: 'SyscallError', errno: 'EAGAIN' })
    assert.equal(existsSync(folder), true)
    await grandchild.close()
    await child.close()
    assert.equal(existsSync(folder), false, 'the clean-up program was run')
    await root.close()
  } finally {
    rmSync(folder, { recursive: true, force: true })
  }
})

test('D-A18, A15: children live on over their parent’s reexec(), and their ends are told', async () => {
  await using root = await Agent.start()
  const parent = await root.fork()
  const child = await parent.fork()
  const sleeper = await (await parent.fork()).exec('/bin/sleep', ['sleep', '1000'])
  const dying = await parent.fork()
  const orders = [parent.reexec(), dying.exit(3), parent.sys.getpid(), parent.sys.getppid()] as const
  const [, exit, pid, ppid] = await Promise.all(orders)
  assert.equal(exit.kind === 'exited' && exit.code, 3)
  assert.deepEqual([pid, ppid], [parent.pid, root.pid])
  assert.equal(await child.sys.getppid(), parent.pid)
  sleeper.kill('SIGKILL')
  assert.equal((await sleeper.exited).kind, 'signaled')
  assert.equal(parent.children, 1)
})

test('A15: orders of many callers around reexec() are all carried out, each once', async () => {
  await using root = await Agent.start()
  const child = await root.fork()
  const numbers = Array.from({ length: 300 }, (_, i) => i)
  const umasks = numbers.map((i) => child.sys.umask(i))
  const again = child.reexec()
  const more = numbers.map((i) => child.sys.umask(1000 + i))
  const second = child.reexec()
  assert.deepEqual((await Promise.all(umasks)).slice(1), numbers.slice(0, -1))
  assert.deepEqual((await Promise.all(more)).slice(1), numbers.map((i) => (1000 + i) & 0o777).slice(0, -1))
  await Promise.all([again, second])
  assert.equal(await child.sys.getpid(), child.pid)
})

test('P05: reexec() needs no /proc and no root directory of the host’s', requires({ root: true }), async () => {
  const folder = mkdtempSync(join(tmpdir(), 'carrel-reexec-'))
  try {
    await using root = await Agent.start()
    const child = await root.clone(['CLONE_NEWNS', 'CLONE_NEWPID'])
    await child.sys.mount('none', '/', null, ['MS_REC', 'MS_PRIVATE'], null)
    await child.sys.chroot(folder)
    await child.sys.chdir('/')
    const before = layout(child.pid)
    await child.reexec()
    await child.reexec()
    assert.notEqual(layout(child.pid), before)
    assert.equal(await child.sys.getpid(), 1)
  } finally {
    rmSync(folder, { recursive: true, force: true })
  }
})

test(
  'A15: what a process gave up stays given up over reexec(): ids, capabilities, dumpability, no_new_privs',
  requires({ root: true }),
  async () => {
    await using root = await Agent.start()
    const user = await root.fork()
    await user.setUser({ uid: ORDINARY_USER, gid: ORDINARY_USER })
    const withoutAdmin = await root.fork()
    const sets = await withoutAdmin.sys.capget(0)
    await withoutAdmin.sys.prctl('PR_SET_DUMPABLE', 0)
    await withoutAdmin.sys.capset({ ...sets, effective: ['CAP_KILL'], permitted: ['CAP_KILL', 'CAP_CHOWN'] } as never)
    const fields = ['Uid', 'Gid', 'Groups', 'CapInh', 'CapPrm', 'CapEff', 'CapBnd', 'NoNewPrivs', 'SigBlk', 'SigCgt']
    const look = (pid: number) => fields.map((field) => `${field} ${statusField(pid, field)}`)
    const before = [look(user.pid), look(withoutAdmin.pid)]
    await user.reexec()
    await withoutAdmin.reexec()
    assert.deepEqual([look(user.pid), look(withoutAdmin.pid)], before)
    assert.equal(await withoutAdmin.sys.prctl('PR_GET_DUMPABLE'), 0)
  },
)

test(
  'A13, A15: a reexec() that the kernel or the filter refuses leaves the process as it was',
  requires({ root: true }),
  async () => {
    await using root = await Agent.start()
    const filtered = await root.fork()
    await filtered.filter({ deny: ['reexec'] })
    await assert.rejects(filtered.reexec(), { name: 'StateError' })
    assert.equal(await filtered.sys.getpid(), filtered.pid)
    const half = await root.fork()
    await half.sys.setresuid(ORDINARY_USER, 0, 0)
    await assert.rejects(half.reexec(), { name: 'SyscallError', errno: 'EPERM' })
    assert.equal(await half.sys.getpid(), half.pid)
    assert.deepEqual(await half.sys.getresuid(), { ruid: ORDINARY_USER, euid: 0, suid: 0 })
  },
)

test('P27: a chain of 200 forks, each re-executed', async () => {
  await using root = await Agent.start()
  let last: Agent = root
  const layouts = new Set<string>()
  for (let i = 0; i < 200; i++) {
    last = await last.fork()
    await last.reexec()
    layouts.add(layout(last.hostPid as number))
  }
  assert.equal(layouts.size, 200)
  assert.equal(last.path.length, 201)
  assert.equal(await last.sys.getpid(), last.pid)
})

test('A15, A47: reexec() that is given up while it is under way loses no order of others', async () => {
  await using root = await Agent.start()
  const child = await root.fork()
  for (let round = 0; round < 20; round++) {
    const limit = new AbortController()
    const renewed = child.reexec({ signal: limit.signal })
    const refused = assert.rejects(renewed, /enough/)
    limit.abort(new Error('enough'))
    const answers = Array.from({ length: 5 }, () => child.sys.getpid({ timeoutMs: 5000 }))
    await refused
    assert.deepEqual(await Promise.all(answers), Array(5).fill(child.pid))
  }
})

test('A15: reexec() below a root that has ended is an AgentError', async () => {
  const root = await Agent.start()
  const child = await root.fork()
  process.kill(root.pid, 'SIGKILL')
  await root.watch()
  await assert.rejects(child.reexec(), { name: 'AgentError' })
})
