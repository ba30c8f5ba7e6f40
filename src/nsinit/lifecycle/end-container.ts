import type { ContainerRecord } from '../../oci/state/container-record.ts'
import { deleteContainer } from '../../oci/lifecycle/delete-container.ts'
import { endFirst } from '../../oci/lifecycle/end-first.ts'
import { instanceOf } from '../../oci/lifecycle/record-of.ts'
import { removeDataFiles } from './data-files.ts'
import { detached } from './detach.ts'
import type { Nsinit } from './nsinit-context.ts'
import { isOfThisBoot } from './find-container.ts'
import { stateOf } from './nsinit-state.ts'

/** Which container is to be ended. */
export interface Ending {
  /** `instanceOf` it; another one that lives in the directory by now stays. Absent: whichever there is */
  readonly of?: string
}

/** Ends the container of a directory, and removes all that there is of it: processes, groups, interfaces, files, the record. */
export async function endContainer(
  { context, data, id }: Pick<Nsinit, 'context' | 'id'> & Partial<Pick<Nsinit, 'data'>>,
  { of }: Ending = {},
): Promise<void> {
  const { kernel, store, log } = context
  const found = store.find(id, { lock: true })
  if (found === undefined || (of !== undefined && !isInstance(found, of))) return
  if (data) removeDataFiles(kernel, data, (text) => log.warn(text))
  // Nothing else of it has outlived a boot, and its numbers belong to others.
  if (found !== 'incomplete' && !isOfThisBoot(kernel, found)) return store.remove(id)
  // Its processes first: an interface that goes under them would be an error of theirs.
  if (found !== 'incomplete') {
    endFirst(kernel, found)
    await detached(context, stateOf(found).network_state)
  }
  await deleteContainer(context, id, { force: true })
}

const isInstance = (found: ContainerRecord | 'incomplete', of: string): boolean =>
  found !== 'incomplete' && instanceOf(found) === of
