import assert from 'node:assert/strict'
import { chownSync, mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { test } from 'node:test'
import { ORDINARY_USER, startScript } from './node-script.ts'
import { requires } from './requires.ts'

/** One test per file of test/process, by its name without ending: it passes when an ordinary user runs it too. */
export function holdForOrdinaryUser(files: readonly string[]): void {
  for (const file of files) {
    test(`A20: ${file}.test.ts holds for an ordinary user`, requires({ root: true }), () => holds(file))
  }
}

async function holds(file: string): Promise<void> {
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
}
