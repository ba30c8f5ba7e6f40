import { program } from '../../program/builder.ts'
import type { Given } from '../command-line/definitions.ts'
import type { Context } from '../context.ts'
import { execInContainer } from '../lifecycle/exec-container.ts'
import { follow } from '../lifecycle/follow.ts'

/** `exec ID [COMMAND…]`: returns at once when it is detached, else ends with the status of the process. */
export async function run(context: Context, given: Given<'exec'>): Promise<void> {
  const { kernel, log } = context
  const { pid, master } = await execInContainer(context, given)
  if (given.options.detach === true) return
  log.flush()
  // Nothing to clean up: a program without a step succeeds.
  follow(kernel, { pid, ...(master === undefined ? {} : { master }), cleanup: program() })
}
