import type { ContainerRecord } from '../../oci/state/container-record.ts'
import { deleteContainer } from '../../oci/lifecycle/delete-container.ts'
import { endGroup } from '../../oci/cgroups/end-group.ts'
import { endFirst } from '../../oci/lifecycle/end-first.ts'
import { instanceOf } from '../../oci/lifecycle/record-of.ts'
import { removeDataFiles } from './data-files.ts'
import { detached } from './detach.ts'
import type { Nsinit } from './nsinit-context.ts'
import { isOfThisBoot, isOfThisNetwork, liveStatus } from './find-container.ts'
import { networkOf, parentsOf } from './nsinit-state.ts'
import { ownGroups } from './own-groups.ts'
import { removeParents } from './parent-groups.ts'

/** Which container is to be ended. */
export interface Ending {
  /** `instanceOf` it; another one that lives in the directory by now stays. Absent: whichever there is */
  readonly of?: string
  /** One that lives stays */
  readonly onlyLeft?: boolean
}

/** Ends the container of a directory, and removes all that there is of it: processes, groups, interfaces, files, the record. */
export async function endContainer(
  { context, data, id }: Pick<Nsinit, 'context' | 'id'> & Partial<Pick<Nsinit, 'data'>>,
  { of, onlyLeft = false }: Ending = {},
): Promise<void> {
  const { kernel, store, log } = context
  const found = store.find(id, { lock: true })
  if (found === undefined || (of !== undefined && !isInstance(found, of))) return
  if (onlyLeft && found !== 'incomplete' && liveStatus(context, found) !== undefined) return
  if (data) removeDataFiles(kernel, data, (text) => log.warn(text))
  // What was written ahead, when it was killed while it was being made.
  const { groups, annotations } = found === 'incomplete' ? store.leftOf(id) : found
  // Nothing else of it has outlived a boot, and its numbers belong to others.
  if (!isOfThisBoot(kernel, { annotations })) return store.remove(id)
  // Its processes first: an interface that goes under them would be an error of theirs.
  if (found !== 'incomplete') endFirst(kernel, found)
  if (isOfThisNetwork(kernel, { annotations })) await detached(context, networkOf(annotations))
  if (ownGroups(context, id, groups).length < groups.length) return store.remove(id)
  endGroup(kernel, groups)
  removeParents(context, parentsOf(annotations))
  await deleteContainer(context, id, { force: true })
}

const isInstance = (found: ContainerRecord | 'incomplete', of: string): boolean =>
  found !== 'incomplete' && instanceOf(found) === of
