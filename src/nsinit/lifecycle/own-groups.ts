import { StateError } from '../../base/errors.ts'
import { listDirectory } from '../../kernel/directories.ts'
import type { Context } from '../../oci/context.ts'
import type { ContainerRecord } from '../../oci/state/container-record.ts'
import { isContainerId } from './data-directory.ts'
import { isElsewhere, isOfThisBoot, liveStatus } from './find-container.ts'
import { ANNOTATIONS } from './nsinit-state.ts'

type Groups = ContainerRecord['groups']
type Other = Pick<ContainerRecord, 'groups' | 'annotations'>

/**
 * Without those that a container of another directory has taken over, which lives or is being made: a group that somebody has left empty
 * is anybody's who is configured to use it.
 * @throws StateError when the group of such a container lies in one of them, and would be ended with it
 */
export function ownGroups(context: Context, id: string, groups: Groups): Groups {
  if (groups.length === 0) return groups
  const others = othersOf(context, id)
  const taken = new Set(others.flatMap((each) => each.groups.map(({ directory }) => directory)))
  const own = groups.filter(({ directory }) => !taken.has(directory))
  for (const { directory } of own) {
    const inner = others.find((each) => each.groups.some((place) => place.directory.startsWith(`${directory}/`)))
    if (inner) throw holds(directory, inner)
  }
  return own
}

function holds(directory: string, { annotations }: Other): StateError {
  const whose = annotations[ANNOTATIONS.data] ?? 'another directory'
  return new StateError(`${directory} holds the group of the container of ${whose}, which lives: end that one first`, {
    state: 'in use',
    wanted: 'a group without others in it',
  })
}

const othersOf = (context: Context, id: string): readonly Other[] =>
  (listDirectory(context.kernel, context.options.root) ?? [])
    .filter((name) => isContainerId(name) && name !== id)
    .flatMap((name) => otherOf(context, name) ?? [])

function otherOf(context: Context, id: string): Other | undefined {
  const { store } = context
  try {
    const found = store.find(id)
    if (found === 'incomplete' && store.isLocked(id)) return store.leftOf(id)
    // It may have become complete between the two looks.
    const now = found === 'incomplete' ? store.find(id) : found
    return now !== undefined && now !== 'incomplete' && mayLive(context, now) ? now : undefined
  } catch {
    // What cannot be read names no groups; `carrel gc` tells it.
    return undefined
  }
}

const mayLive = (context: Context, record: ContainerRecord): boolean =>
  isOfThisBoot(context.kernel, record) &&
  (isElsewhere(context.kernel, record) || liveStatus(context, record) !== undefined)
