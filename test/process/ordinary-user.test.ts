import assert from 'node:assert/strict'
import { chownSync, mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { test } from 'node:test'
import { ORDINARY_USER, startScript } from '../support/node-script.ts'
import { requires } from '../support/requires.ts'

/** The files whose promises hold without privileges; a test that needs root says so itself. */
const FILES = [
  'agent',
  'errors',
  'waiting',
  'exec',
  'terminal',
  'events',
  'protocol-abuse',
  'lifetime',
  'lifetimes',
  'filter',
  'reexec',
  'options',
  'handles',
  'sigaction',
  'environment',
  'directory',
  'title',
  'user',
  'identity',
  'task',
  'commands',
  'messages',
  'credit',
  'stdio',
  'writers',
  'stress',
  'stress-reexec',
  'tree',
]

for (const file of FILES) {
  test(`A20: ${file}.test.ts holds for an ordinary user`, requires({ root: true }), async () => {
    // What the user's tests and tsx leave goes with it.
    const folder = mkdtempSync(join(tmpdir(), 'carrel-ordinary-'))
    chownSync(folder, ORDINARY_USER, ORDINARY_USER)
    const script = startScript(`test/process/${file}.test.ts`, { ordinary: true, env: { TMPDIR: folder } })
    try {
      const { code, stdout, stderr } = await script.ended
      const [passed = 0] = [...stdout.matchAll(/^# pass (\d+)$/gm)].map((match) => Number(match[1]))
      assert.equal(code, 0, `${stdout}${stderr}`)
      assert.ok(passed > 0, stdout)
    } finally {
      script.child.kill('SIGKILL')
      rmSync(folder, { recursive: true, force: true })
    }
  })
}
