import assert from 'node:assert/strict'
import { spawnSync } from 'node:child_process'
import { writeFileSync, mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { dirname, join } from 'node:path'
import { after, test } from 'node:test'
import { CARREL } from './carrel.ts'

const folder = mkdtempSync(join(tmpdir(), 'carrel-system-'))
after(() => rmSync(folder, { recursive: true }))
const elsewhere = join(folder, 'elsewhere.mjs')
writeFileSync(elsewhere, "Object.defineProperty(process, 'platform', { value: 'darwin' })\n")

const there = (file: string, words: readonly string[]): readonly [number | null, string] => {
  const options = { encoding: 'utf8', input: '', timeout: 60_000 } as const
  const { status, stderr } = spawnSync(process.execPath, ['--import', elsewhere, file, ...words], options)
  return [status, stderr]
}

const COMMANDS = [
  ['run', '--', 'true'],
  ['ps'],
  ['doctor'],
  ['nsinit', 'exec', 'true'],
  ['ns', '-', '/', '/bin/true'],
  ['serve', '--', 'cat'],
  ['net', 'show'],
]

test('L65: on another system every command says that it is unsupported, and help is there', () => {
  for (const words of COMMANDS) {
    const [status, stderr] = there(CARREL, words)
    assert.deepEqual([words, status], [words, 125])
    assert.match(stderr, /this system is darwin/)
  }
  assert.equal(there(CARREL, ['--help'])[0], 0)
  const [status, stderr] = there(join(dirname(dirname(CARREL)), 'oci/main.js'), ['list'])
  assert.notEqual(status, 0)
  assert.match(stderr, /this system is darwin/)
})

test('L65: on another system the modules load, programs are printed, and what needs the kernel is unsupported', () => {
  const script = join(folder, 'doors.mjs')
  const dist = dirname(dirname(CARREL))
  writeFileSync(
    script,
    `import { Sandbox } from '${dist}/sandbox/index.js'
    import { Agent } from '${dist}/process/index.js'
    import { program } from '${dist}/program/index.js'
    const p = program()
    p.sethostname('desk')
    console.error(String(p))
    for (const make of [() => Sandbox.create(), () => Agent.start()]) {
      await make().then(() => console.error('made'), (error) => console.error(error.name, error.message))
    }`,
  )
  const [status, stderr] = there(script, [])
  assert.equal(status, 0)
  assert.match(stderr, /^sethostname\("desk"/m)
  assert.equal(stderr.match(/^UnsupportedError .*this system is darwin/gm)?.length, 2, stderr)
})
