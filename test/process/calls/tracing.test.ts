import assert from 'node:assert/strict'
import { readFileSync } from 'node:fs'
import { text } from 'node:stream/consumers'
import { test } from 'node:test'
import { BpfProgram, constantValue, memory, SIGNALS } from '../../../src/linux/index.ts'
import { Agent } from '../../../src/process/index.ts'
import { program } from '../../../src/program/index.ts'
import { checkMachine } from '../../support/machine-check.ts'
import { seen, statusField } from '../../support/proc.ts'
import { requires } from '../../support/requires.ts'

checkMachine()

test('C62: ptrace() attaches, tells about a stop, and takes a signal away from the traced process', async () => {
  await using tracer = await Agent.start()
  await using tracee = await (await tracer.fork()).exec('/bin/cat')
  await tracer.sys.ptrace('PTRACE_SEIZE', tracee.pid)
  assert.equal(statusField(tracee.pid, 'TracerPid'), String(tracer.pid))
  const info = memory([128])
  const p = program()
  p.kill(tracee.pid, 'SIGUSR1')
  const stop = p.waitpid(tracee.pid, ['__WALL'])
  p.ptrace('PTRACE_GETSIGINFO', tracee.pid, 0, info)
  p.ptrace('PTRACE_DETACH', tracee.pid, 0, 0)
  // In one message: between two the agent reaps what its children tell.
  const result = await tracer.run(p)
  assert.deepEqual(result.get(stop).status, { kind: 'stopped', signal: 'SIGUSR1' })
  const view = new DataView(info.bytes.slice().buffer)
  assert.deepEqual([view.getInt32(0, true), view.getInt32(16, true)], [SIGNALS.values.SIGUSR1, tracer.pid])
  assert.equal(statusField(tracee.pid, 'TracerPid'), '0')
  // SIGUSR1 would have ended it.
  tracee.stdin.end('still here')
  assert.equal(await text(tracee.stdout), 'still here')
  await assert.rejects(tracer.sys.ptrace('PTRACE_SEIZE', 4_194_303), { errno: 'ESRCH' })
})

test('C68: seccomp() installs a filter that the process and its children keep', async () => {
  await using agent = await Agent.start()
  const child = await agent.fork()
  await child.sys.prctl('PR_SET_NO_NEW_PRIVS', 1)
  const filter = new BpfProgram()
    .validateArchitecture()
    .examineSyscall()
    .jump(['BPF_JMP', 'BPF_JEQ', 'BPF_K'], constantValue('syscall', 'uname'), 0, 1)
    .ret(['SECCOMP_RET_ERRNO', 'ENETDOWN'])
    .ret('SECCOMP_RET_ALLOW')
  assert.equal(await child.sys.seccomp('SECCOMP_SET_MODE_FILTER', [], { filter: filter.instructions }), 0)
  assert.deepEqual([statusField(child.pid, 'Seccomp'), statusField(child.pid, 'Seccomp_filters')], ['2', '1'])
  await assert.rejects(child.sys.uname(), { errno: 'ENETDOWN' })
  assert.equal(await child.sys.getpid(), child.pid)
  const grandchild = await child.fork()
  await assert.rejects(grandchild.sys.uname(), { errno: 'ENETDOWN' })
  assert.equal((await agent.sys.uname()).sysname, 'Linux')
})

test('C68: seccomp() of an ordinary user is refused without no_new_privs', requires({ root: true }), async () => {
  await using agent = await Agent.start()
  const child = await agent.fork()
  await child.sys.setresuid(12_345, 12_345, 12_345)
  const filter = new BpfProgram().ret('SECCOMP_RET_ALLOW').instructions
  await assert.rejects(child.sys.seccomp('SECCOMP_SET_MODE_FILTER', [], { filter }), { errno: 'EACCES' })
  assert.equal(statusField(child.pid, 'Seccomp'), '0')
})

test('C98: waitpid() tells how a child changed: stopped, continued, ended; WNOHANG when it has not', async () => {
  await using agent = await Agent.start()
  const parent = await agent.fork()
  const child = await parent.fork()
  const nothing = await parent.sys.waitpid(child.pid, ['WNOHANG', 'WUNTRACED'])
  assert.deepEqual([nothing.pid, nothing.status], [0, null])
  child.kill('SIGSTOP')
  const stopped = await parent.sys.waitpid(child.pid, ['WUNTRACED'])
  assert.deepEqual([stopped.pid, stopped.status], [child.pid, { kind: 'stopped', signal: 'SIGSTOP' }])
  assert.equal(seen(child.pid)?.state, 'T')
  child.kill('SIGCONT')
  const continued = await parent.sys.waitpid(child.pid, ['WCONTINUED'])
  assert.deepEqual(continued.status, { kind: 'continued' })
  // In one message: between two the agent itself reaps its children.
  const p = program()
  p.kill(child.pid, 'SIGKILL')
  const ended = p.waitpid(child.pid, 0)
  const { pid, status, raw } = (await parent.run(p)).get(ended)
  assert.deepEqual(
    [pid, status, raw & 0x7f],
    [child.pid, { kind: 'signaled', signal: 'SIGKILL', coreDumped: false }, 9],
  )
  assert.equal(seen(child.pid), undefined)
  await assert.rejects(parent.sys.waitpid(child.pid, 0), { errno: 'ECHILD' })
  assert.equal(readFileSync(`/proc/${parent.pid}/task/${parent.pid}/children`, 'utf8'), '')
})
