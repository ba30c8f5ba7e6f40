import type { Given } from '../command-line/definitions.ts'
import type { Context } from '../context.ts'
import { createContainer } from '../lifecycle/create-container.ts'
import { leaveAtGate } from '../lifecycle/hand-over.ts'

/** `create ID`: when it returns, the container waits for `start` and no process of the runtime is left. */
export async function run(context: Context, { id, options }: Given<'create'>): Promise<void> {
  const created = await createContainer(context, { ...options, id }, { gate: true, detached: true })
  await leaveAtGate(created)
}
