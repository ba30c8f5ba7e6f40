import assert from 'node:assert/strict'
import { test } from 'node:test'
import { FOREIGN, type ForeignName } from '../../../src/linux/index.ts'
import { Agent, UnsupportedError } from '../../../src/process/index.ts'
import { checkMachine } from '../../support/machine-check.ts'

checkMachine()

/** Refused by name, with the system that has the call and what to use here; the agent has done nothing and goes on. */
async function assertForeign(names: readonly ForeignName[], instead: RegExp): Promise<void> {
  await using agent = await Agent.start()
  for (const name of names) {
    await assert.rejects(agent.sys[name](3, []), (error) => {
      assert.ok(error instanceof UnsupportedError, String(error))
      assert.equal(error.fact, `call ${name}`)
      assert.ok(error.message.startsWith(`${name}() is a call of ${FOREIGN[name].platform} `), error.message)
      assert.match(error.remedy, instead)
      return true
    })
  }
  assert.equal(await agent.sys.getpid(), agent.pid)
}

test('A73: every call of another system is refused by name', async () => {
  await assertForeign(Object.keys(FOREIGN) as ForeignName[], /^on Linux: \S/)
})

test('C01, C02, C03, C04, C05, C06, C07: the calls of Capsicum are of FreeBSD; here: seccomp and what a descriptor may do', async () => {
  await assertForeign(['cap_enter'], /seccomp.*Landlock/)
  await assertForeign(['cap_getmode'], /PR_GET_SECCOMP/)
  await assertForeign(['cap_fcntls_get', 'cap_fcntls_limit', 'cap_ioctls_limit', 'cap_rights_limit'], /O_PATH.*seals/)
  await assertForeign(['cap_constant'], /constantValue/)
})

test('C46, C47, C48: jails are of FreeBSD; here: namespaces, setns() and the end of a pid namespace', async () => {
  await assertForeign(['jail'], /CLONE_NEWPID.*pivot_root/)
  await assertForeign(['jail_attach'], /setns/)
  await assertForeign(['jail_remove'], /SIGKILL/)
})

test('C58, C61, C96: pledge() and unveil() are of OpenBSD, procctl() is of FreeBSD; here: seccomp, Landlock, prctl()', async () => {
  await assertForeign(['pledge'], /seccomp/)
  await assertForeign(['unveil'], /landlock_restrict_self/)
  await assertForeign(['procctl'], /PR_SET_CHILD_SUBREAPER/)
})

test('C00, C45: there is no alloc(), which told addresses of live memory, and no iolist_to_bin()', async () => {
  await using agent = await Agent.start()
  assert.ok(!('alloc' in agent.sys) && !('iolist_to_bin' in agent.sys))
  assert.ok('mount' in agent.sys && 'jail' in agent.sys)
})
