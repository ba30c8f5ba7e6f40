import assert from 'node:assert/strict'
import { once } from 'node:events'
import { existsSync, readFileSync } from 'node:fs'
import { join } from 'node:path'
import { after, afterEach, test } from 'node:test'
import { setTimeout as sleep } from 'node:timers/promises'
import { descendants, groupsOf } from '../sandbox/leaks.ts'
import { eventually } from '../support/eventually.ts'
import { groupFile, LiveBoxes } from './live-boxes.ts'

// `carrel pause` and `carrel resume`: seen by what a sandbox writes, and by the kernel's own files.

const boxes = new LiveBoxes('pause')
after(() => boxes.close())
afterEach(() => boxes.closeAll())

const COUNTS = 'i=0; while :; do i=$((i+1)); echo $i > /data/$0.new; mv /data/$0.new /data/$0; done'
const counting = (name: string): string => COUNTS.replaceAll('$0', name)
const count = (name: string): number =>
  existsSync(join(boxes.data, name)) ? Number(readFileSync(join(boxes.data, name), 'utf8')) : 0
const statusOf = (id: string): string => {
  const { sandboxes } = JSON.parse(boxes.succeed(['ps', '--json'])) as { sandboxes: { id: string; status: string }[] }
  return sandboxes.find((each) => each.id === id)?.status ?? 'gone'
}

/** Whether a counter goes on within a time that is long for it. */
async function goesOn(name: string): Promise<boolean> {
  const before = count(name)
  for (let i = 0; i < 40; i++) {
    await sleep(25)
    if (count(name) !== before) return true
  }
  return false
}

async function continues(name: string): Promise<void> {
  const before = count(name)
  await eventually(
    () => count(name) !== before,
    () => `${name} stands still at ${before}`,
  )
}

/** By cgroup.events, or by freezer.state where v1 freezes. */
const isFrozen = (box: Parameters<typeof groupFile>[0]): boolean =>
  /^frozen 1$|^FROZEN$/m.test(groupFile(box, 'cgroup.events', 'freezer.state'))

test('L60: pause stops everything in a sandbox, resume lets it go on; doing so twice is fine', async () => {
  const box = await boxes.start(counting('a'))
  const other = await boxes.start(counting('b'))
  await eventually(
    () => count('a') > 3 && count('b') > 3,
    () => 'they do not count',
  )
  assert.equal(boxes.succeed(['pause', box.id]), '')
  assert.ok(isFrozen(box.stored))
  assert.equal(await goesOn('a'), false)
  await continues('b')
  assert.equal(statusOf(box.id), 'paused')
  boxes.succeed(['pause', box.id])
  assert.equal(await goesOn('a'), false)
  boxes.succeed(['resume', box.id])
  assert.ok(!isFrozen(box.stored))
  await continues('a')
  boxes.succeed(['resume', box.id])
  assert.equal(statusOf(box.id), 'running')
  await continues('a')
  await box.close()
  await other.close()
})

test('carrel pause: several, of which one does not exist, is ambiguous or has ended: the others are paused', async () => {
  const box = await boxes.start(counting('c'), ['--name', 'counter'])
  const gone = await boxes.start('exec sleep 1000')
  await gone.close()
  const { status, stderr } = boxes.carrel(['pause', 'countre', gone.id, 'counter'])
  assert.equal(status, 125)
  assert.match(stderr, /^carrel: There is no sandbox "countre": did you mean counter\?$/m)
  assert.match(stderr, new RegExp(`^carrel: There is no sandbox "${gone.id}"`, 'm'))
  assert.ok(isFrozen(box.stored))
  await box.close()
})

test('X03, L61: a paused sandbox whose carrel is killed is gone at once', async () => {
  const box = await boxes.start(`sleep 1000 & ${counting('d')}`)
  boxes.succeed(['pause', box.id])
  const pid = box.child.pid ?? 0
  const below = descendants(pid)
  assert.ok(below.length >= 3)
  box.child.kill('SIGKILL')
  await once(box.child, 'exit')
  const left = (): readonly number[] => below.filter((each) => isAlive(each))
  await eventually(
    () => left().length === 0 && groupsOf(pid).length === 0,
    () => `processes ${left().join(', ')}, groups ${groupsOf(pid).join(', ')}`,
  )
})

function isAlive(pid: number): boolean {
  try {
    return !/^State:\tZ/m.test(readFileSync(`/proc/${pid}/status`, 'utf8'))
  } catch {
    return false
  }
}
