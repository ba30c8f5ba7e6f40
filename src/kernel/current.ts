import type { Kernel } from './kernel.ts'

let known: Kernel | undefined

/** The kernel, by Node; in the standalone executable, whose build puts its own function here, by quickjs.ts. */
export async function currentKernel(): Promise<Kernel> {
  known ??= (await import('./node.ts')).nodeKernel()
  return known
}
