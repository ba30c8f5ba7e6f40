import assert from 'node:assert/strict'
import { test } from 'node:test'
import { stripVTControlCharacters } from 'node:util'
import stringWidth from 'string-width'
import { bar, sparkline } from './graphs.ts'
import { painter } from './paint.ts'
import { printable, showAge, showBytes, showPercent } from './show-units.ts'
import { type Order, type Sample, sortedRows, type StatsRow, statsRow } from './stats-rows.ts'
import { type Screen, statsBlock, statsScreen } from './stats-view.ts'

const G = 2 ** 30
const plain = painter(false)

const sample = (atMs: number, usageUs: number, more: Partial<Sample['statistics']> = {}): Sample => ({
  id: 'a',
  status: 'running',
  atMs,
  statistics: {
    cpu: { usageUs, periods: atMs / 100, throttledPeriods: atMs / 200 },
    memory: { currentBytes: G / 2, limitBytes: G, oomKills: 0 },
    pids: { current: 3, limit: 5 },
    io: { devices: [{ major: 8, minor: 0, readBytes: atMs * 1000, writeBytes: 0 }] },
    ...more,
  },
})

test('showBytes(), showPercent(), showAge(): short, and never with a unit too many', () => {
  const bytes = [0, 1023, 1024, 1536, 10 * 1024, 1023.6 * 1024, 512 * 2 ** 20, G, 2 ** 44, 2 ** 60]
  assert.deepEqual(bytes.map(showBytes), [
    ...['0B', '1023B', '1.0K', '1.5K', '10K', '1.0M', '512M', '1.0G', '16T', '1024P'],
  ])
  assert.deepEqual([0, 9.94, 99.94, 99.96, 400].map(showPercent), ['0.0', '9.9', '99.9', '100', '400'])
  assert.deepEqual([0, 59_999, 60_000, 3_725_000, 90_000_000].map(showAge), ['0s', '59s', '1m 0s', '1h 2m', '1d 1h'])
})

test('bar() and sparkline() have as many cells as asked for, whatever the value', () => {
  assert.deepEqual(
    [0, 0.001, 0.5, 0.99, 1, 7].map((ratio) => bar(ratio, 4)),
    ['░░░░', '▏░░░', '██░░', '███▉', '████', '████'],
  )
  assert.equal(sparkline([0, 50, 100, 300], 6, 100), '  ▁▅██')
  assert.equal(sparkline([1, 2, 3], 2, 3).length, 2)
})

test('L59: statsRow() gives CPU in per cent of one CPU, rates by the second, throttled periods in per cent', () => {
  const row = statsRow(sample(1000, 0), sample(1200, 300_000))
  assert.equal(row.cpuPercent, 150)
  assert.equal(row.readRate, 1_000_000)
  assert.equal(row.writeRate, 0)
  assert.equal(row.throttledPercent, 50)
  assert.deepEqual([row.memoryBytes, row.memoryLimitBytes, row.pids, row.pidsLimit], [G / 2, G, 3, 5])
})

test('statsRow() leaves out what cannot be known: without an earlier sample, without counters', () => {
  const first = statsRow(undefined, sample(1000, 5))
  assert.deepEqual([first.cpuPercent, first.readRate, first.throttledPercent], [undefined, undefined, undefined])
  assert.equal(first.cpuUs, 5)
  const bare: Sample = { id: 'b', status: 'unknown', atMs: 1, statistics: {} }
  assert.deepEqual(statsRow(bare, { ...bare, atMs: 2 }), { id: 'b', status: 'unknown' })
  assert.equal(statsRow(sample(1000, 500), sample(1100, 100)).cpuPercent, 0, 'a counter that went back')
})

const row = (id: string, more: Partial<StatsRow> = {}): StatsRow => ({ id, status: 'running', ...more })

test('sortedRows() puts the largest first and those without a value last, names from a to z', () => {
  const rows = [
    row('b', { cpuPercent: 1, memoryBytes: 9, readRate: 1, writeRate: 1 }),
    row('c', { name: 'a', cpuPercent: 5, memoryBytes: 1, readRate: 0, writeRate: 9 }),
    row('d'),
  ]
  const ids = (order: Order): string =>
    sortedRows(rows, order)
      .map(({ id }) => id)
      .join('')
  assert.deepEqual(
    [ids('cpu'), ids('memory'), ids('io'), ids('pids'), ids('name')],
    ['cbd', 'bcd', 'cbd', 'bcd', 'cbd'],
  )
})

test('statsBlock() is a table whose columns stand below each other', () => {
  const rows = [
    statsRow(sample(1000, 0), { ...sample(1100, 99_000), name: 'web' }),
    row('carrel-2', { status: 'paused' }),
  ]
  assert.equal(
    statsBlock(rows, { paint: plain }),
    `SANDBOX   STATUS   CPU %       MEMORY              PIDS  READ/S  WRITE/S  OOM  THR %
web       running   99.0  512M / 1.0G  █████░░░░░   3/5    977K       0B    0   50.0
carrel-2  paused       -            -                 -       -        -    -      -
`,
  )
})

const screenOf = (size: { columns: number; lines: number }, more: Partial<Screen> = {}): Screen => ({
  ...size,
  paint: painter(true),
  order: 'cpu',
  held: false,
  intervalMs: 1000,
  time: new Date(2026, 10, 22, 10, 11, 12),
  history: new Map([['a', [10, 50, 100]]]),
  ...more,
})

test('statsScreen() fills every terminal exactly, and no line is wider', () => {
  const rows = Array.from({ length: 12 }, (_, i) => ({
    ...statsRow(sample(1000, 0), sample(1200, i * 20_000)),
    id: `carrel-${i}`,
    name: `名前-${i}`,
  }))
  for (const columns of [1, 10, 20, 40, 60, 80, 120, 300]) {
    for (const lines of [1, 2, 5, 8, 24, 60]) {
      const screen = statsScreen(rows, screenOf({ columns, lines }))
      assert.equal(screen.length, lines, `${columns}x${lines}`)
      for (const line of screen) assert.ok(stringWidth(line) <= columns, `${columns}x${lines}: ${line}`)
    }
  }
})

test('statsScreen() keeps what matters most where it is narrow, and shortens long names', () => {
  const rows = [
    { ...statsRow(sample(1000, 0), sample(1200, 20_000)), name: 'builder-of-a-very-long-name' },
    row('paused-1', { status: 'paused' }),
  ]
  const titles = (columns: number): string =>
    stripVTControlCharacters(statsScreen(rows, screenOf({ columns, lines: 10 }))[3] ?? '').trimEnd()
  assert.match(titles(80), /^SANDBOX +STATUS +CPU % +CPU +MEMORY +PIDS$/)
  assert.match(titles(56), /^SANDBOX +STATUS +CPU % +MEMORY +PIDS$/)
  assert.match(titles(40), /^SANDBOX +CPU % +MEMORY +PIDS$/)
  const narrow = statsScreen(rows, screenOf({ columns: 40, lines: 10 }))
  assert.match(stripVTControlCharacters(narrow[4] ?? ''), /^builder-of-… +10\.0 +512M \/ 1\.0G +3\/5$/)
  assert.ok(narrow[5]?.includes('\u001b[33mpaused-1'), 'in the colour of its status')
})

test('statsScreen() says what is sorted by, what there is no room for, and that it stands still', () => {
  const rows = Array.from({ length: 12 }, (_, i) => row(`carrel-${i}`, { cpuPercent: i }))
  const text = (more: Partial<Screen> = {}): string =>
    stripVTControlCharacters(statsScreen(rows, screenOf({ columns: 100, lines: 10 }, more)).join('\n'))
  assert.match(text(), /^carrel stats {2}12 running +every 1 s {2}10:11:12\n/)
  assert.match(text(), /\n… 8 more\n/)
  assert.match(text(), /\ncarrel-11 .*\ncarrel-10 /)
  assert.match(text(), / c cpu▼ /)
  assert.match(text({ order: 'name' }), / n name▲$/)
  assert.match(text({ held: true }), / held .*\n[^]* go on /)
  assert.match(
    stripVTControlCharacters(statsScreen([], screenOf({ columns: 80, lines: 10 })).join('\n')),
    /No sandbox runs/,
  )
})

test('what is not one’s own text moves no cursor', () => {
  assert.equal(printable('a\u001b[2J\u202eb\u009b'), 'a?[2J?b?')
  const name = 'x\u001b[2Jy'
  assert.ok(!statsBlock([row('i', { name })], { paint: plain }).includes('\u001b'))
})
