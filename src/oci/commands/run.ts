import type { Given } from '../command-line/definitions.ts'
import type { Context } from '../context.ts'
import { createContainer } from '../lifecycle/create-container.ts'
import { followContainer } from '../lifecycle/follow.ts'
import { letGo, startAtOnce } from '../lifecycle/hand-over.ts'

/** `run ID`: `create` and `start`, and unless it is detached a wait for the end. */
export async function run(context: Context, { id, options }: Given<'run'>): Promise<void> {
  const detached = options.detach === true
  const created = await createContainer(context, { ...options, id }, { gate: false, detached })
  await startAtOnce(created)
  if (detached) letGo(created)
  else followContainer(created, { keep: options.keep === true })
}
