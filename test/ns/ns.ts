import assert from 'node:assert/strict'
import type { SpawnSyncOptions, SpawnSyncReturns } from 'node:child_process'
import { readFileSync, rmSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { after, before } from 'node:test'
import { carrel } from '../cli/carrel.ts'
import { openFolder } from '../sandbox/build.ts'
import { REPOSITORY } from '../support/repository.ts'

/** The example scripts, as the documentation shows them. */
export const EXAMPLES = join(REPOSITORY, 'examples/ns')

/** `carrel ns` with these words, to its end. */
export const ns = (words: readonly string[], options?: SpawnSyncOptions): SpawnSyncReturns<string> =>
  carrel(['ns', ...words], options)

/** A busybox root in a folder of the test's. */
export function makeRoot(folder: string): string {
  const root = join(folder, 'root')
  const { status, stderr } = carrel(['mk-test-root', root])
  assert.equal(status, 0, stderr)
  return root
}

/** Once in a file: a folder of the test's with a busybox root, both gone after it. Where tests are skipped there is neither. */
export function useRoot(
  name: string,
  { skip }: { readonly skip: string | false },
): { readonly folder: string; readonly root: string } {
  if (skip !== false) return { folder: '', root: '' }
  const folder = openFolder(name)
  before(() => void makeRoot(folder))
  after(() => rmSync(folder, { recursive: true }))
  return { folder, root: join(folder, 'root') }
}

/** What a shell script prints as INIT of a root; it must succeed. */
export function inside(
  root: string,
  text: string,
  options: readonly string[] = [],
  ids: readonly string[] = [],
): string {
  const { status, stdout, stderr } = ns([...options, '-', root, '/bin/sh', ...ids, '--', '-c', text])
  assert.equal(status, 0, `${stdout}${stderr}`)
  return stdout
}

/** Writes an executable script, and gives its path. */
export function script(folder: string, name: string, text: string): string {
  const path = join(folder, name)
  writeFileSync(path, `#!/bin/sh\n${text}\n`, { mode: 0o755 })
  return path
}

/** A file that a script wrote, without the newline at its end. */
export const written = (folder: string, name: string): string => readFileSync(join(folder, name), 'utf8').trimEnd()

/** Values of `Name:\tvalue` lines, those of /proc/PID/status. */
export const statusOf = (text: string): Record<string, string> =>
  Object.fromEntries([...text.matchAll(/^(\w+):\s*(.*)$/gm)].map(([, name = '', value = '']) => [name, value]))
