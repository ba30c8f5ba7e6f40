import type { Given } from '../command-line/definitions.ts'
import type { Context } from '../context.ts'
import { deleteContainer } from '../lifecycle/delete-container.ts'

/** `delete [--force] ID`; with `--exit-code N` it stands for a `run` whose container has ended with that status. */
export async function run(context: Context, { id, options }: Given<'delete'>): Promise<number> {
  await deleteContainer(context, id, { force: options.force === true, of: options.of })
  return options.exitCode ?? 0
}
