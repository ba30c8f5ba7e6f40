import type { Kernel } from './kernel.ts'

let known: Kernel | undefined

/** The kernel, by the means of the engine that this runs in: Node, or bun in the standalone executable. */
export async function currentKernel(): Promise<Kernel> {
  known ??= 'Bun' in globalThis ? (await import('./bun.ts')).bunKernel() : (await import('./node.ts')).nodeKernel()
  return known
}
