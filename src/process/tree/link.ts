import { AgentError } from '../../base/errors.ts'
import { type Exit, shellCode } from './exit.ts'
import { signalNumber } from '../../linux/signal.ts'
import { checkController } from '../check-options.ts'
import type { Child } from './child.ts'

/**
 * Ties a process and a controller to each other: when the controller is aborted the process is ended; when the process dies without
 * having been asked to, the controller is aborted with an AgentError that says how. Exit status 0 is no death, and neither is the
 * effect of a signal that was sent through a handle, of close() or of exit(). A process that may not be ended, or was let go, stays:
 * who aborts a controller cannot be told.
 * @throws InvalidInputError
 */
export function link(child: Child, controller: AbortController, end: () => unknown): void {
  checkController(controller, 'linked')
  const { signal } = controller
  const onAbort = () => void quietly(end)
  if (signal.aborted) return onAbort()
  const untie = () => signal.removeEventListener('abort', onAbort)
  signal.addEventListener('abort', onAbort, { once: true })
  child.told.then((exit) => {
    untie()
    if (!child.asked && !isGood(exit)) controller.abort(new AgentError(`Process ${child.pid} ${described(exit)}`))
  }, untie)
}

async function quietly(end: () => unknown): Promise<void> {
  try {
    await end()
  } catch {
    // An event listener has nobody to throw to: it would be the end of Node.
  }
}

const isGood = (exit: Exit): boolean => shellCode(exit, signalNumber) === 0

const described = (exit: Exit): string =>
  exit.kind === 'exited' ? `exited with status ${exit.code}` : `was killed by ${exit.signal}`
