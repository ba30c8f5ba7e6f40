import type { Kernel } from './kernel.ts'

let known: Kernel | undefined

/** The kernel, by the means of the engine that this runs in. */
export async function currentKernel(): Promise<Kernel> {
  known ??=
    'carrelHost' in globalThis
      ? (await import('./quickjs.ts')).quickjsKernel()
      : (await import('./node.ts')).nodeKernel()
  return known
}
