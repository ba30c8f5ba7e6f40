import assert from 'node:assert/strict'
import { test } from 'node:test'
import { MASKED, PROTECTED } from '../../src/features/root/proc.ts'
import { readProcPaths } from '../../src/host/proc.ts'
import { machineSource } from '../../src/host/source.ts'
import { recordedSource } from './recorded-hosts.ts'

test('readProcPaths() looks for every path that a sandbox masks or protects', () => {
  // A path that the probe forgets would stay open in every sandbox, without an error.
  const everything = recordedSource({
    files: Object.fromEntries([...MASKED, ...PROTECTED].map((name) => [`/proc/${name}`, ''])),
  })
  assert.deepEqual(
    readProcPaths(everything),
    [...MASKED, ...PROTECTED].sort().map((path) => ({ path, directory: false })),
  )
})

test('readProcPaths() finds /proc/sys of this machine as a directory', () => {
  assert.deepEqual(
    readProcPaths(machineSource).find(({ path }) => path === 'sys'),
    { path: 'sys', directory: true },
  )
})
