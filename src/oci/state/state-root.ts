import { attempt } from '../../kernel/call.ts'
import { workingDirectory } from '../../kernel/directories.ts'
import { readText } from '../../kernel/files.ts'
import type { Kernel } from '../../kernel/kernel.ts'

/** Absolute path of the directory of states: `given` by --root, or the user's own of a program, which a restart of the machine empties. */
export function stateRoot(kernel: Kernel, given: string | undefined, name = 'carrel-oci'): string {
  if (given !== undefined && given !== '') return given.startsWith('/') ? given : `${workingDirectory(kernel)}/${given}`
  const user = attempt(kernel, 'geteuid')
  const session = kernel.env['XDG_RUNTIME_DIR']
  const hasSession = session !== undefined && session.startsWith('/')
  // A login of root has a session too; what it makes must be found by services, which have none.
  if (user === 0 && !(hasSession && isOtherNamespace(kernel))) return `/run/${name}`
  // /tmp is sticky: what was made there by one user cannot be replaced by another.
  return hasSession ? `${session}/${name}` : `/tmp/${name}-${user}`
}

/** In a user namespace "root" is an ordinary user, as podman without privileges makes it. */
const isOtherNamespace = (kernel: Kernel): boolean =>
  !/^\s*0\s+0\s+4294967295\s*$/.test(readText(kernel, '/proc/self/uid_map') ?? '')
