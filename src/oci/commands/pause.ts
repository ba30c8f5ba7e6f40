import { StateError } from '../../base/errors.ts'
import type { Given } from '../command-line/definitions.ts'
import type { Context } from '../context.ts'
import { freeze } from '../cgroups/freeze.ts'

/** `pause ID`: every process of the container stands still. */
export async function run({ kernel, store }: Context, { id }: Given<'pause'>): Promise<void> {
  const record = store.load(id, { lock: true })
  const status = store.status(record)
  if (status !== 'running' && status !== 'created') {
    throw new StateError(
      `Cannot pause container ${JSON.stringify(id)}, which is ${status}: it must be running or created`,
      {
        state: status,
        wanted: 'running',
      },
    )
  }
  freeze(kernel, record.groups)
}
