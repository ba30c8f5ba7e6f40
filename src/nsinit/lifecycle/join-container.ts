import { InvalidInputError, StateError, TimeoutError } from '../../base/errors.ts'
import { close } from '../../kernel/descriptors.ts'
import type { Kernel } from '../../kernel/kernel.ts'
import { isAlive, openPidfd } from '../../kernel/process.ts'
import { awaitEnd } from '../../oci/lifecycle/await-end.ts'
import { execInContainer, type Executed } from '../../oci/lifecycle/exec-container.ts'
import { follow } from '../../oci/lifecycle/follow.ts'
import { program } from '../../program/builder.ts'
import type { LiveContainer } from './find-container.ts'
import type { Nsinit } from './nsinit-context.ts'
import { withOwnWords } from './with-own-words.ts'

/** How long a container that was killed may take to be gone */
const DYING_MS = 200

/**
 * Adds a process to a live container and becomes the process that waits for it: as the first one in all that its configuration says.
 * @returns 'ended' when the container ended before: nothing was executed
 */
export async function joinContainer(
  { context, data, id }: Nsinit,
  { record, config, status }: LiveContainer,
  command: readonly string[],
): Promise<'ended'> {
  if (status === 'paused') {
    throw new StateError(`The container in ${data.path} is paused: carrel nsinit unpause has it run again`, {
      state: 'paused',
      wanted: 'running',
    })
  }
  const { kernel, log } = context
  const tty = config.process?.terminal === true
  let executed: Executed
  try {
    executed = await withOwnWords(undefined, () =>
      execInContainer(context, { id, command, options: { tty } }, { endsWithCaller: true }),
    )
  } catch (error) {
    if (!(error instanceof InvalidInputError) && endsSoon(kernel, record)) return 'ended'
    throw error
  }
  log.flush()
  const { pid, master } = executed
  // Nothing to clean up: a program without a step succeeds.
  return follow(kernel, { pid, ...(master === undefined ? {} : { master }), cleanup: program() })
}

/** Between the kill and the end nothing can be added to a container (ENOMEM, ESRCH), and its first process is still there. */
function endsSoon(kernel: Kernel, { pid, startTime }: LiveContainer['record']): boolean {
  const pidfd = openPidfd(kernel, pid)
  if (pidfd === undefined) return true
  try {
    if (!isAlive(kernel, pid, startTime)) return true
    awaitEnd(kernel, pidfd, pid, DYING_MS)
    return true
  } catch (error) {
    if (error instanceof TimeoutError) return false
    throw error
  } finally {
    close(kernel, pidfd)
  }
}
