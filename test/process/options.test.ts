import assert from 'node:assert/strict'
import { readFileSync } from 'node:fs'
import { text } from 'node:stream/consumers'
import { test } from 'node:test'
import { Agent } from '../../src/process/agent.ts'
import type { AgentEvent } from '../../src/process/tree/member.ts'
import { checkMachine } from '../support/machine-check.ts'
import { eventually } from '../support/eventually.ts'
import { seen } from '../support/proc.ts'

checkMachine()

const ENV = { PATH: '/usr/bin:/bin' }

test('C34, C77, A10: options are set for a process, and its children begin with them', async () => {
  await using root = await Agent.start()
  assert.equal(root.getopt('maxforkdepth'), 1024)
  const child = await root.fork()
  await child.setopt('maxforkdepth', 3)
  await child.setopt('flowcontrol', 0)
  const grandchild = await child.fork()
  assert.deepEqual([grandchild.getopt('maxforkdepth'), grandchild.getopt('flowcontrol')], [3, 0])
  assert.equal(root.getopt('maxforkdepth'), 1024)
  await child.setopt('flowcontrol', 5)
  assert.equal(grandchild.getopt('flowcontrol'), 0, 'a later change does not reach them')
  await assert.rejects(grandchild.fork(), { name: 'SyscallError', errno: 'EAGAIN' })
})

test('A44: an unknown option and a value out of range are refused, and change nothing', async () => {
  await using root = await Agent.start()
  assert.throws(() => root.getopt('maxchildren' as 'maxchild'), {
    name: 'InvalidInputError',
    message: /did you mean maxchild\?/,
  })
  await assert.rejects(root.setopt('nothing' as 'grace', 1), { name: 'InvalidInputError', message: /signaloneof/ })
  await assert.rejects(root.setopt('maxchild', -1), { name: 'InvalidInputError', field: 'maxchild' })
  await assert.rejects(root.setopt('flowcontrol', -2), { name: 'InvalidInputError', field: 'flowcontrol' })
  await assert.rejects(
    root.setopt('maxforkdepth', 65_536),
    { name: 'InvalidInputError' },
    'not capped in silence (A38)',
  )
  assert.equal(root.getopt('maxchild'), 65_535)
})

test('A37, A09: maxchild limits the children, a place is free again after an end', async () => {
  await using root = await Agent.start()
  await root.setopt('maxchild', 3)
  const children = [await root.fork(), await root.fork(), await root.fork()]
  await assert.rejects(root.fork(), { name: 'SyscallError', errno: 'EAGAIN', message: /maxchild/ })
  await assert.rejects(root.setopt('maxchild', 2), { name: 'InvalidInputError', message: /3 children already/ })
  await children[0]?.close()
  const next = await root.fork()
  assert.equal(seen(next.pid)?.parent, root.pid)
})

test('A38, A08: maxforkdepth limits the depth; the default is no limit of the design', async () => {
  await using root = await Agent.start()
  await root.setopt('maxforkdepth', 4)
  let last: Agent = root
  for (let depth = 1; depth < 4; depth++) last = await last.fork()
  assert.equal(last.path.length, 4)
  await assert.rejects(last.fork(), { name: 'SyscallError', errno: 'EAGAIN', message: /maxforkdepth/ })
})

test('A39, A40: exit_status and termsig say which ends are told as events', async () => {
  await using root = await Agent.start()
  const heard: AgentEvent[] = []
  void (async () => {
    for await (const event of root.events()) heard.push(event)
  })()
  const told = async (ends: 'exit' | 'kill') => {
    const child = await root.fork()
    if (ends === 'exit') await child.exit(1)
    else child.kill('SIGKILL')
    await child.watch()
    await root.sys.getpid()
    return heard.some((event) => event.type === 'exited' && event.pid === child.pid)
  }
  assert.deepEqual([await told('exit'), await told('kill')], [true, true])
  await root.setopt('exit_status', 0)
  assert.deepEqual([await told('exit'), await told('kill')], [false, true])
  await root.setopt('termsig', 0)
  assert.deepEqual([await told('exit'), await told('kill')], [false, false])
})

test('A41: flowcontrol is the credit that programs of later children begin with', async () => {
  await using root = await Agent.start()
  await root.setopt('flowcontrol', 3)
  const child = await root.fork()
  const sh = await child.exec('/bin/sh', ['sh', '-c', 'printf abcdef'], { env: ENV })
  const all = text(sh.stdout)
  await eventually(
    () => sh.credit.stdout === 0,
    () => `credit is ${sh.credit.stdout}`,
  )
  assert.equal(sh.credit.stderr, 3)
  sh.grant({ stdout: 3 })
  assert.equal(await all, 'abcdef')
})

test('C17, A46, P12: cpid() lists the children of a process', async () => {
  await using root = await Agent.start()
  const parent = await root.fork()
  const [agent, future] = [await parent.fork(), await parent.fork()]
  const sleeper = await future.exec('/bin/sleep', ['sleep', '1000'])
  const records = parent.cpid()
  assert.deepEqual(
    records.map(({ pid, execed }) => ({ pid, execed, parent: seen(pid)?.parent })),
    [
      { pid: agent.pid, execed: false, parent: parent.pid },
      { pid: sleeper.pid, execed: true, parent: parent.pid },
    ],
  )
  assert.deepEqual([agent.parent, parent.parent, root.parent], [parent.pid, root.pid, undefined])
  sleeper.kill('SIGKILL')
  await sleeper.exited
  assert.deepEqual(
    parent.cpid().map(({ pid }) => pid),
    [agent.pid],
  )
  assert.equal(parent.getcpid(sleeper.pid), undefined)
})

test('C71, A45, P15: setcpid() changes one child, getcpid() reads it', async () => {
  await using root = await Agent.start()
  const parent = await root.fork()
  const child = await parent.fork()
  const yes = await child.exec('/bin/sh', ['sh', '-c', 'printf 0123456789; read end'], { env: ENV, credit: 0 })
  const all = text(yes.stdout)
  assert.equal(parent.getcpid(child.pid)?.flowcontrol, 0)
  assert.equal(await parent.setcpid(child.pid, 'flowcontrol', 4), true)
  await eventually(
    () => yes.credit.stdout === 0,
    () => `credit is ${yes.credit.stdout}`,
  )
  assert.equal(await parent.setcpid(child.pid, 'flowcontrol', -1), true)
  yes.stdin.end()
  assert.equal(await all, '0123456789')
  const other = await parent.fork()
  assert.equal(await parent.setcpid(other.pid, 'signaloneof', 15), true)
  assert.equal(parent.getcpid(other.pid)?.signaloneof, 15)
  assert.equal(await parent.setcpid(4_000_000, 'signaloneof', 15), false, 'an unknown child')
  await assert.rejects(parent.setcpid(other.pid, 'stdin' as 'flowcontrol', 1), { name: 'InvalidInputError' })
})

test('P13, P14, P17: path, pid and state of a process, as agent and as program', async () => {
  await using root = await Agent.start()
  const child = await root.fork()
  const grandchild = await child.fork()
  assert.deepEqual(grandchild.path, [root.pid, child.pid, grandchild.pid])
  assert.equal(grandchild.execed, false)
  const sleeper = await grandchild.exec('/bin/sleep', ['sleep', '1000'])
  assert.equal(grandchild.execed, true)
  assert.deepEqual([sleeper.path, sleeper.hostPid], [[root.pid, child.pid, sleeper.pid], sleeper.pid])
  assert.equal(seen(sleeper.pid)?.name, 'sleep')
  sleeper.kill('SIGKILL')
  await sleeper.exited
  assert.deepEqual([sleeper.hostPid, grandchild.hostPid], [undefined, undefined])
})

test('P21, C22: exit() ends a process with a status, and is refused while it has children', async () => {
  await using root = await Agent.start()
  const parent = await root.fork()
  const child = await parent.fork()
  await assert.rejects(parent.exit(3), { name: 'StateError', state: 'parent' })
  assert.equal(await parent.sys.getpid(), parent.pid)
  await child.close()
  const exit = await parent.exit(3)
  assert.equal(exit.kind === 'exited' && exit.code, 3)
  assert.equal(seen(parent.pid), undefined)
})

test('A74: a low limit on descriptors costs no process: a child takes none of its parent', async () => {
  await using root = await Agent.start()
  const child = await root.fork()
  await child.sys.setrlimit('RLIMIT_NOFILE', { cur: 8, max: 8 })
  // One after the other: pidfds on their way count against the limit of an ordinary user's process (unix(7), ETOOMANYREFS).
  const children: Agent[] = []
  for (let i = 0; i < 20; i++) children.push(await child.fork())
  assert.deepEqual(await Promise.all(children.map((each) => each.sys.getppid())), Array(20).fill(child.pid))
  await child.setopt('maxchild', 20)
  await assert.rejects(child.fork(), { name: 'SyscallError', errno: 'EAGAIN' })
})

test('A74, A13: without room for the descriptors of an order it fails with EMFILE, and the process stays', async () => {
  await using root = await Agent.start()
  const child = await root.fork()
  await child.sys.setrlimit('RLIMIT_NOFILE', { cur: 4, max: 64 })
  await assert.rejects(child.exec('/bin/true'), { name: 'SyscallError', errno: 'EMFILE' })
  await assert.rejects(child.fork(), { name: 'SyscallError', errno: 'EMFILE' })
  assert.equal(await child.sys.getpid(), child.pid)
  await child.sys.setrlimit('RLIMIT_NOFILE', { cur: 64, max: 64 })
  const sh = await child.exec('/bin/echo', ['echo', 'again'])
  assert.equal(await text(sh.stdout), 'again\n')
})

test('A37: maxchild counts the children that are on their way too', async () => {
  await using root = await Agent.start()
  const parent = await root.fork()
  await parent.setopt('maxchild', 3)
  const forks = await Promise.allSettled(Array.from({ length: 10 }, () => parent.fork()))
  assert.equal(forks.filter(({ status }) => status === 'fulfilled').length, 3)
  assert.equal(seenChildren(parent.pid).length, 3)
  for (const fork of forks) if (fork.status === 'rejected') assert.equal(fork.reason.errno, 'EAGAIN')
  const [first] = forks
  await (first as PromiseFulfilledResult<Agent>).value.close()
  const limit = { signal: AbortSignal.timeout(1) }
  parent.kill('SIGSTOP')
  await assert.rejects(parent.fork(limit), { name: 'TimeoutError' })
  parent.kill('SIGCONT')
  await (await parent.fork()).close()
})

test('C71, A44: setcpid() refuses what is out of range, and names it', async () => {
  await using root = await Agent.start()
  const child = await root.fork()
  for (const value of [99, -1, 1.5]) {
    await assert.rejects(root.setcpid(child.pid, 'signaloneof', value), {
      name: 'InvalidInputError',
      field: 'signaloneof',
    })
  }
  await assert.rejects(root.setopt('maxchild', -1), { message: /from 0 to 65535, not -1/ })
})

test('C71, A41: setcpid() reaches a program whose handle was given away', async () => {
  await using root = await Agent.start()
  const cat = await (await root.fork()).exec('/bin/cat', ['cat'], { credit: 0 })
  const heir = cat.handOver()
  await heir.write('all of it')
  assert.equal(await heir.read('stdout', { timeoutMs: 50 }).then((bytes) => bytes?.length), 0)
  assert.equal(await root.setcpid(cat.pid, 'flowcontrol', -1), true)
  assert.equal(root.getcpid(cat.pid)?.flowcontrol, -1)
  assert.equal(Buffer.from((await heir.read('stdout', { timeoutMs: 5000 })) ?? []).toString(), 'all of it')
})

/** Children as the kernel lists them. */
const seenChildren = (pid: number): readonly string[] =>
  readFileSync(`/proc/${pid}/task/${pid}/children`, 'utf8').split(' ').filter(Boolean)
