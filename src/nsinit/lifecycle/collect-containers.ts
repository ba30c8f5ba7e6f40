import { StateError, UnsupportedError } from '../../base/errors.ts'
import { close } from '../../kernel/descriptors.ts'
import type { ContainerRecord } from '../../oci/state/container-record.ts'
import { everyProcessOf } from '../../oci/cgroups/processes.ts'
import { exists } from '../../oci/cgroups/group-spot.ts'
import type { Context } from '../../oci/context.ts'
import { findDataDirectory, isContainerId } from './data-directory.ts'
import { needsDetach } from './detach.ts'
import { endContainer } from './end-container.ts'
import { isOfThisBoot, isOfThisNetwork, liveStatus } from './find-container.ts'
import { ANNOTATIONS, networkOf, parentsOf } from './nsinit-state.ts'
import { ownGroups } from './own-groups.ts'

/** A container of this user's that lives no more, with what nobody has removed of it. */
export interface LeftContainer {
  readonly id: string
  /** Its data directory when it was started; null when it was killed before it said so */
  readonly directory: string | null
  /** Directory of its state */
  readonly record: string
  readonly groups: readonly string[]
  /** Levels above, removed when they are empty */
  readonly shared: readonly string[]
  /** Processes in its groups, which are ended */
  readonly pids: readonly number[]
  /** Bridges that it asked for, removed when they were made for containers and have no port */
  readonly bridges: readonly string[]
}

/** What was found, and what became of it. */
export interface Collected {
  /** Gone now; with `dryRun` what would be */
  readonly removed: readonly LeftContainer[]
  readonly failed: readonly { readonly leftover: LeftContainer; readonly error: Error }[]
  /** States that are left alone though they belong to no container that is known to live, with the reason */
  readonly kept: readonly { readonly path: string; readonly reason: string }[]
}

/**
 * Removes what containers of this user's left whose nsinit was killed. One that lives, that somebody works on at this moment, or of which
 * this process cannot know is never touched.
 */
export async function collectContainers(
  context: Context,
  { dryRun }: { readonly dryRun: boolean },
): Promise<Collected> {
  const removed: LeftContainer[] = []
  const failed: { leftover: LeftContainer; error: Error }[] = []
  const { found, kept } = findLeft(context)
  for (const leftover of found) {
    try {
      if (!dryRun) await remove(context, leftover)
      removed.push(leftover)
    } catch (error) {
      failed.push({ leftover, error: error as Error })
    }
  }
  return { removed, failed, kept }
}

function findLeft(context: Context): { readonly found: readonly LeftContainer[]; readonly kept: Collected['kept'] } {
  const { store } = context
  const found: LeftContainer[] = []
  const kept: { path: string; reason: string }[] = []
  for (const id of idsOf(store, kept)) {
    try {
      const left = leftOf(context, id)
      if (left) found.push(left)
    } catch (error) {
      kept.push({ path: store.directory(id), reason: (error as Error).message })
    }
  }
  return { found, kept }
}

/** None of a store that cannot be believed, which is said. */
function idsOf(store: Context['store'], kept: { path: string; reason: string }[]): readonly string[] {
  try {
    const { records, unreadable } = store.list()
    return [...records, ...unreadable].map(({ id }) => id).filter(isContainerId)
  } catch (error) {
    if (!(error instanceof UnsupportedError)) throw error
    kept.push({ path: store.root, reason: error.message })
    return []
  }
}

/** Undefined for one that lives, that is being made or removed, or that is gone. @throws for a record that cannot be believed */
function leftOf(context: Context, id: string): LeftContainer | undefined {
  const { store } = context
  if (store.isLocked(id)) return undefined
  const found = store.find(id)
  if (found === undefined) return undefined
  if (found !== 'incomplete' && liveStatus(context, found) !== undefined) return undefined
  return describe(context, id, found === 'incomplete' ? store.leftOf(id) : found)
}

function describe(
  context: Context,
  id: string,
  { groups, annotations }: Pick<ContainerRecord, 'groups' | 'annotations'>,
): LeftContainer {
  const { kernel, store } = context
  const directory = annotations[ANNOTATIONS.data] ?? null
  const nothing = { id, directory, record: store.directory(id), groups: [], shared: [], pids: [], bridges: [] }
  // Nothing but the files has outlived a boot.
  if (!isOfThisBoot(kernel, { annotations })) return nothing
  const network = networkOf(annotations)
  if (needsDetach(network) && !isOfThisNetwork(kernel, { annotations })) throw elsewhere(annotations)
  const there = ownGroups(context, id, groups).filter((place) => exists(kernel, place.directory))
  return {
    ...nothing,
    groups: there.map((place) => place.directory),
    shared: parentsOf(annotations).filter((level) => exists(kernel, level)),
    pids: everyProcessOf(kernel, there),
    bridges: network.bridges ?? [],
  }
}

/** Of another host's network: a bridge of the same name here is another one. */
function elsewhere(annotations: ContainerRecord['annotations']): StateError {
  const { [ANNOTATIONS.data]: data, [ANNOTATIONS.netns]: theirs } = annotations
  return new StateError(
    `The container of ${data} was started in another network namespace (${theirs}), where its bridges are: run carrel gc there`,
    { state: 'elsewhere', wanted: 'of this network namespace' },
  )
}

async function remove(context: Context, { id, directory }: LeftContainer): Promise<void> {
  const { kernel, store } = context
  const data = directory === null ? undefined : findDataDirectory(kernel, id, directory)
  try {
    await endContainer({ context, id, ...(data ? { data } : {}) }, { onlyLeft: true })
  } finally {
    store.release(id)
    if (data) close(kernel, data.fd)
  }
}
