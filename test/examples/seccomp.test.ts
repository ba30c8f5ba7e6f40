import assert from 'node:assert/strict'
import { test } from 'node:test'
import { text } from 'node:stream/consumers'
import { machineArch } from '../../src/linux/arch.ts'
import { auditArch, type BpfAnswer, BpfProgram } from '../../src/linux/bpf-program.ts'
import { memory } from '../../src/linux/memory.ts'
import { syscallNumber, type SyscallName } from '../../src/linux/syscalls.ts'
import { Agent } from '../../src/process/agent.ts'
import type { CaughtSignal } from '../../src/process/tree/caught.ts'
import { checkMachine } from '../support/machine-check.ts'
import { statusField } from '../support/proc.ts'

checkMachine()

/** What an agent needs to answer, and to be ended. */
const NEEDED: readonly SyscallName[] = [
  'read',
  'recvmsg',
  'sendmsg',
  'ppoll',
  'close',
  'rt_sigreturn',
  'rt_sigprocmask',
  'exit_group',
  'wait4',
]

const listed = (otherwise: BpfAnswer, also: readonly SyscallName[] = []): BpfProgram =>
  new BpfProgram()
    .validateArchitecture()
    .examineSyscall()
    .allow([...NEEDED, ...also])
    .ret(otherwise)

const LOADERS: Readonly<Record<string, (agent: Agent, filter: BpfProgram) => Promise<unknown>>> = {
  'seccomp(2)': (agent, filter) => agent.sys.seccomp('SECCOMP_SET_MODE_FILTER', 0, { filter: filter.instructions }),
  'prctl(2)': (agent, filter) => {
    const { length } = filter.instructions
    const fprog = memory([Uint8Array.of(length & 0xff, length >> 8), 6, memory([filter.encode()])])
    return agent.sys.prctl('PR_SET_SECCOMP', 'SECCOMP_MODE_FILTER', fprog)
  },
}

for (const [name, load] of Object.entries(LOADERS)) {
  async function confined(root: Agent, otherwise: BpfAnswer, signals: CaughtSignal[] = []): Promise<Agent> {
    const agent = await root.fork()
    await agent.sigaction('SIGSYS', (signal) => signals.push(signal))
    await agent.sys.prctl('PR_SET_NO_NEW_PRIVS', 1)
    assert.equal(statusField(agent.pid, 'Seccomp'), '0')
    await load(agent, listed(otherwise, ['getppid']))
    assert.equal(statusField(agent.pid, 'Seccomp'), '2')
    assert.equal(await agent.sys.getppid(), root.pid)
    return agent
  }

  test(`A71, E06: a call outside the list of a filter loaded by ${name} ends the process with SIGSYS`, async () => {
    await using root = await Agent.start()
    const agent = await confined(root, 'SECCOMP_RET_KILL_PROCESS')
    await assert.rejects(agent.sys.getcwd(), { name: 'AgentError' })
    await agent.close()
    const exit = await agent.exited
    assert.equal(exit.kind === 'signaled' && exit.signal, 'SIGSYS')
  })

  test(`A71, E06: a filter loaded by ${name} lets all other calls through when it says so`, async () => {
    await using root = await Agent.start()
    const agent = await confined(root, 'SECCOMP_RET_ALLOW')
    await agent.sys.chdir('/usr')
    assert.equal(await agent.sys.getcwd(), '/usr')
  })

  test(`A71, E06: a call that a filter loaded by ${name} traps is an event, and the process goes on`, async () => {
    await using root = await Agent.start()
    const signals: CaughtSignal[] = []
    const agent = await confined(root, 'SECCOMP_RET_TRAP', signals)
    const events = agent.events()
    await assert.rejects(agent.sys.getcwd(), { name: 'SyscallError', errno: 'ENOSYS' })
    const event = await events.next()
    assert(!event.done && event.value.type === 'signal')
    assert.equal(event.value.signal.signal, 'SIGSYS')
    assert.deepEqual(
      signals.map((each) => each.syscall),
      [syscallNumber(machineArch(), 'getcwd')],
    )
    // si_code SYS_SECCOMP, and the fields that siginfo has for it (sigaction(2)).
    const [{ code, syscall, arch } = assert.fail()] = signals
    assert.deepEqual([code, syscall, arch], [1, syscallNumber(machineArch(), 'getcwd'), auditArch()])
    assert.equal(await agent.sys.getppid(), root.pid)
    await assert.rejects(agent.sys.uname(), { errno: 'ENOSYS' })
    assert.equal(signals[1]?.syscall, syscallNumber(machineArch(), 'uname'))
  })
}

test('A71: a filter that is loaded by the program that ends in an exec binds what is executed and all that it starts', async () => {
  await using root = await Agent.start()
  const filter = new BpfProgram().validateArchitecture().examineSyscall()
  filter.answer(['mkdir', 'mkdirat'], ['SECCOMP_RET_ERRNO', 'EDQUOT']).ret('SECCOMP_RET_ALLOW')
  const shell = await (
    await root.fork()
  ).exec('/bin/sh', ['sh', '-c', 'mkdir /tmp/carrel-never; grep Seccomp: /proc/self/status'], {
    env: { PATH: '/usr/bin:/bin', LC_ALL: 'C' },
    prepare(p) {
      p.prctl('PR_SET_NO_NEW_PRIVS', 1)
      p.seccomp('SECCOMP_SET_MODE_FILTER', 0, { filter: filter.instructions })
    },
  })
  const [output, errors] = await Promise.all([text(shell.stdout), text(shell.stderr)])
  assert.match(errors, /Disk quota exceeded/)
  assert.match(output, /^Seccomp:\s+2$/m)
})
