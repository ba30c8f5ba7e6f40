import { UnsupportedError } from '../../base/errors.ts'
import { canFreeze, thaw } from '../../oci/cgroups/freeze.ts'
import { getContainer } from '../lifecycle/find-container.ts'
import type { Nsinit } from '../lifecycle/nsinit-context.ts'

/** `unpause`: they run again; also when they do already. @throws StateError, UnsupportedError */
export async function run(nsinit: Nsinit): Promise<void> {
  const { context, id } = nsinit
  context.store.find(id, { lock: true })
  const { groups } = getContainer(nsinit).record
  if (!canFreeze(context.kernel, groups)) {
    throw new UnsupportedError('Nothing here can have frozen this container', {
      fact: 'freezer',
      remedy: 'use cgroup v2 of Linux 5.2 or later, or start the container where there is a freezer hierarchy',
    })
  }
  thaw(context.kernel, groups)
}
