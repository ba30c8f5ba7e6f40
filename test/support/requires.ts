import { existsSync } from 'node:fs'
import { hierarchyOf } from './hierarchies.ts'

/** What a test needs of the machine that it runs on. */
export interface Needs {
  readonly root?: boolean
  /** Absolute path of a program */
  readonly program?: string
  /** Mounted cgroup hierarchies: names of v1 controllers, or `v2` */
  readonly hierarchies?: readonly string[]
}

/** Options of a test that cannot run everywhere: `test('…', requires({ root: true }), …)`; the reason names what is missing. */
export function requires(needs: Needs): { readonly skip: string | false } {
  if (needs.root && process.getuid?.() !== 0) return { skip: 'needs root' }
  if (needs.program !== undefined && !existsSync(needs.program)) return { skip: `needs ${needs.program}` }
  const missing = needs.hierarchies?.find((name) => hierarchyOf(name) === undefined)
  if (missing !== undefined) return { skip: `needs a cgroup hierarchy: ${missing}` }
  return { skip: false }
}
