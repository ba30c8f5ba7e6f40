import type { Given } from '../command-line/definitions.ts'
import type { Context } from '../context.ts'
import { startContainer } from '../lifecycle/start-container.ts'

/** `start ID`: returns when the program was executed. */
export async function run(context: Context, { id }: Given<'start'>): Promise<void> {
  await startContainer(context, id)
}
