import assert from 'node:assert/strict'
import { test } from 'node:test'
import { Agent } from '../../src/process/agent.ts'
import { program } from '../../src/program/builder.ts'
import { checkMachine } from '../support/machine-check.ts'
import { eventually } from '../support/eventually.ts'
import { isAlive, seen } from '../support/proc.ts'

checkMachine()

const forbidden = (call: string) => ({ name: 'StateError', state: 'FILTERED', wanted: call })

test('A70, C27: a filtered call is refused by the agent, the others are made', async () => {
  await using root = await Agent.start()
  const child = await root.fork()
  await child.filter({ deny: ['getcwd', 'mkdir'] })
  await assert.rejects(child.sys.getcwd(), forbidden('getcwd'))
  await assert.rejects(child.sys.mkdir('/nonexistent/x', 0o755), forbidden('mkdirat'))
  await assert.rejects(child.sys.syscall('getcwd', new Uint8Array(64), 64), forbidden('getcwd'))
  assert.equal(await child.sys.getpid(), child.pid)
})

test('A70: it is the agent that refuses, also in a program that nobody looked at before', async () => {
  await using root = await Agent.start()
  const child = await root.fork()
  await child.filter({ deny: ['kill'] })
  const victim = await root.fork()
  const p = program()
  p.tolerate('EPERM', 'ESRCH', 'EINVAL').kill(victim.pid, 'SIGKILL')
  p.getpid()
  const result = await child.attempt(p)
  assert.equal(result.failure?.errno, 'FILTERED', 'no list of tolerated errors holds it')
  assert.ok(isAlive(victim.pid))
  await assert.rejects(
    child.exec('/bin/true', ['true'], {
      prepare: (last) => last.kill(victim.pid, 'SIGKILL'),
    }),
    {
      name: 'StateError',
    },
  )
  assert.ok(isAlive(victim.pid))
})

test('A70: allow forbids all others, clean-up programs included; what is forbidden stays forbidden', async () => {
  await using root = await Agent.start()
  const child = await root.fork()
  await child.filter({ allow: ['getpid', 'getuid', 'getcwd'] })
  await child.filter({ allow: ['getpid', 'getgid'] })
  assert.equal(await child.sys.getpid(), child.pid)
  await assert.rejects(child.sys.getgid(), forbidden('getgid'), 'a later filter gives nothing back')
  await assert.rejects(child.sys.getuid(), forbidden('getuid'), 'a later filter takes away')
  await assert.rejects(child.fork(), { name: 'StateError', state: 'FILTERED' })
  await assert.rejects(child.exec('/bin/true'), { name: 'StateError', state: 'FILTERED' })
})

test('A70: an empty filter changes nothing', async () => {
  await using root = await Agent.start()
  const child = await root.fork()
  await child.filter({ deny: [] })
  const grandchild = await child.fork()
  assert.equal(await grandchild.sys.getpid(), grandchild.pid)
  assert.equal((await child.sys.getcwd()).startsWith('/'), true)
})

test('A70, A10: children inherit a filter, or what was said for them, and so do theirs', async () => {
  await using root = await Agent.start()
  await root.filter({ deny: ['getcwd'] })
  const child = await root.fork()
  const grandchild = await child.fork()
  await assert.rejects(child.sys.getcwd(), forbidden('getcwd'))
  await assert.rejects(grandchild.sys.getcwd(), forbidden('getcwd'))
  const parent = await child.fork()
  await parent.filter({ deny: [] }, { children: { deny: ['getuid'] } })
  assert.equal(await parent.sys.getuid(), process.getuid?.())
  const other = await parent.fork()
  await assert.rejects(other.sys.getuid(), forbidden('getuid'))
  await assert.rejects((await other.fork()).sys.getuid(), forbidden('getuid'))
})

test('A70: a process that may do nothing still reports and reaps its children', async () => {
  await using root = await Agent.start()
  const parent = await root.fork()
  const child = await parent.fork()
  await parent.filter({ allow: [] }, { children: { deny: [] } })
  await assert.rejects(parent.sys.getpid(), forbidden('getpid'))
  assert.equal(await child.sys.getppid(), parent.pid)
  const exit = await child.exit(7)
  assert.deepEqual({ kind: exit.kind, code: exit.kind === 'exited' ? exit.code : -1 }, { kind: 'exited', code: 7 })
  await eventually(
    () => seen(child.pid) === undefined,
    () => `${child.pid} is ${seen(child.pid)?.state}`,
  )
})

test('P20: a parent that can only fork and kill, children that can only exec', async () => {
  await using root = await Agent.start()
  const init = await root.fork()
  await init.filter({ allow: ['fork', 'kill'] }, { children: { allow: ['exec'] } })
  await assert.rejects(init.sys.openat('AT_FDCWD', '/etc/passwd', 'O_RDONLY'), forbidden('openat'))
  await assert.rejects(init.exec('/bin/true'), { name: 'StateError' })
  const child = await init.fork()
  await assert.rejects(child.sys.getpid(), forbidden('getpid'))
  await assert.rejects(child.fork(), { name: 'StateError', state: 'FILTERED' })
  const sleeper = await child.exec('/bin/sleep', ['sleep', '1000'])
  assert.equal(seen(sleeper.pid)?.name, 'sleep')
  await init.sys.kill(sleeper.pid, 'SIGTERM')
  const exit = await sleeper.exited
  assert.equal(exit.kind === 'signaled' && exit.signal, 'SIGTERM')
})

test('A70: a name that is no call is refused with the nearest one, and nothing is filtered', async () => {
  await using root = await Agent.start()
  await assert.rejects(root.filter({ deny: ['getpid', 'getcdw'] }), {
    name: 'InvalidInputError',
    message: /did you mean getcwd\?/,
  })
  assert.equal(await root.sys.getpid(), root.pid)
})

test('A44: a filter that is none, or two, is refused, and forbids nothing', async () => {
  await using root = await Agent.start()
  const both = { deny: ['getpid'], allow: ['getpid'] }
  for (const wrong of [both, {}, null, undefined, 'getpid', { deny: 'getpid' }, { deny: [5] }]) {
    await assert.rejects(root.filter(wrong as never), { name: 'InvalidInputError', field: 'filter' })
  }
  const children = 5 as never
  await assert.rejects(root.filter({ deny: ['getpid'] }, { children }), { field: 'filter.children' })
  assert.equal(await root.sys.getpid(), root.pid)
})
