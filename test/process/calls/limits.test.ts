import assert from 'node:assert/strict'
import { readFileSync } from 'node:fs'
import { test } from 'node:test'
import { Agent, InvalidInputError } from '../../../src/process/index.ts'
import { checkMachine } from '../../support/machine-check.ts'
import { seen, statusField } from '../../support/proc.ts'

checkMachine()

/** A field of /proc/PID/stat by its number in proc_pid_stat(5). */
function statField(pid: number, number: number): number {
  const stat = readFileSync(`/proc/${pid}/stat`, 'utf8')
  return Number(stat.slice(stat.lastIndexOf(')') + 2).split(' ')[number - 3])
}

/** Soft and hard limit of a line of /proc/PID/limits. */
const limitOf = (pid: number, name: string): readonly string[] =>
  new RegExp(`^${name}\\s+(\\w+)\\s+(\\w+)`, 'm').exec(readFileSync(`/proc/${pid}/limits`, 'utf8'))?.slice(1) ?? []

test('C59: prctl() sets and reads by name; an operation that reads by address has a signature of its own', async () => {
  await using agent = await Agent.start()
  const child = await agent.fork()
  await child.sys.prctl('PR_SET_NAME', 'renamed')
  assert.equal(seen(child.pid)?.name, 'renamed')
  assert.equal(await child.sys.prctlName(), 'renamed')
  assert.equal(await child.sys.prctl('PR_GET_NO_NEW_PRIVS'), 0)
  await child.sys.prctl('PR_SET_NO_NEW_PRIVS', 1)
  assert.equal(statusField(child.pid, 'NoNewPrivs'), '1')
  assert.equal(await child.sys.prctl('PR_GET_NO_NEW_PRIVS'), 1)
  await child.sys.prctl('PR_SET_CHILD_SUBREAPER', 1)
  assert.equal(await child.sys.prctlRead('PR_GET_CHILD_SUBREAPER'), 1)
  assert.equal(await child.sys.prctl('PR_CAPBSET_READ', 'CAP_CHOWN'), 1)
  await assert.rejects(child.sys.prctl('PR_SET_PDEATHSIG', 999), { errno: 'EINVAL' })
  await assert.rejects(child.sys.prctl('PR_SET_NAMES' as 'PR_SET_NAME', 'x'), InvalidInputError)
})

test('C78: setpgid() moves a child into a group of its own, and refuses what is no child', async () => {
  await using agent = await Agent.start()
  const child = await agent.fork()
  const other = await agent.fork()
  await agent.sys.setpgid(child.pid, 0)
  assert.equal(statField(child.pid, 5), child.pid)
  await agent.sys.setpgid(other.pid, child.pid)
  assert.equal(statField(other.pid, 5), child.pid)
  await assert.rejects(child.sys.setpgid(other.pid, 0), { errno: 'ESRCH' })
  await assert.rejects(agent.sys.setpgid(child.pid, 4_194_303), { errno: 'EPERM' })
})

test('C79: setpriority() sets the nice value of a process, of another one too, and of a group', async () => {
  await using agent = await Agent.start()
  const child = await agent.fork()
  await agent.sys.setpriority('PRIO_PROCESS', child.pid, 7)
  assert.equal(statField(child.pid, 19), 7)
  assert.equal(await child.sys.getpriority('PRIO_PROCESS', 0), 7)
  await child.sys.setpgid(0, 0)
  await agent.sys.setpriority('PRIO_PGRP', child.pid, 12)
  assert.equal(statField(child.pid, 19), 12)
  await child.sys.setpriority('PRIO_PROCESS', 0, 100)
  assert.equal(statField(child.pid, 19), 19)
  await assert.rejects(agent.sys.setpriority('PRIO_PROCESS', 4_194_303, 0), { errno: 'ESRCH' })
})

test('C83: setrlimit() sets soft and hard limit; -1 is none, the soft one is never above the hard one', async () => {
  await using agent = await Agent.start()
  const child = await agent.fork()
  await child.sys.setrlimit('RLIMIT_FSIZE', { cur: 2n ** 40n, max: 2n ** 41n })
  assert.deepEqual(limitOf(child.pid, 'Max file size'), [String(2 ** 40), String(2 ** 41)])
  await child.sys.setrlimit('RLIMIT_CORE', { cur: 0, max: 0 })
  assert.deepEqual(limitOf(child.pid, 'Max core file size'), ['0', '0'])
  const before = await child.sys.getrlimit('RLIMIT_CPU')
  await child.sys.setrlimit('RLIMIT_CPU', before)
  assert.deepEqual(await child.sys.getrlimit('RLIMIT_CPU'), before)
  await assert.rejects(child.sys.setrlimit('RLIMIT_FSIZE', { cur: 2, max: 1 }), { errno: 'EINVAL' })
  await child.sys.setrlimit('RLIMIT_FSIZE', { cur: 0, max: 0 })
  await assert.rejects(child.sys.setrlimit('RLIMIT_FSIZE', { cur: 0, max: -1 }), { errno: 'EPERM' })
  assert.equal(
    limitOf(process.pid, 'Max core file size')[1] === '0',
    limitOf(agent.pid, 'Max core file size')[1] === '0',
  )
})

test('C84: setsid() begins a session and a group; the leader of a group cannot', async () => {
  await using agent = await Agent.start()
  const child = await agent.fork()
  assert.equal(await child.sys.setsid(), child.pid)
  assert.deepEqual([statField(child.pid, 5), statField(child.pid, 6)], [child.pid, child.pid])
  assert.equal(statField(child.pid, 7), 0)
  await assert.rejects(child.sys.setsid(), { errno: 'EPERM' })
})
