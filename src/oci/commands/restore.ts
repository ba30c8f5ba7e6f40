import type { Given } from '../command-line/definitions.ts'
import type { Context } from '../context.ts'
import { endMaker } from '../lifecycle/hand-over.ts'
import { adoptOrphans, stayUntilEnd } from '../lifecycle/follow.ts'
import { restoreContainer } from '../lifecycle/restore-container.ts'

/** `restore ID`: like `run`, of processes that a checkpoint holds. */
export async function run(context: Context, { id, options }: Given<'restore'>): Promise<void> {
  const { kernel, log } = context
  const { record, maker, config } = await restoreContainer(context, id, options)
  if (options.detach === true) return endMaker(kernel, maker)
  adoptOrphans(kernel)
  endMaker(kernel, maker)
  log.flush()
  stayUntilEnd(context, { record, config, keep: options.keep === true })
}
