import assert from 'node:assert/strict'
import { execFileSync } from 'node:child_process'
import { mkdtempSync, readFileSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { test } from 'node:test'
import { Agent } from '../../src/process/agent.ts'
import { checkMachine } from '../support/machine-check.ts'
import { requires } from '../support/requires.ts'

checkMachine()

/** What the kernel shows of a process: its command line up to the last byte that is not NUL, and its name. */
const shown = (pid: number): readonly [string, string] => [
  readFileSync(`/proc/${pid}/cmdline`, 'utf8').replace(/\0+$/, ''),
  readFileSync(`/proc/${pid}/comm`, 'utf8').slice(0, -1),
]

test('C80: setproctitle() sets what ps shows; an empty title brings back the first', async () => {
  await using root = await Agent.start()
  const before = shown(root.pid)
  const long = `carrel: ${'worker '.repeat(25)}end`
  for (const title of ['x', 'SIGTERM', 'PR_SET_NAME', '123456789012', '1234567890123', long]) {
    assert.deepEqual(await root.setproctitle(title), { comm: title.slice(0, 15), cmdline: title })
    assert.deepEqual(shown(root.pid), [title, title.slice(0, 15)])
  }
  assert.match(execFileSync('ps', ['-o', 'args=', '-ww', '-p', String(root.pid)], { encoding: 'utf8' }), /worker end/)
  assert.deepEqual(await root.setproctitle(''), { comm: before[1], cmdline: before[0] })
  assert.deepEqual(shown(root.pid), before)
})

test('C80: a title is cut where the room ends, between characters, and the result tells what is shown', async () => {
  await using root = await Agent.start()
  const title = '€'.repeat(3000)
  const result = await root.setproctitle(title)
  assert.ok(title.startsWith(result.cmdline ?? '-') && (result.cmdline?.length ?? 0) > 80)
  assert.deepEqual(shown(root.pid), [result.cmdline, '€€€€€'])
  assert.equal(result.comm, '€€€€€')
  await assert.rejects(root.setproctitle('a\0b'), { name: 'InvalidInputError', field: 'title' })
})

test('C80: children are made with the title of their parent, and find the first one again', async () => {
  await using root = await Agent.start()
  const first = shown(root.pid)
  await root.setproctitle('parent of many')
  const child = await root.fork()
  assert.deepEqual(shown(child.pid), ['parent of many', 'parent of many'])
  await child.setproctitle('child')
  assert.deepEqual([shown(root.pid)[0], shown(child.pid)[0]], ['parent of many', 'child'])
  const grandchild = await child.fork()
  await grandchild.setproctitle('')
  assert.deepEqual([shown(child.pid)[0], shown(grandchild.pid)], ['child', first])
})

test('C80: without a /proc the name alone is set, and the result says so', requires({ root: true }), async () => {
  await using root = await Agent.start()
  const folder = mkdtempSync(join(tmpdir(), 'carrel-title-'))
  try {
    const [cmdline] = shown(root.pid)
    const child = await root.fork()
    await child.sys.chroot(folder)
    await child.sys.chdir('/')
    assert.deepEqual(await child.setproctitle('nobody sees it'), { comm: 'nobody sees it', cmdline: null })
    assert.deepEqual(shown(child.pid), [cmdline, 'nobody sees it'])
    await child.setproctitle('')
    assert.deepEqual(shown(child.pid), shown(root.pid))
  } finally {
    rmSync(folder, { recursive: true })
  }
})

test('C80: a process that has become another user can still be named', requires({ root: true }), async () => {
  await using root = await Agent.start()
  const child = await root.fork()
  await child.setUser({ uid: 12_345, gid: 12_345 })
  assert.deepEqual(await child.setproctitle('of another user'), { comm: 'of another user', cmdline: 'of another user' })
  assert.deepEqual(shown(child.pid), ['of another user', 'of another user'])
})
