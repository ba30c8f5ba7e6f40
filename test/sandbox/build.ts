import assert from 'node:assert/strict'
import { spawnSync } from 'node:child_process'
import { chmodSync, mkdtempSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'

/** A folder for one test file, which everybody may look into: an ordinary user and a sandbox's user do. */
export function openFolder(name: string): string {
  const folder = mkdtempSync(join(tmpdir(), `carrel-${name}-`))
  chmodSync(folder, 0o755)
  return folder
}

/** Compiles a C file of this folder into a static program in `folder`; returns its path. */
export function compile(source: string, folder: string): string {
  const program = join(folder, source.replace(/\.c$/, ''))
  const flags = ['-static', '-O1', '-Wall', '-Wextra', '-Werror']
  const { status, stderr } = spawnSync('cc', [...flags, '-o', program, join(import.meta.dirname, source)], {
    encoding: 'utf8',
  })
  assert.equal(status, 0, stderr)
  return program
}
