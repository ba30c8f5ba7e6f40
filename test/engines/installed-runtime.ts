import { chmodSync, mkdirSync, symlinkSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { RUNTIME } from '../support/oci.ts'

/**
 * Makes `carrel-oci` in a folder: it notes its command line and becomes the runtime under test (CARREL_OCI_RUNTIME, else ours). `runc`
 * beside it is the same, for engines that know no other name.
 */
export function installRuntime(folder: string, log: string): { readonly hidesUnified: boolean } {
  // Debian's crun refuses hosts with v1 controllers and a v2 tree beside them; the room hides the tree from it.
  const hidesUnified = RUNTIME.name === 'crun'
  const command = hidesUnified ? [RUNTIME.file] : RUNTIME.command
  mkdirSync(folder, { recursive: true })
  const path = join(folder, 'carrel-oci')
  const words = command.map((word) => `'${word}'`).join(' ')
  writeFileSync(path, `#!/bin/sh\nprintf '%s\\n' "$*" >>'${log}'\nexec ${words} "$@"\n`)
  chmodSync(path, 0o755)
  symlinkSync('carrel-oci', join(folder, 'runc'))
  writeFileSync(log, '')
  chmodSync(log, 0o666)
  return { hidesUnified }
}
