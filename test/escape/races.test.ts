import assert from 'node:assert/strict'
import { type ChildProcess, spawn } from 'node:child_process'
import { once } from 'node:events'
import { existsSync, mkdirSync, symlinkSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { text } from 'node:stream/consumers'
import { test } from 'node:test'
import { cProgram } from '../support/c-program.ts'
import { bundle, type Changes, oci, scratch, stateRoot, undoAfterTest, uniqueName, useOci } from '../support/oci.ts'
import { usualMounts } from '../support/oci-bundle.ts'
import { Outside } from './outside.ts'

useOci()

/** Starts for each of the four ways to lose a race: a thousand in all by `npm run test:escape`, fewer beside all other tests. */
const STARTS = Number(process.env['CARREL_RACE_STARTS'] ?? 60)
const LIMIT_MS = 60_000

/**
 * CVE-2019-19921, CVE-2021-30465, CVE-2024-45310, CVE-2025-52565: while containers start, a program that has the same volume
 * exchanges a folder in it for a link to the host without a pause (renameat2(2), RENAME_EXCHANGE).
 */
async function race(changesOf: (volume: string) => Changes, fill: (folder: string) => void): Promise<void> {
  const outside = new Outside()
  const volume = scratch('volume')
  mkdirSync(join(volume, 'folder'), { recursive: true })
  fill(join(volume, 'folder'))
  symlinkSync(outside.path, join(volume, 'link'))
  const attacker = exchange(join(volume, 'folder'), join(volume, 'link'))
  const { succeeded, failed } = start(changesOf(volume))
  outside.assertUntouched(`after ${succeeded} starts and ${failed} failures`)
  attacker.kill('SIGKILL')
  await once(attacker, 'exit')
  assert.equal(succeeded + failed, STARTS)
  assert.ok(succeeded > 0, 'no container started, so nothing was raced for')
}

function exchange(a: string, b: string): ChildProcess {
  const child = spawn(cProgram('test/escape/attacker.c'), ['exchange', a, b, String(LIMIT_MS)], { stdio: 'ignore' })
  undoAfterTest(() => void child.kill('SIGKILL'))
  return child
}

function start(changes: Changes): { succeeded: number; failed: number } {
  // As little as possible beside what is raced for: starts are what counts.
  const namespaces = ['pid', 'mount'].map((type) => ({ type }))
  const { linux } = changes as { readonly linux?: Changes }
  const made = bundle({
    ...changes,
    hostname: undefined,
    process: { args: ['/bin/true'] },
    linux: { maskedPaths: [], readonlyPaths: [], ...linux, namespaces },
  })
  let succeeded = 0
  for (let at = 0; at < STARTS; at++) {
    const id = uniqueName()
    const outcome = oci(['run', '--bundle', made.path, id], { timeoutMs: 15_000 })
    assert.notEqual(outcome.status, null, 'a start is stuck')
    if (outcome.status === 0) succeeded++
    // What a runtime may leave of a failed start is its own affair, not that of this test.
    else if (existsSync(join(stateRoot(), id))) oci(['delete', '--force', id])
  }
  return { succeeded, failed: STARTS - succeeded }
}

const volumeAt = (volume: string, ...more: readonly Changes[]): Changes => ({
  mounts: [...usualMounts().slice(0, 2), { destination: '/volume', source: volume, options: ['rbind', 'rw'] }, ...more],
})

test('the folders of a mount below an exchanged one are never made on the host', () =>
  race(
    (volume) => volumeAt(volume, { destination: '/volume/folder/new/target', type: 'tmpfs', source: 'tmpfs' }),
    () => {},
  ))

test('the file of a mount below an exchanged one is never made on the host', () => {
  const source = scratch('file')
  writeFileSync(source, 'x')
  const mount = { destination: '/volume/folder/made', source, options: ['bind'] }
  return race(
    (volume) => volumeAt(volume, mount),
    () => {},
  )
})

test('devices and cwd below an exchanged folder are never made on the host', () => {
  const devices = [{ path: '/volume/folder/device', type: 'c', major: 1, minor: 3, fileMode: 0o666 }]
  return race(
    (volume) => ({ ...volumeAt(volume), linux: { devices } }),
    () => {},
  )
})

test('masked, read-only and copied paths below an exchanged folder touch nothing on the host', () => {
  const copied = { destination: '/volume/folder/folder', type: 'tmpfs', source: 'tmpfs', options: ['tmpcopyup'] }
  const linux = { maskedPaths: ['/volume/folder/secret'], readonlyPaths: ['/volume/folder/folder'] }
  return race(
    (volume) => ({ ...volumeAt(volume, copied), linux }),
    (folder) => {
      mkdirSync(join(folder, 'folder'))
      writeFileSync(join(folder, 'secret'), 'own')
    },
  )
})

test('the exchange goes on without a pause', async () => {
  const folder = scratch('exchanged')
  mkdirSync(join(folder, 'a'), { recursive: true })
  symlinkSync('/', join(folder, 'b'))
  const child = spawn(cProgram('test/escape/attacker.c'), ['exchange', join(folder, 'a'), join(folder, 'b'), '200'])
  const [count] = await Promise.all([text(child.stdout), once(child, 'exit')])
  assert.ok(Number(count) > 1000, count)
})
