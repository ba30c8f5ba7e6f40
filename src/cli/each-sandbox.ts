import { type LiveSandbox, observeSandboxes } from '../container/live-sandbox.ts'
import { findRecord, listRecords } from '../container/records.ts'
import { StateError } from '../base/errors.ts'
import type { Agent } from '../process/agent.ts'
import { report } from './report.ts'
import { withAgent } from './with-agent.ts'

/**
 * Does the same to several sandboxes, by ids, names or beginnings of ids; one that fails is reported and does not keep the others from
 * it. Gives the exit code, that of the first failure.
 */
export async function forEachSandbox(
  which: readonly string[],
  act: (agent: Agent, sandbox: LiveSandbox) => Promise<void>,
): Promise<number> {
  return withAgent(async (agent) => {
    let code = 0
    for (const each of which) {
      try {
        await act(agent, sandboxOf(each))
      } catch (error) {
        const failed = report(error)
        code ||= failed
      }
    }
    return code
  })
}

/** Looked for anew each time: what was done to one may have ended another. */
function sandboxOf(which: string): LiveSandbox {
  const stored = findRecord(which, listRecords().records)
  const [sandbox] = observeSandboxes([stored])
  if (sandbox) return sandbox
  throw new StateError(`Sandbox ${stored.record.id} has just ended`, { state: 'dead', wanted: 'running' })
}
