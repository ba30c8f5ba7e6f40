import assert from 'node:assert/strict'
import { execFile } from 'node:child_process'
import { existsSync } from 'node:fs'
import { join } from 'node:path'
import { test } from 'node:test'
import { setTimeout as sleep } from 'node:timers/promises'
import { promisify } from 'node:util'
import { Agent } from '../../src/process/agent.ts'
import { program } from '../../src/program/builder.ts'
import { checkMachine } from '../support/machine-check.ts'
import { eventually } from '../support/eventually.ts'
import { seen, statusField } from '../support/proc.ts'
import { REPOSITORY } from '../support/repository.ts'

checkMachine()

const LAST_PID = '/proc/sys/kernel/ns_last_pid'
const needs =
  process.getuid?.() === 0 && existsSync(LAST_PID)
    ? { skip: false as const }
    : { skip: 'needs root and a kernel with CONFIG_CHECKPOINT_RESTORE' }

/** The first process of a new pid namespace: its children are numbered from 2 on. */
const firstOf = (root: Agent): Promise<Agent> => root.clone(['CLONE_NEWPID'])

/** Has the next process of the namespace get this number: pid_namespaces(7), /proc/sys/kernel/ns_last_pid. */
async function nextPid(init: Agent, pid: number): Promise<void> {
  const p = program()
  const file = p.openat('AT_FDCWD', LAST_PID, ['O_WRONLY', 'O_CLOEXEC'])
  p.write(file, String(pid - 1))
  p.close(file)
  await init.run(p)
}

const NUMBER = 300

/** A child with a number that another one has had. */
async function forkAs(init: Agent, pid: number): Promise<Agent> {
  await nextPid(init, pid)
  const child = await init.fork()
  assert.equal(child.pid, pid)
  return child
}

const hostPid = (agent: Agent): number => agent.hostPid as number

test(
  'D-A21: the handle of a dead process never reaches the new one with its number, though a grandchild holds its pipe',
  needs,
  async () => {
    const script = join(REPOSITORY, 'test/process/scripts/recycled-pid.ts')
    const alone = ['--pid', '--fork', '--kill-child', '--mount-proc', process.execPath, '--import', 'tsx', script]
    const { stdout, stderr } = await promisify(execFile)('unshare', alone, { cwd: REPOSITORY, timeout: 20_000 })
    assert.deepEqual([stdout, stderr], ['done\n', ''])
  },
)

test(
  'D-A21: the end of a process is told to its own handle, whatever has had its number before or has it now',
  needs,
  async () => {
    await using root = await Agent.start()
    const init = await firstOf(root)
    const codes: number[] = []
    for (let round = 0; round < 40; round++) {
      const child = await forkAs(init, NUMBER)
      const sh = await child.exec('/bin/sh', ['sh', '-c', `exit ${round}`], { stdio: 'null' })
      const exit = await sh.exited
      codes.push(exit.kind === 'exited' ? exit.code : -1)
    }
    assert.deepEqual(
      codes,
      Array.from({ length: 40 }, (_, round) => round),
    )
  },
)

test('D-A21: the end of an orphan is not taken for that of the child that gets its number next', needs, async () => {
  await using root = await Agent.start()
  const init = await firstOf(root)
  const ends: number[] = []
  void (async () => {
    for await (const event of init.events()) if (event.type === 'exited') ends.push(event.pid)
  })()
  const parent = await init.fork()
  await nextPid(init, NUMBER)
  const orphan = await parent.fork()
  assert.equal(orphan.pid, NUMBER)
  const sleeper = await orphan.exec('/bin/sleep', ['sleep', '1000'], { stdio: 'null' })
  const place = hostPid(orphan)
  parent.kill('SIGKILL')
  await eventually(
    () => ends.includes(NUMBER),
    () => `init has told of ${ends.join(', ')}`,
  )
  assert.equal(seen(place), undefined)
  assert.equal(sleeper.kill('SIGTERM'), false)
  const child = await forkAs(init, NUMBER)
  const early = await Promise.race([child.exited, sleep(50)])
  assert.equal(early, undefined)
  assert.equal(await child.sys.getpid(), NUMBER)
})

test('D-A21: equal numbers of different namespaces are different processes', needs, async () => {
  await using root = await Agent.start()
  const [one, other] = [await firstOf(root), await firstOf(root)]
  const [mine, theirs] = [await forkAs(one, NUMBER), await forkAs(other, NUMBER)]
  assert.equal(mine.pid, theirs.pid)
  assert.notEqual(hostPid(mine), hostPid(theirs))
  assert.match(statusField(hostPid(mine), 'NSpid'), new RegExp(`^${hostPid(mine)}\\s+${NUMBER}$`))
  const place = hostPid(theirs)
  mine.kill('SIGKILL')
  await eventually(
    () => one.children === 0,
    () => `${one.children} children`,
  )
  assert.equal(await theirs.sys.getpid(), NUMBER)
  assert.equal(seen(place)?.name, 'carrel')
  assert.equal(other.children, 1)
})
