// Shows: filters for system calls, written by hand, loaded by seccomp(2) and by prctl(2): a call outside the list kills, or is let
// through all the same, or is trapped and told as an event.
import assert from 'node:assert/strict'
import { type BpfAnswer, BpfProgram, machineArch, memory, syscallName, syscallNumber } from 'carrel/linux'
import { Agent, type CaughtSignal } from 'carrel/process'

/** What an agent needs to go on living, and one call to show that the list lets calls through. */
const ALLOWED = [
  ...(['read', 'write', 'recvmsg', 'sendmsg', 'ppoll', 'rt_sigprocmask', 'rt_sigreturn', 'close', 'wait4'] as const),
  ...(['exit_group', 'getppid'] as const),
]
const filterWith = (otherwise: BpfAnswer) =>
  new BpfProgram().validateArchitecture().examineSyscall().allow(ALLOWED).ret(otherwise)

const bySeccomp = (agent: Agent, filter: BpfProgram) =>
  agent.sys.seccomp('SECCOMP_SET_MODE_FILTER', 0, { filter: filter.instructions })
// prctl(2) takes the same struct sock_fprog by its address: the number of instructions, and a pointer to them.
const byPrctl = (agent: Agent, filter: BpfProgram) => {
  const { length } = filter.instructions
  const fprog = memory([Uint8Array.of(length & 0xff, length >> 8), 6, memory([filter.encode()])])
  return agent.sys.prctl('PR_SET_SECCOMP', 'SECCOMP_MODE_FILTER', fprog)
}

console.log(String(filterWith('SECCOMP_RET_TRAP')))
await using root = await Agent.start()
for (const load of [bySeccomp, byPrctl]) {
  const signals: CaughtSignal[] = []
  const confined = async (otherwise: BpfAnswer): Promise<Agent> => {
    const agent = await root.fork()
    await agent.sigaction('SIGSYS', (signal) => signals.push(signal))
    // Without it an ordinary user could have set-uid programs run under a filter (seccomp(2)).
    await agent.sys.prctl('PR_SET_NO_NEW_PRIVS', 1)
    await load(agent, filterWith(otherwise))
    assert.equal(await agent.sys.getppid(), root.pid)
    return agent
  }

  const allowing = await confined('SECCOMP_RET_ALLOW')
  assert.equal((await allowing.sys.uname()).sysname, 'Linux')

  const killed = await confined('SECCOMP_RET_KILL_PROCESS')
  await assert.rejects(killed.sys.uname(), { name: 'AgentError' })
  await killed.close()
  const exit = await killed.exited
  console.log('kill:', exit.kind, exit.kind === 'signaled' && exit.signal)
  assert(exit.kind === 'signaled' && exit.signal === 'SIGSYS')

  const trapped = await confined('SECCOMP_RET_TRAP')
  await assert.rejects(trapped.sys.uname(), { name: 'SyscallError', errno: 'ENOSYS' })
  const [{ signal, syscall } = assert.fail('no event came')] = signals
  console.log('trap:', signal, 'for', syscallName(machineArch(), syscall))
  assert.deepEqual([signal, syscall], ['SIGSYS', syscallNumber(machineArch(), 'uname')])
}
