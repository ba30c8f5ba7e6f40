import { existsSync } from 'node:fs'

/** What a test needs of the machine that it runs on. */
export interface Needs {
  readonly root?: boolean
  /** Absolute path of a program */
  readonly program?: string
}

/** Options of a test that cannot run everywhere: `test('…', requires({ root: true }), …)`; the reason names what is missing. */
export function requires(needs: Needs): { readonly skip: string | false } {
  if (needs.root && process.getuid?.() !== 0) return { skip: 'needs root' }
  if (needs.program !== undefined && !existsSync(needs.program)) return { skip: `needs ${needs.program}` }
  return { skip: false }
}
