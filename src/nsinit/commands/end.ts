import type { Kernel } from '../../kernel/kernel.ts'
import { containerId, type DataDirectory, openDataDirectory } from '../lifecycle/data-directory.ts'
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
  const data = dataOf(kernel, id, dataPath)
  await endContainer({ context: nsinitContext(kernel), id, ...(data ? { data } : {}) }, { of })
  return exitCode
}

/** Undefined when it was moved or removed meanwhile: what has its name is none of this container's. */
function dataOf(kernel: Kernel, id: string, path: string): DataDirectory | undefined {
  try {
    const data = openDataDirectory(kernel, path)
    return containerId(data) === id ? data : undefined
  } catch {
    return undefined
  }
}
