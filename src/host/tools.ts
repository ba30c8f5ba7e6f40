import type { HostSource } from './source.ts'

/**
 * Fixed places only: newuidmap is a set-uid program, and one that merely happens to stand first in the caller's PATH is not it.
 * The last two are where NixOS and Guix keep set-uid programs.
 */
const DIRECTORIES = ['/usr/bin', '/bin', '/usr/local/bin', '/run/wrappers/bin', '/run/privileged/bin']

/** Path of an executable that everybody may run, or null. */
export function findTool(source: HostSource, name: string): string | null {
  for (const directory of DIRECTORIES) {
    const mode = source.mode(`${directory}/${name}`)
    if (mode !== undefined && (mode & 0o001) !== 0) return `${directory}/${name}`
  }
  return null
}
