import { TimeoutError } from '../../base/errors.ts'
import type { SyncAgent } from '../../kernel/agent.ts'
import { program } from '../../program/builder.ts'

/**
 * Waits for the end of an agent's child; its status as wait4(2) gives it. One that is late is killed.
 * @throws TimeoutError, AgentError when the agent is gone
 */
export function awaitChild(parent: SyncAgent, child: SyncAgent, timeoutMs?: number): number {
  const deadline = timeoutMs === undefined ? undefined : performance.now() + timeoutMs
  for (;;) {
    const left = deadline === undefined ? undefined : Math.max(0, deadline - performance.now())
    const event = parent.nextEvent(left)
    if (event?.type === 'exited' && event.pid === child.pid) return event.status
    if (event === undefined) {
      killChild(parent, child.pid ?? 0)
      throw new TimeoutError('A process did not end in time', timeoutMs ?? 0)
    }
  }
}

/** Sent by the parent, which has not reaped it: the number is still that process's. */
function killChild(parent: SyncAgent, pid: number): void {
  const p = program()
  p.tolerate('ESRCH').kill(pid, 'SIGKILL')
  parent.run(p)
}
