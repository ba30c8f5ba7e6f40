import assert from 'node:assert/strict'
import { once } from 'node:events'
import { chmodSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { after, afterEach, test } from 'node:test'
import { groupsOf } from '../sandbox/leaks.ts'
import { start } from './carrel.ts'
import { groupFile, LiveBoxes } from './live-boxes.ts'
import { eventually } from '../support/eventually.ts'
import { descendants } from '../support/proc.ts'

// `carrel ps`: what another process sees of live sandboxes.

const boxes = new LiveBoxes('ps')
after(() => boxes.close())
afterEach(() => boxes.closeAll())

interface Listed {
  readonly id: string
  readonly status: string
  readonly pid: number
  readonly owner: { readonly pid: number; readonly life: string }
  readonly commands: readonly { readonly pid: number; readonly words: readonly string[] }[]
  readonly statistics: {
    readonly memory?: { readonly limitBytes?: number }
    readonly pids?: { readonly limit?: number }
  }
}

const list = (): readonly Listed[] =>
  (JSON.parse(boxes.succeed(['ps', '--json'])) as { sandboxes: readonly Listed[] }).sandboxes

test('carrel ps: nothing but its head without sandboxes', () => {
  assert.equal(boxes.succeed(['ps']), 'ID  STATUS  PID  AGE  MEMORY  PIDS  COMMAND\n')
  assert.equal(boxes.succeed(['ps', '--quiet']), '')
})

test('carrel ps: sandboxes of other processes, with what the kernel says of them', async () => {
  const one = await boxes.start('exec sleep 1000', ['--memory', '96M', '--pids', '17'])
  const two = await boxes.start('sleep 2000 & sleep 3000')
  for (const [box, count] of [
    [one, 1],
    [two, 2],
  ] as const) {
    await eventually(
      () => descendants(box.child.pid ?? 0).filter(({ name }) => name === 'sleep').length === count,
      () => `${box.id} does not sleep`,
    )
  }
  assert.equal(boxes.succeed(['ps', '-q']), `${one.id}\n${two.id}\n`)
  const [first, second] = list()
  assert.ok(first && second)
  assert.deepEqual([first.id, first.status, first.owner.pid], [one.id, 'running', one.child.pid])
  assert.match(readFileSync(`/proc/${first.pid}/status`, 'utf8'), /^NSpid:\t\d+\t1$/m)
  assert.deepEqual(
    first.commands.map(({ words }) => words),
    [['sleep', '1000']],
  )
  for (const { pid, words } of second.commands)
    assert.equal(readFileSync(`/proc/${pid}/cmdline`, 'utf8'), `${words.join('\0')}\0`)
  assert.deepEqual(second.commands.map(({ words }) => words.at(-1) ?? '').toSorted(), [
    '2000',
    '3000',
    'echo ready; sleep 2000 & sleep 3000',
  ])
  const kernel = Number(groupFile(one.stored, 'memory.max', 'memory.limit_in_bytes'))
  assert.deepEqual([first.statistics.memory?.limitBytes, kernel], [96 * 2 ** 20, 96 * 2 ** 20])
  assert.equal(first.statistics.pids?.limit, 17)
  const table = boxes.succeed(['ps'])
  assert.match(table, new RegExp(`^${one.id} +running +${first.pid} +\\d+s +\\S+ / 96M +2/17 +sleep 1000$`, 'm'))
  assert.match(table, new RegExp(`^${two.id} +running .* sh -c echo ready; sleep 2000 & sleep 3000$`, 'm'))
  await one.close()
  await two.close()
  assert.deepEqual(list(), [])
})

test('carrel ps: files that are no records are named and do no harm; a directory that others may write to is refused', () => {
  const file = join(boxes.directory, 'half.json')
  writeFileSync(file, '{"version":1,"id":"ha')
  const { status, stdout, stderr } = boxes.carrel(['ps'])
  assert.deepEqual([status, stdout.split('\n').length], [0, 2])
  assert.match(stderr, /^carrel: .*half\.json: .*being written/)
  const { unreadable } = JSON.parse(boxes.succeed(['ps', '--json'])) as { unreadable: { file: string }[] }
  assert.deepEqual(
    unreadable.map((each) => each.file),
    [file],
  )
  rmSync(file)
  chmodSync(boxes.directory, 0o777)
  const refused = boxes.carrel(['ps'])
  assert.deepEqual([refused.status, refused.stdout], [125, ''])
  assert.match(refused.stderr, /can be written to by others/)
  chmodSync(boxes.directory, 0o700)
})

test('carrel ps: while sandboxes come and go', async () => {
  let running = true
  const pids: number[] = []
  const coming = Array.from({ length: 2 }, async () => {
    while (running) {
      const child = start(['run', '--', 'true'], { env: boxes.env, stdio: 'ignore' })
      pids.push(child.pid ?? 0)
      assert.deepEqual(await once(child, 'exit'), [0, null])
    }
  })
  for (let i = 0; i < 5; i++) {
    const child = start(['ps', '--json'], { env: boxes.env, stdio: ['ignore', 'pipe', 'pipe'] })
    const output = { stdout: '', stderr: '' }
    child.stdout?.on('data', (chunk: Uint8Array) => (output.stdout += String(chunk)))
    child.stderr?.on('data', (chunk: Uint8Array) => (output.stderr += String(chunk)))
    assert.deepEqual(await once(child, 'close'), [0, null])
    assert.equal(output.stderr, '')
    JSON.parse(output.stdout)
  }
  running = false
  await Promise.all(coming)
  assert.ok(pids.length >= 4)
  assert.deepEqual(readdirSync(boxes.directory), [])
  assert.deepEqual(pids.flatMap(groupsOf), [])
})
