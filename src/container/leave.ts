import { CarrelError, SyscallError } from '../base/errors.ts'
import type { SandboxPlan } from '../plan/plan-sandbox.ts'
import type { Agent } from '../process/agent.ts'

/** Removes what the sandbox leaves behind on the host; what fails is attached to the error that led here, or thrown. */
export async function leave(root: Agent, plan: SandboxPlan, key: number, because?: unknown): Promise<void> {
  if (!plan.leave) return
  try {
    await removeGroups(root, plan.leave)
    root.onEnd(key, null)
  } catch (error) {
    if (because instanceof CarrelError) because.cleanup.push(error)
    else if (!because) throw error
  }
}

/** How often and how long removing is tried: the kernel lets go of a group a moment after its last process was reaped. */
const TRIES = 100

async function removeGroups(root: Agent, program: NonNullable<SandboxPlan['leave']>): Promise<void> {
  for (let attempt = 1; ; attempt++) {
    const result = await root.attempt(program)
    if (!result.failure) return
    if (result.failure.errno !== 'EBUSY' || attempt === TRIES) throw new SyscallError(result.failure)
    await new Promise((resolve) => setTimeout(resolve, Math.min(attempt, 20)))
  }
}
