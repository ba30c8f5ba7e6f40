import assert from 'node:assert/strict'
import { readFileSync } from 'node:fs'
import { hostname } from 'node:os'
import { test } from 'node:test'
import { InvalidInputError } from '../../../src/base/errors.ts'
import type { Caller } from '../../../src/process/caller.ts'
import { Agent } from '../../../src/process/agent.ts'
import { checkMachine } from '../../support/machine-check.ts'
import { statusField } from '../../support/proc.ts'
import { requires } from '../../support/requires.ts'

checkMachine()

const ROOT = requires({ root: true })

/** A field of /proc/PID/stat by its number in proc_pid_stat(5). */
function statField(pid: number, number: number): number {
  const stat = readFileSync(`/proc/${pid}/stat`, 'utf8')
  return Number(stat.slice(stat.lastIndexOf(')') + 2).split(' ')[number - 3])
}

/** Numbers of a line of /proc/PID/status. */
const numbers = (pid: number, field: string): number[] =>
  statusField(pid, field)
    .split(/\s+/)
    .filter((word) => word !== '')
    .map(Number)

/** A file as the process itself sees it: namespaces count. */
async function contents(agent: Caller, path: string): Promise<string> {
  const fd = await agent.sys.open(path, ['O_RDONLY', 'O_CLOEXEC'])
  const text = new TextDecoder().decode(await agent.sys.read(fd, 65_536))
  await agent.sys.close(fd)
  return text
}

test('C31, C42: getgid() and getuid() are the real ids', ROOT, async () => {
  await using agent = await Agent.start()
  const child = await agent.fork()
  assert.deepEqual([await child.sys.getuid(), await child.sys.getgid()], [process.getuid?.(), process.getgid?.()])
  await child.sys.setresgid(4_000_000_001, -1, -1)
  await child.sys.setresuid(3_000_000_001, 5, 5)
  assert.equal(await child.sys.getgid(), numbers(child.pid, 'Gid')[0])
  assert.deepEqual([await child.sys.getuid(), await child.sys.getgid()], [3_000_000_001, 4_000_000_001])
  assert.deepEqual(numbers(child.pid, 'Uid').slice(0, 3), [3_000_000_001, 5, 5])
})

test('C32, D-A05: setgroups([200]) sets group 200, and getgroups() gives what was set', ROOT, async () => {
  await using agent = await Agent.start()
  const child = await agent.fork()
  await child.sys.setgroups([200])
  assert.deepEqual(numbers(child.pid, 'Groups'), [200])
  assert.deepEqual(await child.sys.getgroups(), [200])
  // Every one of these was mangled when a list went through signed bytes, or through 16 or 31 bits.
  const all = [0, 127, 128, 200, 255, 256, 65_535, 65_536, 2_147_483_648, 4_294_967_294]
  await child.sys.setgroups(all)
  assert.deepEqual(numbers(child.pid, 'Groups'), all)
  assert.deepEqual(await child.sys.getgroups(), all)
  await child.sys.setgroups([])
  assert.deepEqual(await child.sys.getgroups(), [])
  await assert.rejects(child.sys.setgroups([-1]), InvalidInputError)
})

test('C33: gethostname() is the name in the UTS namespace of the process', ROOT, async () => {
  await using agent = await Agent.start()
  assert.equal(await agent.sys.gethostname(), hostname())
  const child = await agent.clone(['CLONE_NEWUTS'])
  await child.sys.sethostname('carrel-calls')
  assert.equal(await child.sys.gethostname(), 'carrel-calls')
  assert.equal(await contents(child, '/proc/sys/kernel/hostname'), 'carrel-calls\n')
  assert.equal(await agent.sys.gethostname(), hostname())
})

test('C35: getpgrp() is the group of the process', async () => {
  await using agent = await Agent.start()
  const child = await agent.fork()
  assert.equal(await child.sys.getpgrp(), statField(child.pid, 5))
  await child.sys.setpgid(0, 0)
  assert.equal(await child.sys.getpgrp(), child.pid)
  assert.equal(statField(child.pid, 5), child.pid)
})

test('C36: getpid() is the number that the own pid namespace knows', ROOT, async () => {
  await using agent = await Agent.start()
  assert.equal(await agent.sys.getpid(), agent.pid)
  const init = await agent.clone(['CLONE_NEWPID'])
  const child = await init.fork()
  assert.equal(await init.sys.getpid(), 1)
  assert.deepEqual(numbers(child.hostPid ?? 0, 'NSpid'), [child.hostPid, await child.sys.getpid()])
})

test('C37: getpriority() is the nice value, -20 to 19, as the kernel shows it', ROOT, async () => {
  await using agent = await Agent.start()
  const child = await agent.fork()
  assert.equal(await child.sys.getpriority('PRIO_PROCESS', 0), statField(child.pid, 19))
  for (const nice of [-20, -1, 0, 7, 19]) {
    await child.sys.setpriority('PRIO_PROCESS', 0, nice)
    assert.equal(statField(child.pid, 19), nice)
    assert.equal(await child.sys.getpriority('PRIO_PROCESS', 0), nice)
    assert.equal(await agent.sys.getpriority('PRIO_PROCESS', child.pid), nice)
  }
  await assert.rejects(agent.sys.getpriority('PRIO_PROCESS', 4_194_304), { errno: 'ESRCH' })
})

test('C38, C39: getresgid() and getresuid() give real, effective and saved ids', ROOT, async () => {
  await using agent = await Agent.start()
  const child = await agent.fork()
  await child.sys.setresgid(11, 4_294_967_294, 13)
  await child.sys.setresuid(21, 22, 3_000_000_000)
  assert.deepEqual(await child.sys.getresgid(), { rgid: 11, egid: 4_294_967_294, sgid: 13 })
  assert.deepEqual(await child.sys.getresuid(), { ruid: 21, euid: 22, suid: 3_000_000_000 })
  assert.deepEqual(numbers(child.pid, 'Gid').slice(0, 3), [11, 4_294_967_294, 13])
  assert.deepEqual(numbers(child.pid, 'Uid').slice(0, 3), [21, 22, 3_000_000_000])
})

test('C40: getrlimit() gives the soft and the hard limit, as /proc/PID/limits has them', async () => {
  await using agent = await Agent.start()
  const child = await agent.fork()
  const shown = (name: string): string[] =>
    new RegExp(`^${name} +(\\S+) +(\\S+)`, 'm').exec(readFileSync(`/proc/${child.pid}/limits`, 'utf8'))?.slice(1, 3) ??
    []
  const text = (limit: bigint): string => (limit === 2n ** 64n - 1n ? 'unlimited' : String(limit))
  for (const [resource, name] of [
    ['RLIMIT_NOFILE', 'Max open files'],
    ['RLIMIT_AS', 'Max address space'],
    ['RLIMIT_CORE', 'Max core file size'],
  ] as const) {
    const { cur, max } = await child.sys.getrlimit(resource)
    assert.deepEqual([text(cur), text(max)], shown(name))
  }
  await child.sys.setrlimit('RLIMIT_CORE', { cur: 0, max: 8_589_934_592 })
  assert.deepEqual(shown('Max core file size'), ['0', '8589934592'])
  assert.deepEqual(await child.sys.getrlimit('RLIMIT_CORE'), { cur: 0n, max: 8_589_934_592n })
  await assert.rejects(child.sys.getrlimit(99), { errno: 'EINVAL' })
})

test('C41: getsid() is the session of a process; 0 is the own; ESRCH for one that is not there', async () => {
  await using agent = await Agent.start()
  const child = await agent.fork()
  assert.equal(await agent.sys.getsid(child.pid), statField(child.pid, 6))
  await child.sys.setsid()
  assert.equal(await child.sys.getsid(0), child.pid)
  assert.equal(await agent.sys.getsid(child.pid), child.pid)
  assert.equal(statField(child.pid, 6), child.pid)
  await assert.rejects(agent.sys.getsid(4_194_304), { errno: 'ESRCH' })
})
