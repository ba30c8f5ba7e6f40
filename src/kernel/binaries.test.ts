import assert from 'node:assert/strict'
import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { test } from 'node:test'
import type { TestContext } from 'node:test'
import { UnsupportedError } from '../base/errors.ts'
import { findBinary } from './binaries.ts'
import type { BinaryPlaces } from './binaries.ts'

function layOut(t: TestContext, folders: readonly string[]): BinaryPlaces {
  const at = mkdtempSync(join(tmpdir(), 'carrel-binaries-'))
  t.after(() => rmSync(at, { recursive: true }))
  for (const folder of folders) {
    mkdirSync(join(at, folder), { recursive: true })
    writeFileSync(join(at, folder, 'carrel-agent'), '')
  }
  return {
    override: undefined,
    packageRoot: at,
    platform: 'linux-x64',
    findPackage: (name) => (folders.includes(name) ? join(at, name) : undefined),
  }
}

test('findBinary() prefers the build of the checkout to the installed package', (t) => {
  const places = layOut(t, ['build/linux-x64', 'carrel-linux-x64'])
  assert.equal(findBinary('carrel-agent', places), join(places.packageRoot, 'build/linux-x64/carrel-agent'))
})

test('findBinary() takes the platform package where there is no build', (t) => {
  const places = layOut(t, ['carrel-linux-x64'])
  assert.equal(findBinary('carrel-agent', places), join(places.packageRoot, 'carrel-linux-x64/carrel-agent'))
})

test('findBinary() looks only where CARREL_BINARIES says', (t) => {
  const places = layOut(t, ['build/linux-x64', 'mine'])
  const mine = join(places.packageRoot, 'mine')
  assert.equal(findBinary('carrel-agent', { ...places, override: mine }), join(mine, 'carrel-agent'))
  assert.throws(() => findBinary('carrel-agent', { ...places, override: '/nonexistent' }), /unset CARREL_BINARIES/)
})

test('findBinary() names the places and the remedy when nothing is there', (t) => {
  const places = layOut(t, [])
  assert.throws(
    () => findBinary('carrel.node', places),
    (error) =>
      error instanceof UnsupportedError &&
      error.fact === 'binary:carrel.node' &&
      error.message.includes(join(places.packageRoot, 'build/linux-x64')) &&
      error.message.includes('carrel-linux-x64') &&
      error.message.includes('npm run build'),
  )
})
