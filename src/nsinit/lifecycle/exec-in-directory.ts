import { StateError } from '../../base/errors.ts'
import { refuseOthersContainer } from './data-files.ts'
import { endContainer } from './end-container.ts'
import { findContainer, type LiveContainer } from './find-container.ts'
import { joinContainer } from './join-container.ts'
import type { Nsinit } from './nsinit-context.ts'
import { startContainer } from './start-container.ts'

/**
 * Executes a command in the container of a directory: as its first process, or, when it lives, as one more. This process becomes the one
 * that waits for it, so it returns only by what it throws.
 * @throws InvalidInputError, UnsupportedError, StateError, SyscallError; nothing is left then
 */
export async function execInDirectory(nsinit: Nsinit, command: readonly string[]): Promise<never> {
  for (;;) {
    const live = await findLocked(nsinit)
    if (live) await joinContainer(nsinit, live, command)
    else await startUnlessTaken(nsinit, command)
  }
}

/** Waits for whoever starts or ends it at this moment, and removes what is left of one that has ended without anybody to do that. */
async function findLocked(nsinit: Nsinit): Promise<LiveContainer | undefined> {
  const { context, data, id } = nsinit
  const found = context.store.find(id, { lock: true })
  if (found === undefined) {
    refuseOthersContainer(context.kernel, data)
    return undefined
  }
  const live = findContainer(nsinit)
  if (live) context.store.release(id)
  else await endContainer(nsinit)
  return live
}

/** Of two that start it at once, one makes its directory of state; the other finds the container and joins it. */
async function startUnlessTaken(nsinit: Nsinit, command: readonly string[]): Promise<void> {
  try {
    await startContainer(nsinit, command)
  } catch (error) {
    if (!(error instanceof StateError && error.wanted === 'absent')) throw error
  }
}
