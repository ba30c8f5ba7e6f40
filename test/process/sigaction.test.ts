import assert from 'node:assert/strict'
import { test } from 'node:test'
import { auditArch, BpfProgram } from '../../src/linux/bpf-program.ts'
import { machineArch } from '../../src/linux/arch.ts'
import { syscallNumber } from '../../src/linux/syscalls.ts'
import { Agent } from '../../src/process/agent.ts'
import type { CaughtSignal } from '../../src/process/tree/caught.ts'
import { checkMachine } from '../support/machine-check.ts'
import { eventually } from '../support/eventually.ts'
import { statusField } from '../support/proc.ts'

checkMachine()

/** Has getcwd(2) trapped in a process. */
async function trapGetcwd(agent: Agent): Promise<void> {
  const filter = new BpfProgram().validateArchitecture().examineSyscall()
  filter.answer('getcwd', 'SECCOMP_RET_TRAP').ret('SECCOMP_RET_ALLOW')
  await agent.sys.prctl('PR_SET_NO_NEW_PRIVS', 1)
  await agent.sys.seccomp('SECCOMP_SET_MODE_FILTER', 0, { filter: filter.instructions })
}

const bit = (signal: number) => 1n << BigInt(signal - 1)
const mask = (pid: number, field: string) => BigInt(`0x${statusField(pid, field)}`)

test('C86: sigaction() gives what the signal did before, and the kernel knows what it does now', async () => {
  await using root = await Agent.start()
  const child = await root.fork()
  const USR1 = 10
  assert.equal(await child.sigaction('SIGUSR1', null), 'SIG_DFL')
  assert.equal(await child.sigaction('SIGUSR1', 'SIG_IGN'), 'SIG_DFL')
  assert.equal(mask(child.pid, 'SigIgn') & bit(USR1), bit(USR1))
  assert.equal(await child.sigaction('SIGUSR1', 'event'), 'SIG_IGN')
  assert.equal(mask(child.pid, 'SigIgn') & bit(USR1), 0n)
  const callback = () => {}
  assert.equal(await child.sigaction(USR1, callback), 'event')
  assert.equal(await child.sigaction('SIGUSR1', null), callback)
  assert.equal(await child.sigaction('SIGUSR1', 'SIG_DFL'), callback)
  assert.equal(await child.sigaction('SIGUSR1', null), 'SIG_DFL')
})

test('C86, A25, P19: a callback gets the signal with its sender and value, and so do the events', async () => {
  await using root = await Agent.start()
  const child = await root.fork()
  const called: CaughtSignal[] = []
  const events: string[] = []
  void (async () => {
    for await (const event of child.events()) if (event.type === 'signal') events.push(event.signal.signal)
  })()
  await child.sigaction('SIGRTMIN', (signal) => called.push(signal))
  await child.sigaction('SIGTERM', 'event')
  const sender = await root.fork()
  await sender.sys.sigqueue(child.pid, 'SIGRTMIN', { value: 42, pid: sender.pid, uid: 0 })
  await sender.sys.kill(child.pid, 'SIGTERM')
  await eventually(
    () => events.length === 2,
    () => events.join(' '),
  )
  assert.deepEqual(events.toSorted(), ['SIGRTMIN', 'SIGTERM'])
  assert.deepEqual(
    called.map(({ signal, code, pid, value }) => ({ signal, code, pid, value })),
    [{ signal: 'SIGRTMIN', code: -1, pid: sender.pid, value: 42 }],
  )
})

test('C86: an ignored signal stays ignored in the program that is executed, a watched one does not', async () => {
  await using root = await Agent.start()
  const child = await root.fork()
  await child.sigaction('SIGINT', 'SIG_IGN')
  await child.sigaction('SIGTERM', 'event')
  const sleeper = await child.exec('/bin/sleep', ['sleep', '1000'])
  assert.equal(mask(sleeper.pid, 'SigIgn'), bit(2))
  assert.equal(mask(sleeper.pid, 'SigBlk'), 0n)
  sleeper.kill('SIGINT')
  sleeper.kill('SIGTERM')
  const exit = await sleeper.exited
  assert.equal(exit.kind === 'signaled' && exit.signal, 'SIGTERM')
})

test('D-A07: what cannot be set is an error: SIGKILL and SIGSTOP', async () => {
  await using root = await Agent.start()
  const child = await root.fork()
  for (const signal of ['SIGKILL', 'SIGSTOP'] as const) {
    for (const action of ['SIG_IGN', 'SIG_DFL', 'event'] as const) {
      await assert.rejects(child.sigaction(signal, action), {
        name: 'SyscallError',
        call: 'rt_sigaction',
        errno: 'EINVAL',
      })
    }
    assert.equal(await child.sigaction(signal, null), 'SIG_DFL')
  }
  await assert.rejects(child.sigaction('SIGFOO' as 'SIGUSR1', 'event'), { name: 'InvalidInputError' })
  await assert.rejects(child.sigaction(64, 'event'), { name: 'InvalidInputError', message: /wakes agents up/ })
})

test('A71: a system call that a seccomp filter traps is an event, and an error for its caller', async () => {
  await using root = await Agent.start()
  const child = await root.fork()
  const traps: CaughtSignal[] = []
  await child.sigaction('SIGSYS', (signal) => traps.push(signal))
  await trapGetcwd(child)
  for (let i = 0; i < 20; i++) await assert.rejects(child.sys.getcwd(), { name: 'SyscallError', errno: 'ENOSYS' })
  assert.equal(await child.sys.getpid(), child.pid)
  assert.equal(traps.length, 20)
  const { signal, code, syscall, arch } = traps[0] as CaughtSignal
  assert.deepEqual(
    { signal, code, syscall, arch },
    { signal: 'SIGSYS', code: 1, syscall: syscallNumber(machineArch(), 'getcwd'), arch: auditArch() },
  )
})

test('A71: without anybody who watches SIGSYS a trapped call ends the process', async () => {
  await using root = await Agent.start()
  const child = await root.fork()
  await child.sigaction('SIGSYS', 'event')
  await trapGetcwd(child)
  await child.sigaction('SIGSYS', 'SIG_DFL')
  await assert.rejects(child.sys.getcwd(), { name: 'AgentError' })
  const exit = await child.watch()
  assert.equal(exit.kind === 'signaled' && exit.signal, 'SIGSYS')
})

test('A25: SIGSYS from another process is an event with its sender', async () => {
  await using root = await Agent.start()
  const child = await root.fork()
  const came: CaughtSignal[] = []
  await child.sigaction('SIGSYS', (signal) => came.push(signal))
  await root.sys.kill(child.pid, 'SIGSYS')
  await eventually(
    () => came.length === 1,
    () => `${came.length} came`,
  )
  assert.deepEqual([came[0]?.code, came[0]?.pid], [0, root.pid])
  assert.equal(await child.sys.getpid(), child.pid)
})

test('C86: an action that is none is refused by name, and so is a single signal where a list is wanted', async () => {
  await using root = await Agent.start()
  await assert.rejects(root.sigaction('SIGUSR1', 'evnt' as never), { name: 'InvalidInputError', message: /event/ })
  assert.throws(() => root.watchSignals('SIGUSR1' as never), { name: 'InvalidInputError', field: 'signals' })
  assert.equal(await root.sigaction('SIGUSR1', null), 'SIG_DFL')
})
