import type { Given } from '../command-line/definitions.ts'
import type { Context } from '../context.ts'
import { createContainer } from '../lifecycle/create-container.ts'
import { adoptOrphans, followContainer } from '../lifecycle/follow.ts'
import { startAtOnce } from '../lifecycle/hand-over.ts'
import { holdOut } from '../lifecycle/hold-out.ts'

/** `run ID`: `create` and `start`, and unless it is detached a wait for the end. */
export async function run(context: Context, { id, options }: Given<'run'>): Promise<void> {
  const detached = options.detach === true
  const created = await createContainer(context, { ...options, id }, { gate: false, detached })
  if (!detached) {
    adoptOrphans(context.kernel)
    holdOut(context.kernel)
  }
  await startAtOnce(created)
  if (!detached) followContainer(created, { keep: options.keep === true })
}
