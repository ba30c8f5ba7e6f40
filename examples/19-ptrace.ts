// Shows: ptrace(2). A tracer takes a signal away from its tracee, and changes another one into a third.
import assert from 'node:assert/strict'
import { once } from 'node:events'
import { readFileSync } from 'node:fs'
import { SIGNALS, type Signal } from 'carrel/linux'
import { Agent } from 'carrel/process'
import { program } from 'carrel/program'

await using tracer = await Agent.start()
const tracee = await (await tracer.fork()).exec('/bin/cat')
const tracerOf = () => /^TracerPid:\t(\d+)$/m.exec(readFileSync(`/proc/${tracee.pid}/status`, 'utf8'))?.[1]

/** Traces `cat` for as long as one signal to it takes, and has another one (or none) arrive. Gives the status of the stop. */
async function rewrite(sent: Signal, arrives: Signal | null): Promise<number> {
  const p = program()
  p.ptrace('PTRACE_SEIZE', tracee.pid)
  p.kill(tracee.pid, sent)
  // The tracee stops before the signal has any effect; what PTRACE_DETACH carries arrives instead.
  const stop = p.wait4(tracee.pid, ['__WALL'])
  p.ptrace('PTRACE_DETACH', tracee.pid, 0, arrives === null ? 0 : SIGNALS.values[arrives])
  console.log(String(p))
  // In one message: between two of them the agent would reap, and take the stop for itself.
  const result = await tracer.run(p)
  return (result.get(stop) as { status: number }).status
}

// Bits 8 to 15 of the status of a stopped process are the signal, wait(2).
const swallowed = await rewrite('SIGTERM', null)
assert.deepEqual([swallowed & 0xff, swallowed >> 8], [0x7f, SIGNALS.values.SIGTERM])
assert.equal(tracerOf(), '0')
tracee.stdin.write('still here\n')
const [answer] = (await once(tracee.stdout, 'data')) as [Buffer]
console.log(`cat: ${answer.toString().trim()}`)
assert.equal(answer.toString(), 'still here\n')

await rewrite('SIGTERM', 'SIGUSR1')
const exit = await tracee.exited
console.log(exit.kind, exit.kind === 'signaled' && exit.signal)
assert(exit.kind === 'signaled' && exit.signal === 'SIGUSR1')
