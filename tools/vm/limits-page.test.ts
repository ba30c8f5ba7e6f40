import assert from 'node:assert/strict'
import { test } from 'node:test'
import { format } from 'prettier'
import { compareLimits, parseEffect, renderLimits, type Effect } from './limits-page.ts'

const enforced = (limit: string, measured = 0.98): Effect => ({
  limit,
  verdict: 'enforced',
  how: 'a hog was killed',
  measured,
})
const refused = (limit: string): Effect => ({ limit, verdict: 'refused', how: 'needs `cpu` | a controller' })

const run = new Map<string, readonly Effect[]>([
  ['v1', [enforced('memory.limit', 0.97), refused('pids.limit')]],
  ['v2', [enforced('memory.limit'), enforced('pids.limit')]],
])
const page = await format(renderLimits(run, 'linux-6'), { parser: 'markdown' })

test('renderLimits() says of each limit what it is on each kind of host', () => {
  assert.match(page, /\| `memory\.limit` +\| enforced +\| +\| enforced +\| +\| +\| +\|/)
  assert.match(page, /\| `pids\.limit` +\| refused +\| +\| enforced/)
  assert.match(page, /- v1: enforced: a hog was killed \(0\.970\)/)
})

test('compareLimits() accepts other figures and words', () => {
  const again = new Map(run).set('v1', [enforced('memory.limit', 1.02), { ...refused('pids.limit'), how: 'else' }])
  assert.deepEqual(compareLimits(page, again), [])
})

test('compareLimits() names a verdict that changed, a limit that is new and one that was not tried', () => {
  const other = new Map(run).set('v1', [refused('memory.limit'), enforced('cpu.quota')])
  assert.deepEqual(compareLimits(page, other), [
    'docs/limits.md: memory.limit on v1 is enforced, the tests say refused',
    'docs/limits.md: pids.limit on v1 is refused, the tests say not tried',
    'docs/limits.md: cpu.quota on v1 is not tried, the tests say enforced',
  ])
})

test('parseEffect() takes nothing that is not whole', () => {
  assert.deepEqual(parseEffect(JSON.stringify(enforced('x'))), enforced('x'))
  for (const line of ['{}', '1', '{"limit":"x","verdict":"maybe","how":""}']) {
    assert.throws(() => parseEffect(line), /Not an effect/)
  }
})
