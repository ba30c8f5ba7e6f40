import { freeze } from '../../oci/cgroups/freeze.ts'
import { getContainer } from '../lifecycle/find-container.ts'
import type { Nsinit } from '../lifecycle/nsinit-context.ts'

/** `pause`: every process of the container stands still; also when they do already. @throws StateError, UnsupportedError */
export async function run(nsinit: Nsinit): Promise<void> {
  const { context, id } = nsinit
  // Nobody ends or starts it meanwhile.
  context.store.find(id, { lock: true })
  freeze(context.kernel, getContainer(nsinit).record.groups)
}
