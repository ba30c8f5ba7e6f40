import assert from 'node:assert/strict'
import { test } from 'node:test'
import { program } from '../../program/builder.ts'
import { type Answer, Recorder } from '../../program/recorder.ts'
import { type User, userSteps, type UserStepsOptions } from './user.ts'

/** Verifies what a kernel answers that has written zeros everywhere: ids 0, no groups. */
async function verify(user: User, answer?: (name: string, index: number) => Answer, options?: UserStepsOptions) {
  const p = program()
  const check = userSteps(p, user, options)
  check.verify(await new Recorder(answer).run(p))
}

test('userSteps() sets groups, then group, then user, and the parent-death signal after the last change', () => {
  const p = program()
  userSteps(p, { uid: 5, gid: 6, groups: [7] })
  const names = p.steps.map((step) => step.name)
  assert.deepEqual(names, [
    ...['getppid', 'prctl', 'setgroups', 'setresgid', 'setresuid', 'prctl'],
    ...['getppid', 'getresuid', 'getresgid', 'getgroups'],
  ])
  assert.match(String(p), /setgroups\(1, \[7\]\) = 0\nsetresgid\(6, 6, 6\) = 0\nsetresuid\(5, 5, 5\) = 0\n/)
})

test('userSteps() drops all supplementary groups unless some are asked for', () => {
  const p = program()
  userSteps(p, { uid: 5, gid: 6 })
  assert.match(String(p), /^setgroups\(0, NULL\) = 0$/m)
})

test('userSteps() verifies what the kernel tells: ids, groups, the parent', async () => {
  await verify({ uid: 0, gid: 0 })
  await assert.rejects(verify({ uid: 5, gid: 0 }), { name: 'StateError', wanted: 'uid 5' })
  await assert.rejects(verify({ uid: 0, gid: 6 }), { name: 'StateError', wanted: 'gid 6' })
  await assert.rejects(verify({ uid: 0, gid: 0, groups: [7] }), { name: 'StateError', wanted: '7' })
  const more = (name: string) => (name === 'getgroups' ? 'EINVAL' : 0)
  await assert.rejects(verify({ uid: 0, gid: 0 }, more), { name: 'StateError', wanted: 'no groups' })
  const orphaned = (name: string, index: number) => (name === 'getppid' && index > 0 ? 1 : 0)
  await assert.rejects(verify({ uid: 0, gid: 0 }, orphaned), { name: 'StateError', state: 'parent 1' })
})

test('userSteps() lets groups stay only where that is said', async () => {
  const denied = (name: string) => (name === 'setgroups' ? 'EPERM' : 0)
  await assert.rejects(verify({ uid: 0, gid: 0 }, denied), { name: 'SyscallError', call: 'setgroups', errno: 'EPERM' })
  await verify({ uid: 0, gid: 0 }, denied, { groupsStay: true })
})

test('userSteps() refuses ids that the kernel would not set, -1 first of all', () => {
  const wrong: readonly [unknown, string][] = [
    [{ uid: -1, gid: 0 }, 'uid'],
    [{ uid: 2 ** 32 - 1, gid: 0 }, 'uid'],
    [{ uid: 0, gid: -1 }, 'gid'],
    [{ uid: 0, gid: 1.5 }, 'gid'],
    [{ uid: 0 }, 'gid'],
    [{ uid: 0, gid: 0, groups: [1, -1] }, 'groups[1]'],
    [{ uid: 0, gid: 0, groups: 5 }, 'groups'],
  ]
  for (const [user, field] of wrong) {
    assert.throws(() => userSteps(program(), user as User), { name: 'InvalidInputError', field })
  }
})
