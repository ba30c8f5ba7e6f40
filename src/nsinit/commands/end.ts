import type { Kernel } from '../../kernel/kernel.ts'
import { findDataDirectory } from '../lifecycle/data-directory.ts'
import { endContainer } from '../lifecycle/end-container.ts'
import { nsinitContext } from '../lifecycle/nsinit-context.ts'

/** What the process that waited for a container knows of it. */
export interface EndGiven {
  readonly id: string
  readonly dataPath: string
  /** `instanceOf` its record */
  readonly of: string
  readonly exitCode: number
}

/**
 * What is left to do when the container of an `exec` has ended: the process that waited for it executes this, and its caller sees the
 * exit code of the container.
 */
export async function run(kernel: Kernel, { id, dataPath, of, exitCode }: EndGiven): Promise<number> {
  const data = findDataDirectory(kernel, id, dataPath)
  await endContainer({ context: nsinitContext(kernel), id, ...(data ? { data } : {}) }, { of })
  return exitCode
}
