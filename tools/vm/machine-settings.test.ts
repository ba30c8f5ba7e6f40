import assert from 'node:assert/strict'
import { execFileSync } from 'node:child_process'
import { test } from 'node:test'
import { renderSettings } from './machine-settings.ts'

test('renderSettings() is what a shell reads back, whatever the paths hold', () => {
  const repository = `/it's a "folder" of $HOME`
  const settings = { base: '', hierarchies: 'v2', repository, node: '/n', start: '/bin/sh x' } as const
  const script = `${renderSettings(settings)}printf '%s\\n' "$BASE" "$CGROUPS" "$REPOSITORY" "$NODE" "$START"`
  assert.equal(execFileSync('sh', ['-c', script], { encoding: 'utf8' }), `\nv2\n${repository}\n/n\n/bin/sh x\n`)
})
