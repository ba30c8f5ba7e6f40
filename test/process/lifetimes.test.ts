import assert from 'node:assert/strict'
import { chmodSync, existsSync, mkdtempSync, readFileSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { test } from 'node:test'
import { Agent } from '../../src/process/agent.ts'
import { program } from '../../src/program/builder.ts'
import { checkMachine } from '../support/machine-check.ts'
import { eventually } from '../support/eventually.ts'
import { startScript } from '../support/node-script.ts'
import { isAlive, seen } from '../support/proc.ts'

checkMachine()

const ENV = { PATH: '/usr/bin:/bin' }

/** Not there, or a zombie that this machine's init has yet to reap. */
const gone = (pid: number): boolean => !isAlive(pid)

const whenGone = (...pids: readonly number[]) =>
  eventually(
    () => pids.every(gone),
    () => pids.map((pid) => `${pid} ${seen(pid)?.name} ${seen(pid)?.state}`).join(', '),
  )

interface Pids {
  readonly root: number
  readonly middle: number
  readonly attached: number
  readonly detached: number
  readonly polite: number
  readonly belowDetached: number
}

test('A50, A42: Node is killed: what is attached ends, what is detached stays, what was to be asked is asked', async () => {
  const folder = mkdtempSync(join(tmpdir(), 'carrel-lifetimes-'))
  chmodSync(folder, 0o777)
  const script = startScript('test/process/scripts/lifetimes.ts', { args: [folder] })
  let pids: Pids | undefined
  try {
    pids = JSON.parse(await script.line) as Pids
    script.child.kill('SIGKILL')
    await script.ended
    await whenGone(pids.attached)
    await eventually(
      () => existsSync(join(folder, 'asked')) && gone((pids as Pids).polite),
      () => 'nobody was asked',
    )
    assert.equal(
      readFileSync(join(folder, 'asked'), 'utf8'),
      'polite\n',
      'SIGTERM for one, SIGKILL for the attached one',
    )
    assert.deepEqual([gone(pids.detached), gone(pids.belowDetached)], [false, false])
    assert.deepEqual([gone(pids.middle), gone(pids.root)], [false, false], 'those above stay as reapers')
    process.kill(pids.detached, 'SIGKILL')
    await whenGone(pids.detached)
    assert.equal(gone(pids.middle), false, 'something detached is left')
    process.kill(pids.belowDetached, 'SIGKILL')
    await whenGone(pids.belowDetached, pids.middle, pids.root)
  } finally {
    script.child.kill('SIGKILL')
    for (const pid of Object.values<number>({ ...pids })) if (!gone(pid)) process.kill(pid, 'SIGKILL')
    rmSync(folder, { recursive: true, force: true })
  }
})

test('A50: close() of the tree ends what is attached and leaves what was detached, with its clean-up', async () => {
  const folder = mkdtempSync(join(tmpdir(), 'carrel-lifetimes-'))
  const root = await Agent.start()
  const parent = await root.fork()
  const cleanup = program()
  cleanup.unlinkat('AT_FDCWD', folder, ['AT_REMOVEDIR'])
  parent.onEnd(1, cleanup)
  const sleep = async () => (await parent.fork()).exec('/bin/sleep', ['sleep', '1000'], { env: ENV, stdio: 'null' })
  const [stays, ends] = [await sleep(), await sleep()]
  const sibling = await (await root.fork()).exec('/bin/sleep', ['sleep', '1000'], { env: ENV, stdio: 'null' })
  try {
    await stays.detach()
    await root.close()
    assert.deepEqual([gone(stays.pid), gone(ends.pid), gone(sibling.pid)], [false, true, true])
    assert.equal(existsSync(folder), true, 'the clean-up waits for the last process')
    process.kill(stays.pid, 'SIGKILL')
    await whenGone(stays.pid, parent.pid, root.pid)
    assert.equal(existsSync(folder), false)
  } finally {
    if (!gone(stays.pid)) process.kill(stays.pid, 'SIGKILL')
    rmSync(folder, { recursive: true, force: true })
  }
})

test('A50: a detached program ends by itself and is reaped, its tree goes on until then', async () => {
  await using root = await Agent.start()
  const child = await root.fork()
  const sh = await child.exec('/bin/sh', ['sh', '-c', 'exit 4'], { env: ENV, lifetime: 'detached' })
  const exit = await sh.watch()
  assert.equal(exit.kind === 'exited' && exit.code, 4)
  assert.equal(await root.sys.getpid(), root.pid)
})

test('A42: signaloneof reaches the process group of a child, also when it is stopped', async () => {
  const folder = mkdtempSync(join(tmpdir(), 'carrel-lifetimes-'))
  try {
    await using root = await Agent.start()
    const parent = await root.fork()
    await parent.setopt('signaloneof', 15)
    const child = await parent.fork()
    await child.sys.setsid()
    const script = `trap 'echo leader >> ${folder}/asked; exit 0' TERM
      sh -c "trap 'echo member >> ${folder}/asked; exit 0' TERM; echo ready; while :; do sleep 0.02; done" & wait`
    const sh = await child.exec('/bin/sh', ['sh', '-c', script], { env: ENV })
    for await (const _ of sh.stdout) break
    sh.kill('SIGSTOP')
    await parent.close()
    const asked = () => readFileSync(join(folder, 'asked'), 'utf8').trim().split('\n').toSorted().join(' ')
    await eventually(
      () => asked() === 'leader member',
      () => asked(),
    )
    assert.equal(gone(sh.pid), true)
  } finally {
    rmSync(folder, { recursive: true, force: true })
  }
})

test('A42: who is deaf to the signal is killed when the grace is over', async () => {
  await using root = await Agent.start()
  const parent = await root.fork()
  await parent.setopt('signaloneof', 15)
  await parent.setopt('grace', 50)
  const script = "trap '' TERM; echo ready; while :; do sleep 0.02; done"
  const deaf = await (await parent.fork()).exec('/bin/sh', ['sh', '-c', script], { env: ENV })
  for await (const _ of deaf.stdout) break
  const begin = performance.now()
  await parent.close()
  assert.equal(gone(deaf.pid), true)
  const took = performance.now() - begin
  assert.ok(took >= 50 && took < 4000, `${took} ms: close() itself kills after 5000`)
})

test('A42: signaloneof 0: the children are not ended, and waited for', async () => {
  const root = await Agent.start()
  const parent = await root.fork()
  await parent.setopt('signaloneof', 0)
  await root.setcpid(parent.pid, 'signaloneof', 0)
  const script = 'echo ready; sleep 0.5; exit 0'
  const sh = await (await parent.fork()).exec('/bin/sh', ['sh', '-c', script], { env: ENV })
  for await (const _ of sh.stdout) break
  await parent.close()
  const exit = await sh.exited
  assert.equal(gone(sh.pid), true)
  assert.equal(exit.kind, 'signaled', 'nobody was left to tell how it ended, only that it did')
  await root.close()
})

test('A50: what is detached in a process that sees no /proc of its own is refused, and stays attached', async () => {
  await using root = await Agent.start()
  const inside = await root.clone(['CLONE_NEWUSER', 'CLONE_NEWPID', 'CLONE_NEWNS'])
  const sleeper = await (await inside.fork()).exec('/bin/sleep', ['sleep', '1000'], { env: ENV })
  await assert.rejects(sleeper.detach(), { name: 'SyscallError', errno: 'EOPNOTSUPP' })
  const pid = sleeper.hostPid as number
  await inside.close()
  assert.equal(gone(pid), true)
})

test('A50: detach() lets go of all that is below, however deep', async () => {
  const script = startScript('test/process/scripts/detaching-deep.ts')
  const [top = 0, idle = 0, sleeper = 0] = (await script.line).split(' ').map(Number)
  const { code, stderr } = await script.ended
  try {
    assert.deepEqual([code, stderr], [0, ''])
    await whenGone(idle)
    assert.deepEqual([gone(top), gone(sleeper)], [false, false])
  } finally {
    if (!gone(sleeper)) process.kill(sleeper, 'SIGKILL')
  }
  await whenGone(top)
})

test('A50, A35: messages() and watch() of a program that was let go with its tree end: nobody will tell more', async () => {
  const root = await Agent.start()
  const parent = await root.fork()
  const sleeper = await (await parent.fork()).exec('/bin/sleep', ['sleep', '1000'], { env: ENV })
  try {
    const told: string[] = []
    const telling = (async () => {
      for await (const { type } of sleeper.messages()) told.push(type)
    })()
    await parent.detach()
    await telling
    assert.equal(told.includes('exited'), false)
    await assert.rejects(sleeper.watch(), { name: 'StateError', state: 'detached' })
    assert.equal(gone(sleeper.pid), false)
    await sleeper[Symbol.asyncDispose]()
    assert.equal(gone(sleeper.pid), false)
  } finally {
    process.kill(sleeper.pid, 'SIGKILL')
    await root.close()
    await whenGone(sleeper.pid, parent.pid, root.pid)
  }
})

test('A50, A70: a process whose filter forbids all can be detached', async () => {
  const root = await Agent.start()
  const parent = await root.fork()
  const sleeper = await (await parent.fork()).exec('/bin/sleep', ['sleep', '1000'], { env: ENV, stdio: 'null' })
  await parent.filter({ allow: [] })
  await parent.detach()
  await root.close()
  assert.equal(gone(sleeper.pid), false)
  process.kill(sleeper.pid, 'SIGKILL')
  await whenGone(sleeper.pid, parent.pid, root.pid)
})
