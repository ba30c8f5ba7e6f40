import assert from 'node:assert/strict'
import { text } from 'node:stream/consumers'
import { test } from 'node:test'
import { Agent } from '../../src/process/agent.ts'
import { userSteps } from '../../src/process/calls/user.ts'
import { program } from '../../src/program/builder.ts'
import { eventually } from '../support/eventually.ts'
import { checkMachine } from '../support/machine-check.ts'
import { seen, statusField } from '../support/proc.ts'
import { requires } from '../support/requires.ts'
import { writeText } from './in-user-namespace.ts'

checkMachine()

/** All ids of a process as the kernel shows them. */
const idsOf = (pid: number): readonly string[] =>
  ['Uid', 'Gid', 'Groups'].map((field) => statusField(pid, field).replace(/\s+/g, ' '))

test(
  'X28, D-A25: setUser() sets real, effective, saved and file system ids and drops every group',
  requires({ root: true }),
  async () => {
    await using root = await Agent.start()
    const child = await root.fork()
    // What a process of root has, and what the examples of old left in place: groups that open doors.
    await child.sys.setgroups([0, 4, 27])
    await child.setUser({ uid: 12_345, gid: 23_456 })
    assert.deepEqual(idsOf(child.pid), ['12345 12345 12345 12345', '23456 23456 23456 23456', ''])
    await assert.rejects(child.sys.setresuid(0, 0, 0), { errno: 'EPERM' })
    await assert.rejects(child.sys.setgroups([27]), { errno: 'EPERM' })
    const id = await child.exec('/usr/bin/id', ['id', '-G'])
    assert.equal(await text(id.stdout), '23456\n')
    await id.exited
  },
)

test('X28: setUser() sets the groups that are asked for', requires({ root: true }), async () => {
  await using root = await Agent.start()
  const child = await root.fork()
  await child.setUser({ uid: 12_345, gid: 23_456, groups: [30_000, 7] })
  assert.deepEqual(idsOf(child.pid)[2], '7 30000')
})

test('X28: an ordinary user gets EPERM and keeps its ids', requires({ root: true }), async () => {
  await using root = await Agent.start()
  const child = await root.fork()
  await child.setUser({ uid: 12_345, gid: 12_345, groups: [7] })
  await assert.rejects(child.setUser({ uid: 0, gid: 0 }), { name: 'SyscallError', call: 'setgroups', errno: 'EPERM' })
  assert.deepEqual(idsOf(child.pid), ['12345 12345 12345 12345', '12345 12345 12345 12345', '7'])
})

test('X28: where the namespace denies setgroups, groups stay only if none were asked for', async () => {
  await using root = await Agent.start()
  const [uid, gid] = [process.getuid?.() ?? 0, process.getgid?.() ?? 0]
  const child = await root.clone(['CLONE_NEWUSER'])
  const host = (name: string, content: string) => root.run(writeText(`/proc/${child.pid}/${name}`, content))
  await host('setgroups', 'deny')
  await host('uid_map', `500 ${uid} 1`)
  await host('gid_map', `600 ${gid} 1`)
  await assert.rejects(child.setUser({ uid: 500, gid: 600, groups: [600] }), { call: 'setgroups', errno: 'EPERM' })
  await child.setUser({ uid: 500, gid: 600 })
  assert.deepEqual(await child.sys.getresuid(), { ruid: 500, euid: 500, suid: 500 })
  assert.deepEqual(await child.sys.getresgid(), { rgid: 600, egid: 600, sgid: 600 })
  await assert.rejects(child.setUser({ uid: 501, gid: 600 }), { call: 'setresuid', errno: 'EINVAL' })
})

test(
  'X06: the kernel kills a process with its parent also after a change of user',
  requires({ root: true }),
  async () => {
    await using root = await Agent.start()
    for (const change of [
      (child: Agent) => child.setUser({ uid: 12_345, gid: 12_345 }),
      (child: Agent) => child.sys.setresuid(12_345, 12_345, 12_345),
    ]) {
      const orphan = await orphanOf(root, change)
      await eventually(
        () => !seen(orphan.pid),
        () => `process ${orphan.pid} lives without its parent`,
      )
    }
  },
)

/** Makes a program whose process was prepared as told, and kills its parent. */
async function orphanOf(root: Agent, prepare: (child: Agent) => Promise<void>): Promise<{ readonly pid: number }> {
  const parent = await root.fork()
  const child = await parent.fork()
  await prepare(child)
  assert.equal(await child.sys.prctlRead('PR_GET_PDEATHSIG'), 9, 'the change clears it (prctl(2)): it was set again')
  const sleeper = await child.exec('/bin/sleep', ['sleep', '1000'], { stdio: 'null' })
  assert.equal(seen(sleeper.pid)?.parent, parent.pid)
  parent.kill('SIGKILL')
  await eventually(
    () => !seen(parent.pid),
    () => `process ${parent.pid} is still there`,
  )
  return { pid: sleeper.pid }
}

test('X28: userSteps() is the same inside a program', requires({ root: true }), async () => {
  await using root = await Agent.start()
  const child = await root.fork()
  const p = program()
  const check = userSteps(p, { uid: 12_345, gid: 23_456, groups: [7] })
  check.verify(await child.run(p))
  assert.deepEqual(idsOf(child.pid), ['12345 12345 12345 12345', '23456 23456 23456 23456', '7'])
})
