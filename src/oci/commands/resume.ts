import { StateError } from '../../base/errors.ts'
import type { Given } from '../command-line/definitions.ts'
import type { Context } from '../context.ts'
import { thaw } from '../cgroups/freeze.ts'

/** `resume ID`: what `pause` stopped goes on. */
export async function run({ kernel, store }: Context, { id }: Given<'resume'>): Promise<void> {
  const record = store.load(id, { lock: true })
  const status = store.status(record)
  if (status !== 'paused') {
    throw new StateError(`Cannot resume container ${JSON.stringify(id)}, which is ${status} and not paused`, {
      state: status,
      wanted: 'paused',
    })
  }
  thaw(kernel, record.groups)
}
