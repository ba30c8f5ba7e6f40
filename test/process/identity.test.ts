import assert from 'node:assert/strict'
import { test } from 'node:test'
import { Agent } from '../../src/process/agent.ts'
import { identityOf } from '../../src/process/calls/identity.ts'
import { eventually } from '../support/eventually.ts'
import { startScript } from '../support/node-script.ts'
import { checkMachine } from '../support/machine-check.ts'
import { seen } from '../support/proc.ts'
import { inUserNamespace, writeText } from './in-user-namespace.ts'

checkMachine()

test('X05: a process that detach() left behind is found by its identity, signalled, and its end seen', async () => {
  const script = startScript('test/process/scripts/detaching.ts', { args: ['/nonexistent', 'exec sleep 1000'] })
  const [, pid = 0] = (await script.line).split(' ').map(Number)
  assert.equal((await script.ended).code, 0)
  const identity = identityOf(pid)
  assert.equal(String(identity.startTicks), seen(pid)?.started)

  // As it would come out of a state file.
  const stored = JSON.parse(JSON.stringify(identity)) as typeof identity
  await using root = await Agent.start()
  await using found = await root.openProcess(stored)
  assert.equal(found.kill(0), true)
  await assert.rejects(found.watch({ timeoutMs: 20 }), { name: 'TimeoutError' })
  const ended = Promise.all([found.watch(), found.watch()])
  assert.equal(found.kill('SIGTERM'), true)
  await ended
  await eventually(
    () => !seen(pid),
    () => `process ${pid} is still there`,
  )
  assert.equal(found.kill('SIGTERM'), false)
  await assert.rejects(root.openProcess(stored), { name: 'StateError', state: 'ended' })
})

test('X05: another process with the same pid, or of another boot, is not opened', async () => {
  await using root = await Agent.start()
  const child = await root.fork()
  const identity = identityOf(child.pid)
  // What a reader of an old file has when the pid was given out again: the pid of a process that started at another time.
  const reused = { ...identity, startTicks: identity.startTicks - 1 }
  await assert.rejects(root.openProcess(reused), { name: 'StateError', state: 'another process' })
  const rebooted = { ...identity, bootId: '00000000-0000-4000-8000-000000000000' }
  await assert.rejects(root.openProcess(rebooted), { name: 'StateError', state: 'of another boot' })
  assert.equal(await child.sys.getpid(), child.pid)
})

/** A shell that has become another program does not wait for what it has started; it would, as long as it is a shell. */
const CHANGES_UNDER_CHILD = `(name=sh; while [ $name = sh ]; do read name </proc/$$/comm; done) &
  echo $!; exec sleep 1000`

test('X05: a process that has ended and was not waited for is gone', async () => {
  await using root = await Agent.start()
  const parent = await (
    await root.fork()
  ).exec('/bin/sh', ['sh', '-c', CHANGES_UNDER_CHILD], { stdio: ['null', 'pipe', 'null'] })
  let line = ''
  for await (const chunk of parent.stdout ?? []) {
    line += String(chunk)
    if (line.includes('\n')) break
  }
  const zombie = await eventually(
    () => seen(Number(line))?.state === 'Z' && seen(Number(line)),
    () => `process ${line} is no zombie`,
  )
  assert.throws(() => identityOf(zombie.pid), { name: 'StateError', state: 'ended' })
  const identity = { ...identityOf(parent.pid), pid: zombie.pid, startTicks: Number(zombie.started) }
  await assert.rejects(root.openProcess(identity), { name: 'StateError', state: 'ended' })
  parent.kill('SIGKILL')
  await parent.exited
})

test('D-A21: pids of different namespaces are not mixed: an agent in another one cannot open the process', async () => {
  await using root = await Agent.start()
  const inside = await inUserNamespace(root, ['CLONE_NEWPID'])
  // Both namespaces have a process 1.
  await assert.rejects(inside.openProcess(identityOf(1)), {
    name: 'StateError',
    state: 'another pid namespace',
  })
})

test('D-A21: a pid that is given out again while the old process’s output is still held is another process', async () => {
  await using root = await Agent.start()
  const init = await inUserNamespace(root, ['CLONE_NEWPID'])
  const old = await (
    await init.fork()
  ).exec('/bin/sh', ['sh', '-c', 'sleep 1000 & echo held'], { stdio: ['null', 'pipe', 'null'] })
  const exit = await old.exited
  assert.equal(exit.kind, 'exited')
  assert.equal(old.stdout?.readableEnded, false)
  await init.run(writeText('/proc/sys/kernel/ns_last_pid', String(old.pid - 1)))
  const young = await init.fork()
  assert.equal(young.pid, old.pid)
  assert.equal(old.kill('SIGKILL'), false)
  assert.equal(await young.sys.getpid(), young.pid)
  await young.close()
  await init.close()
})

test('X05: a handle that is closed says so, and the process lives on', async () => {
  await using root = await Agent.start()
  const child = await root.fork()
  const handle = await root.openProcess(identityOf(child.pid))
  const watching = handle.watch()
  handle.close()
  handle.close()
  await assert.rejects(watching, { name: 'StateError', state: 'closed' })
  assert.throws(() => handle.kill('SIGKILL'), { name: 'StateError', state: 'closed' })
  assert.equal(await child.sys.getpid(), child.pid)
})
