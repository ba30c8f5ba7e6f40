import assert from 'node:assert/strict'
import { readFileSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { after, afterEach, test } from 'node:test'
import { eventually } from '../support/eventually.ts'
import { groupFile, LiveBoxes } from './live-boxes.ts'

// `carrel update`: other limits for a live sandbox, in the kernel's files and by what they do.

const boxes = new LiveBoxes('update')
after(() => boxes.close())
afterEach(() => boxes.closeAll())

const data = (name: string): string => join(boxes.data, name)

/** Runs what follows when `/data/NAME` is there. */
const whenTold = (name: string, script: string): string =>
  `while [ ! -e /data/${name} ]; do sleep 0.05; done; ${script}`

const written = (name: string): Promise<string> =>
  eventually(
    () => {
      try {
        return readFileSync(data(name), 'utf8').trim()
      } catch {
        return undefined
      }
    },
    () => `${name} was not written`,
    20_000,
  )

test('carrel update --pids: the kernel has the new bound at once, and a fork bomb meets it', async () => {
  // A shell that cannot fork ends.
  const bomb = '(i=0; while :; do sleep 1000 & i=$((i+1)); echo $i > /data/forks; done); exec sleep 1000'
  const box = await boxes.start(whenTold('go', bomb), ['--pids', '100'])
  assert.equal(groupFile(box.stored, 'pids.max').trim(), '100')
  assert.equal(boxes.succeed(['update', box.id, '--pids', '9']), '')
  assert.equal(groupFile(box.stored, 'pids.max').trim(), '9')
  writeFileSync(data('go'), '')
  await eventually(
    () => Number(/^max (\d+)$/m.exec(groupFile(box.stored, 'pids.events'))?.[1]) > 0,
    () => 'no fork was refused',
    20_000,
  )
  const forks = Number(readFileSync(data('forks'), 'utf8'))
  assert.ok(forks < 9, `${forks} forks under a bound of 9`)
  assert.ok(Number(groupFile(box.stored, 'pids.current')) <= 9)
  boxes.succeed(['update', box.id, '--pids', 'max'])
  assert.equal(groupFile(box.stored, 'pids.max').trim(), 'max')
  await box.close()
})

test('carrel update --memory: what outgrows the new limit is killed', async () => {
  const hog = `python3 -c "x = bytearray(96 << 20)"; echo $? > /data/code; exec sleep 1000`
  const box = await boxes.start(whenTold('grow', hog), ['--memory', '512M'])
  boxes.succeed(['update', box.id, '--memory', '48M'])
  assert.equal(Number(groupFile(box.stored, 'memory.max', 'memory.limit_in_bytes')), 48 * 2 ** 20)
  writeFileSync(data('grow'), '')
  assert.equal(await written('code'), '137')
  boxes.succeed(['update', box.id, '--memory', '768M'])
  assert.equal(Number(groupFile(box.stored, 'memory.max', 'memory.limit_in_bytes')), 768 * 2 ** 20)
  await box.close()
})

test('carrel update --resources: OCI resources from stdin, several sandboxes', async () => {
  const [one, two] = [await boxes.start('exec sleep 1000'), await boxes.start('exec sleep 1000')]
  boxes.succeed(['update', one.id, two.id, '--resources', '-'], '{"pids":{"limit":33},"memory":{"limit":67108864}}')
  for (const { stored } of [one, two]) {
    assert.equal(groupFile(stored, 'pids.max').trim(), '33')
    assert.equal(Number(groupFile(stored, 'memory.max', 'memory.limit_in_bytes')), 2 ** 26)
  }
  await one.close()
  await two.close()
})

test('carrel update: what cannot be meant or enforced is refused by name, before anything is changed', async () => {
  const box = await boxes.start('exec sleep 1000', ['--pids', '50'])
  const cases: readonly (readonly [readonly string[], RegExp])[] = [
    [[], /Update names nothing to change/],
    [['--pids', '-5'], /A whole number is wanted/],
    [['--memory', 'much', '--pids', '7'], /memory must be a whole number of bytes/],
    [['--cpu-weight', '0', '--pids', '7'], /weight/],
    [['--resources', '/missing'], /resources cannot be read from \/missing/],
  ]
  for (const [words, message] of cases) {
    const { status, stderr } = boxes.carrel(['update', box.id, ...words])
    assert.equal(status, 125, words.join(' '))
    assert.match(stderr, message)
    assert.match(stderr, /^carrel: [^\n]*\n$/)
  }
  assert.equal(groupFile(box.stored, 'pids.max').trim(), '50')
  await box.close()
  const { status, stderr } = boxes.carrel(['update', box.id, '--pids', '7'])
  assert.deepEqual([status, stderr.startsWith('carrel: There is no sandbox')], [125, true])
})
