import { StateError } from '../base/errors.ts'
import { POOL } from '../features/users/id-map.ts'

/** Range numbers of this process's live sandboxes: two with one range would be one user to the kernel. */
const taken = new Set<number>()

/**
 * A range number that no other sandbox of this process has: the drawn one, or the next that is free.
 * @throws StateError when all are taken
 */
export function takeRange(drawn: number): number {
  for (let i = 0; i < POOL.ranges; i++) {
    const range = (drawn + i) % POOL.ranges
    if (taken.has(range)) continue
    taken.add(range)
    return range
  }
  throw new StateError(`All ${POOL.ranges} ranges of user ids are in use: close a sandbox`, {
    state: 'full',
    wanted: 'a free range',
  })
}

/** Gives a range back. */
export const releaseRange = (range: number): void => void taken.delete(range)
