// Shows: ptrace(2). A tracer takes a signal away from its tracee, and changes another one into a third.
import assert from 'node:assert/strict'
import { once } from 'node:events'
import { readFileSync } from 'node:fs'
import { SIGNALS, type Signal } from 'carrel/linux'
import { Agent } from 'carrel/process'

await using tracer = await Agent.start()
const tracee = await (await tracer.fork()).exec('/bin/cat')

/** Traces `cat` for as long as one signal to it takes, and has another one (or none) arrive. */
async function rewrite(sent: Signal, arrives: Signal | null): Promise<void> {
  const events = tracer.events()
  await tracer.sys.ptrace('PTRACE_SEIZE', tracee.pid)
  await tracer.sys.kill(tracee.pid, sent)
  // The tracee stops before the signal has any effect; what PTRACE_DETACH carries arrives instead.
  for await (const event of events) {
    if (event.type !== 'stopped') continue
    console.log(`stopped by ${event.signal}`)
    assert.equal(event.signal, sent)
    break
  }
  assert.match(readFileSync(`/proc/${tracee.hostPid}/status`, 'utf8'), new RegExp(`^TracerPid:\t${tracer.pid}$`, 'm'))
  await tracer.sys.ptrace('PTRACE_DETACH', tracee.pid, 0, arrives === null ? 0 : SIGNALS.values[arrives])
}

await rewrite('SIGTERM', null)
tracee.stdin.write('still here\n')
const [answer] = (await once(tracee.stdout, 'data')) as [Buffer]
console.log(`cat: ${answer.toString().trim()}`)
assert.equal(answer.toString(), 'still here\n')

await rewrite('SIGTERM', 'SIGUSR1')
const exit = await tracee.exited
console.log(exit.kind, exit.kind === 'signaled' && exit.signal)
assert(exit.kind === 'signaled' && exit.signal === 'SIGUSR1')
