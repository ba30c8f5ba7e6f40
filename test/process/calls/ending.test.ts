import assert from 'node:assert/strict'
import { mkdtempSync, readFileSync, readlinkSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { text } from 'node:stream/consumers'
import { test } from 'node:test'
import { Agent } from '../../../src/process/agent.ts'
import type { Exit } from '../../../src/process/tree/exit.ts'
import { checkMachine } from '../../support/machine-check.ts'
import { namespaceOf, seen, statusField } from '../../support/proc.ts'
import { requires } from '../../support/requires.ts'

checkMachine()

/** The end of a child; waiting for it does not keep the event loop alive by itself. */
async function endOf(child: Agent): Promise<Exit> {
  const alive = setInterval(() => {}, 1000)
  return child.exited.finally(() => clearInterval(alive))
}

const listOf = (file: string): string[] => readFileSync(file, 'utf8').split('\0').slice(0, -1)

test(
  'C13: clone() takes names and numbers; the child is in the namespaces they name, and only in those',
  requires({ root: true }),
  async () => {
    await using agent = await Agent.start()
    for (const flags of [['CLONE_NEWUTS', 0x20000] as const, 0x20000 | 0x4000000]) {
      const child = await agent.clone(flags)
      assert.equal(seen(child.pid)?.parent, agent.pid)
      for (const name of ['mnt', 'uts']) assert.notEqual(namespaceOf(child.pid, name), namespaceOf('self', name))
      for (const name of ['ipc', 'net', 'pid', 'user', 'cgroup'])
        assert.equal(namespaceOf(child.pid, name), namespaceOf('self', name))
    }
    await assert.rejects(agent.clone(['CLONE_NEWFOO' as never]), { name: 'InvalidInputError' })
  },
)

test('C28: fork() gives the pid of a child that has its own memory and answers for itself', async () => {
  await using agent = await Agent.start()
  const child = await agent.fork()
  assert.equal(await child.sys.getpid(), child.pid)
  assert.equal(seen(child.pid)?.parent, agent.pid)
  await child.sys.umask(0o077)
  assert.equal(statusField(child.pid, 'Umask'), '0077')
  assert.notEqual(statusField(agent.pid, 'Umask'), '0077')
})

test('C20: execve() makes the process the program, with exactly these arguments and this environment', async () => {
  await using agent = await Agent.start()
  const child = await agent.fork()
  assert.equal(await child.sys.execve('/bin/sleep', ['first', '60'], ['A=1', 'A=2']), undefined)
  assert.equal(seen(child.pid)?.name, 'sleep')
  assert.deepEqual(listOf(`/proc/${child.pid}/cmdline`), ['first', '60'])
  assert.deepEqual(listOf(`/proc/${child.pid}/environ`), ['A=1', 'A=2'])
  await assert.rejects(child.sys.getpid(), { name: 'AgentError' })
  child.kill('SIGKILL')
  assert.equal((await endOf(child)).kind, 'signaled')
})

test('C20: execve() that fails says why, and the process makes calls as before', async () => {
  await using agent = await Agent.start()
  const child = await agent.fork()
  await assert.rejects(child.sys.execve('/does/not/exist', ['x'], []), { errno: 'ENOENT', call: 'execve' })
  await assert.rejects(child.sys.execve('/etc/passwd', ['x'], []), { errno: 'EACCES' })
  await assert.rejects(child.sys.execve('/bin/true', ['x'.repeat(200_000)], []), { errno: 'E2BIG' })
  assert.equal(await child.sys.getpid(), child.pid)
})

test('C21: a name without a slash is searched in PATH, as execvp(3) does', async (t) => {
  const folder = mkdtempSync(join(tmpdir(), 'carrel-calls-'))
  t.after(() => rmSync(folder, { recursive: true, force: true }))
  writeFileSync(join(folder, 'carrel-found'), '#!/bin/sh\necho found "$1"\n', { mode: 0o755 })
  await using agent = await Agent.start()
  const child = await agent.fork()
  const env = { PATH: `/does/not/exist:${folder}:/bin` }
  await assert.rejects(child.exec('carrel-not-found', ['x'], { env }), { errno: 'ENOENT' })
  const found = await child.exec('carrel-found', ['carrel-found', 'me'], { env })
  assert.equal(await text(found.stdout), 'found me\n')
  assert.equal((await found.exited).kind, 'exited')
})

test('C22: exit() ends the process with this status, and that is its answer', async () => {
  await using agent = await Agent.start()
  for (const [status, code] of [
    [0, 0],
    [42, 42],
    [256 + 7, 7],
    [-1, 255],
  ] as const) {
    const child = await agent.fork()
    assert.equal(await child.sys.exit(status), undefined)
    const end = await endOf(child)
    assert.deepEqual([end.kind, end.kind === 'exited' && end.code], ['exited', code])
    assert.equal(seen(child.pid), undefined)
    await assert.rejects(child.sys.getpid(), { name: 'AgentError' })
  }
  assert.equal(agent.children, 0)
})

test('C25: fexecve() executes what is behind a descriptor, close-on-exec or not', async () => {
  await using agent = await Agent.start()
  const child = await agent.fork()
  const notAProgram = await child.sys.open('/etc/passwd', ['O_RDONLY', 'O_CLOEXEC'])
  await assert.rejects(child.sys.fexecve(notAProgram, ['x'], []), { errno: 'EACCES', call: 'execveat' })
  await assert.rejects(child.sys.fexecve(999, ['x'], []), { errno: 'EBADF' })
  const fd = await child.sys.open('/bin/sleep', ['O_RDONLY', 'O_CLOEXEC'])
  assert.equal(await child.sys.fexecve(fd, ['by-descriptor', '60'], ['ONLY=this']), undefined)
  assert.deepEqual(listOf(`/proc/${child.pid}/cmdline`), ['by-descriptor', '60'])
  assert.deepEqual(listOf(`/proc/${child.pid}/environ`), ['ONLY=this'])
  assert.match(readlinkSync(`/proc/${child.pid}/exe`), /\/sleep$|\/busybox$|\/coreutils$/)
  child.kill('SIGKILL')
  await endOf(child)
})

test('C49: kill() sends a signal, 0 only asks, ESRCH for nobody', async () => {
  await using agent = await Agent.start()
  const child = await agent.fork()
  await agent.sys.kill(child.pid, 0)
  await agent.sys.kill(child.pid, 'SIGKILL')
  const end = await endOf(child)
  assert.deepEqual([end.kind, end.kind === 'signaled' && end.signal], ['signaled', 'SIGKILL'])
  await assert.rejects(agent.sys.kill(child.pid, 0), { errno: 'ESRCH' })
  await assert.rejects(agent.sys.kill(agent.pid, 65), { errno: 'EINVAL' })
})

test('C49: the pid is one of the namespace of the process that calls', requires({ root: true }), async () => {
  await using agent = await Agent.start()
  const init = await agent.clone(['CLONE_NEWPID'])
  const child = await init.fork()
  const inside = await child.sys.getpid()
  assert.notEqual(inside, child.hostPid)
  await init.sys.kill(inside, 'SIGKILL')
  assert.equal((await endOf(child)).kind, 'signaled')
  await assert.rejects(init.sys.kill(agent.pid, 0), { errno: 'ESRCH' })
})
