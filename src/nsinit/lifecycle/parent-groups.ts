import { parseCgroupsPath } from '../../bundle/cgroups/cgroups-path.ts'
import type { Config } from '../../bundle/spec.ts'
import { SyscallError } from '../../base/errors.ts'
import { close } from '../../kernel/descriptors.ts'
import { listDirectory, makeDirectories, removeDirectory } from '../../kernel/directories.ts'
import { lockFile } from '../../kernel/files.ts'
import { exists, isWritable, nearestOf, spotIn } from '../../oci/cgroups/group-spot.ts'
import { findHierarchies } from '../../oci/cgroups/hierarchies.ts'
import type { Context } from '../../oci/context.ts'
import type { Program } from '../../program/builder.ts'
import { isOfThisBoot } from './find-container.ts'
import { isContainerId } from './data-directory.ts'
import { parentsOf } from './nsinit-state.ts'

/** Levels above the group of a container that is being made. */
export interface ParentGroups {
  /** Those that are there for its sake, or for that of a container of this store before it: the deepest first */
  readonly made: readonly string[]
  /** From here on they may be removed: the group is in them, or will not be */
  readonly release: () => void
}

const NOTHING: ParentGroups = { made: [], release: () => undefined }

/** Whoever makes groups below levels shares it, whoever removes levels has it alone: a level cannot go just before a group is made in it. */
const lockOf = ({ options }: Pick<Context, 'options'>): string => `${options.root}/.groups`

/** Says which levels will have been made for a container, and keeps others from removing them until that is done. */
export function claimParents(context: Context, id: string, { linux }: Config): ParentGroups {
  const { kernel, options } = context
  if (options.cgroupManager !== 'cgroupfs') return NOTHING
  const path = parseCgroupsPath(linux?.cgroupsPath, id)
  if (path.segments.length === 1) return NOTHING
  makeDirectories(kernel, options.root, 0o700)
  const lock = lockFile(kernel, lockOf(context), 'shared') as number
  let isHeld = true
  const release = (): void => {
    if (isHeld) close(kernel, lock)
    isHeld = false
  }
  const spots = findHierarchies(kernel).map((hierarchy) => spotIn(kernel, hierarchy, path))
  const levels = spots
    .filter((spot) => isWritable(kernel, nearestOf(kernel, spot)))
    .flatMap(({ above, known }) => above.slice(known).toReversed())
  const missing = new Set(levels.filter((directory) => !exists(kernel, directory)))
  // After that look: who has made one has written so before.
  const others = parentsOfOthers(context)
  const made = levels.filter((directory) => missing.has(directory) || others.has(directory))
  if (made.length > 0) return { made, release }
  release()
  return NOTHING
}

/** What containers of this store, also those that are being made, have written down. */
function parentsOfOthers(context: Context): ReadonlySet<string> {
  const found = new Set<string>()
  for (const id of (listDirectory(context.kernel, context.options.root) ?? []).filter(isContainerId)) {
    for (const directory of parentsWritten(context, id)) found.add(directory)
  }
  return found
}

/** What cannot be read is no reason against another container; `carrel gc` tells it. */
function parentsWritten({ kernel, store }: Context, id: string): readonly string[] {
  try {
    const { annotations } = store.leftOf(id)
    return isOfThisBoot(kernel, { annotations }) ? parentsOf(annotations) : []
  } catch {
    return []
  }
}

/** As errno: it is not empty, or somebody else's by now. */
const STAYS = ['ENOENT', 'ENOTDIR', 'EBUSY', 'ENOTEMPTY', 'EACCES', 'EPERM', 'EROFS'] as const

/** Removes those of them that are empty. @throws SyscallError */
export function removeParents(context: Context, made: readonly string[]): void {
  if (made.length === 0) return
  const { kernel } = context
  const lock = lockFile(kernel, lockOf(context), 'exclusive') as number
  try {
    for (const directory of made) removeIfEmpty(context, directory)
  } finally {
    close(kernel, lock)
  }
}

/** When there is no container after all; a failure of that is told. */
export function giveUpParents(context: Context, { made, release }: ParentGroups): void {
  release()
  try {
    removeParents(context, made)
  } catch (error) {
    context.log.warn(`Taking back levels above the group: ${(error as Error).message}`)
  }
}

function removeIfEmpty({ kernel }: Context, directory: string): void {
  try {
    removeDirectory(kernel, directory)
  } catch (error) {
    if (!(error instanceof SyscallError) || !STAYS.some((errno) => errno === error.errno)) throw error
  }
}

/** The same for a program that has removed the group; whoever finds the lock taken leaves it to the command. */
export function removeParentsSteps(p: Program, context: Context, made: readonly string[]): void {
  if (made.length === 0) return
  p.because('cgroups', 'Levels above the group that were made for it, unless others are in them')
  const lock = p.openat('AT_FDCWD', lockOf(context), ['O_RDWR', 'O_CLOEXEC'])
  p.flock(lock, ['LOCK_EX', 'LOCK_NB'])
  for (const directory of made) p.tolerate(...STAYS).unlinkat('AT_FDCWD', directory, ['AT_REMOVEDIR'])
}
