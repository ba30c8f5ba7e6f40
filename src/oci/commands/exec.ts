import type { Given } from '../command-line/definitions.ts'
import type { Context } from '../context.ts'
import { execInContainer } from '../lifecycle/exec-container.ts'
import { adoptOrphans, follow } from '../lifecycle/follow.ts'
import { program } from '../../program/builder.ts'
import { endMaker } from '../lifecycle/hand-over.ts'

/** `exec ID [COMMAND…]`: returns at once when it is detached, else ends with the status of the process. */
export async function run(context: Context, given: Given<'exec'>): Promise<void> {
  const { kernel, log } = context
  const { pid, maker, master } = await execInContainer(context, given)
  if (given.options.detach === true) return endMaker(kernel, maker)
  adoptOrphans(kernel)
  endMaker(kernel, maker)
  log.flush()
  follow(kernel, { pid, ...(master === undefined ? {} : { master }), cleanup: program() })
}
