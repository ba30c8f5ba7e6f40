import { AgentError } from '../../base/errors.ts'
import { type Exit, shellCode } from './exit.ts'
import { signalNumber } from '../../linux/signal.ts'
import type { Child } from './child.ts'

/**
 * Ties a process and a controller to each other: when the controller is aborted the process is ended; when the process dies without
 * having been asked to, the controller is aborted with an AgentError that says how. Exit status 0 is no death, and neither is the
 * effect of a signal that was sent through a handle, of close() or of exit().
 */
export function link(child: Child, controller: AbortController, end: () => unknown): void {
  if (controller.signal.aborted) {
    end()
    return
  }
  controller.signal.addEventListener('abort', end, { once: true })
  void child.exited.then((exit) => {
    controller.signal.removeEventListener('abort', end)
    if (!child.asked && !isGood(exit)) controller.abort(new AgentError(`Process ${child.pid} ${described(exit)}`))
  })
}

const isGood = (exit: Exit): boolean => shellCode(exit, signalNumber) === 0

const described = (exit: Exit): string =>
  exit.kind === 'exited' ? `exited with status ${exit.code}` : `was killed by ${exit.signal}`
