import assert from 'node:assert/strict'
import { spawnSync } from 'node:child_process'
import { join } from 'node:path'
import { test } from 'node:test'
import { ROOT } from './project-files.ts'

function build(cc: string, ...args: string[]): { readonly status: number | null; readonly stderr: string } {
  const env = { ...process.env, CC: cc }
  return spawnSync(process.execPath, [join(ROOT, 'tools/build.mjs'), '--force', ...args], { env, encoding: 'utf8' })
}

test('build.mjs without a compiler says what to install', () => {
  const result = build('/nonexistent/cc')
  assert.equal(result.status, 1)
  assert.match(result.stderr, /"\/nonexistent\/cc" does not start \(ENOENT\)/)
  assert.match(result.stderr, /apt-get install -y gcc libc6-dev linux-libc-dev/)
})

test('build.mjs refuses a compiler for another machine, and a machine without tables', () => {
  const other = process.arch === 'arm64' ? 'linux-x64' : 'linux-arm64'
  assert.match(build('cc', '--arch', other).stderr, /Set CC to a compiler for it/)
  assert.match(build('cc', '--arch', 'linux-mips').stderr, /not for "linux-mips"/)
})
