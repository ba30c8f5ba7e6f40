import assert from 'node:assert/strict'
import { spawnSync } from 'node:child_process'
import { once } from 'node:events'
import { existsSync, readFileSync } from 'node:fs'
import { join } from 'node:path'
import { after, afterEach, test } from 'node:test'
import { setTimeout as sleep } from 'node:timers/promises'
import { eventually } from '../support/eventually.ts'
import { CARREL, start } from './carrel.ts'
import { type LiveBox, LiveBoxes } from './live-boxes.ts'
import { Tmux } from './tmux.ts'

// `carrel stats`: numbers against the kernel's own, and the live view in a real terminal.

const boxes = new LiveBoxes('stats')
after(() => boxes.close())
afterEach(() => boxes.closeAll())

interface Row {
  readonly id: string
  readonly status: string
  readonly cpuPercent?: number
  readonly cpuUs?: number
  readonly throttledPercent?: number
  readonly memoryBytes?: number
  readonly memoryLimitBytes?: number | null
  readonly pids?: number
  readonly pidsLimit?: number | null
  readonly oomKills?: number
}

const rowsOf = (text: string): readonly Row[] => (JSON.parse(text) as { sandboxes: readonly Row[] }).sandboxes
const BUSY = 'while :; do :; done'

test('L59: CPU of a busy loop under a quota, memory and its limit, processes, kills: as the kernel counts them', async () => {
  const busy = await boxes.start(BUSY, ['--cpus', '0.2', '--memory', '128M', '--pids', '20'])
  const idle = await boxes.start('sleep 1000 & exec sleep 1000')
  const rows = rowsOf(boxes.succeed(['stats', '--json']))
  assert.deepEqual(
    rows.map(({ id }) => id),
    [busy.id, idle.id],
    'the busiest first',
  )
  const [first, second] = rows
  assert.ok(first && second)
  const { cpuPercent = -1, throttledPercent = -1, memoryBytes = -1, cpuUs = -1 } = first
  // Two quanta of the quota may fall into one sample, and others may leave little of the machine.
  assert.ok(cpuPercent > 2 && cpuPercent < 45, `${cpuPercent} % of a CPU under a quota of 20 %`)
  assert.ok(throttledPercent > 0 && throttledPercent <= 100, `${throttledPercent} % of the periods`)
  assert.ok((second.cpuPercent ?? -1) < 2 && (second.cpuPercent ?? -1) >= 0, `${second.cpuPercent} % idle`)
  assert.deepEqual([first.memoryLimitBytes, first.pidsLimit, first.pids, first.oomKills], [128 * 2 ** 20, 20, 2, 0])
  assert.deepEqual([second.pids, second.status], [3, 'running'])
  assert.ok(memoryBytes > 0 && memoryBytes < 128 * 2 ** 20)
  const now = cpuOf(busy.stored)
  assert.ok(cpuUs > 0 && cpuUs <= now, `${cpuUs} and then ${now}`)
  const [single] = rowsOf(boxes.succeed(['stats', '--json', '--no-rates', idle.id]))
  assert.deepEqual([single?.id, single?.cpuPercent], [idle.id, undefined])
  assert.match(boxes.succeed(['stats']), new RegExp(`^${busy.id} +running +\\d+\\.\\d +\\S+ / 128M .* 2/20 `, 'm'))
  await busy.close()
  await idle.close()
})

/** CPU time that the kernel counts, `us`: in cpuacct of v1, or in the v2 group that is always there with it. */
function cpuOf({ record }: LiveBox['stored']): number {
  const acct = record.places.find(({ controllers }) => controllers.includes('cpuacct'))
  if (acct) return Number(readFileSync(join(acct.directory, 'cpuacct.usage'), 'utf8')) / 1000
  const unified = record.places.find(({ version }) => version === 2) ?? assert.fail('no group counts CPU time')
  return Number(/^usage_usec (\d+)$/m.exec(readFileSync(join(unified.directory, 'cpu.stat'), 'utf8'))?.[1])
}

test('L59: a process that was killed for want of memory is counted', async () => {
  const box = await boxes.start('python3 -c "x = bytearray(96 << 20)"; touch /data/killed; exec sleep 1000', [
    '--memory',
    '48M',
  ])
  await eventually(
    () => existsSync(join(boxes.data, 'killed')),
    () => 'the hog was not killed',
    20_000,
  )
  const [row] = rowsOf(boxes.succeed(['stats', '--json', '--no-rates']))
  assert.ok((row?.oomKills ?? 0) >= 1, JSON.stringify(row))
  await box.close()
})

test('carrel stats: a sandbox that does not exist is refused, none at all is an empty table', () => {
  const { status, stderr } = boxes.carrel(['stats', 'nothing'])
  assert.deepEqual([status, stderr.startsWith('carrel: There is no sandbox "nothing"')], [125, true])
  assert.match(boxes.succeed(['stats']), /^SANDBOX +STATUS +CPU % +MEMORY .*\n$/)
  for (const words of [
    ['--interval', '0s'],
    ['--interval', 'soon'],
    ['--sort', 'colour'],
  ]) {
    assert.equal(boxes.carrel(['stats', ...words]).status, 125, words.join(' '))
  }
})

test('carrel stats --watch --json: a line for each interval, as sandboxes come and go; it ends with its reader', async (t) => {
  const child = start(['stats', '--watch', '--json', '--interval', '100ms'], {
    env: boxes.env,
    stdio: ['ignore', 'pipe', 'pipe'],
  })
  t.after(() => child.kill('SIGKILL'))
  let errors = ''
  child.stderr?.on('data', (chunk: Buffer) => (errors += chunk.toString()))
  const lines: Row[][] = []
  let rest = ''
  const { stdout } = child
  stdout?.on('data', (chunk: Buffer) => {
    const parts = (rest + chunk.toString()).split('\n')
    rest = parts.pop() ?? ''
    for (const line of parts) lines.push([...rowsOf(line)])
  })
  const until = async (holds: () => boolean): Promise<void> => {
    for (let i = 0; i < 300 && !holds(); i++) await sleep(50)
    assert.ok(holds(), `${JSON.stringify(lines.at(-1))} ${errors}`)
  }
  await until(() => lines.length > 2)
  assert.deepEqual(lines.flat(), [])
  const box = await boxes.start(BUSY)
  await until(() => lines.at(-1)?.some(({ id, cpuPercent = 0 }) => id === box.id && cpuPercent > 5) ?? false)
  await box.close()
  await until(() => lines.at(-1)?.length === 0)
  stdout?.destroy()
  assert.deepEqual([await once(child, 'close'), errors], [[0, null], ''])
})

test('carrel stats --watch into a pipe: a block for each interval', async () => {
  const box = await boxes.start('exec sleep 1000')
  const script = `${process.execPath} ${CARREL} stats --watch --interval 100ms | head -8`
  const { stdout, stderr, status } = spawnSync('bash', ['-c', script], {
    env: boxes.env,
    encoding: 'utf8',
    timeout: 60_000,
  })
  assert.deepEqual([stderr, status], ['', 0])
  const lines = stdout.split('\n')
  assert.equal(lines.filter((line) => line.startsWith('SANDBOX ')).length, 3)
  assert.equal(lines.filter((line) => line.startsWith(`${box.id} `)).length, 3 - Number(lines.length < 9))
  await box.close()
})

test('carrel stats --watch in a terminal: rows, orders, hold, sizes; the screen is given back on every way out', async () => {
  const one = await boxes.start(BUSY, ['--name', 'busy', '--memory', '100M'])
  const two = await boxes.start('exec sleep 1000', ['--name', 'aaa-idle'])
  const env = { CARREL: `${process.execPath} ${CARREL}`, CARREL_RUNTIME_DIR: boxes.directory, TERM: 'screen-256color' }
  const tmux = Tmux.start('bash --norc --noprofile', env)
  try {
    await tmux.shows(/\$|#/)
    tmux.line("PS1='outside> '; clear; echo before; stty -a > $CARREL_RUNTIME_DIR/../before")
    await tmux.shows(/^before$/)
    tmux.line('$CARREL stats --watch --interval 200ms; echo code $?')
    const screen = await tmux.shows(/^busy +running +\d+(\.\d)? .*\/ 100M /)
    assert.match(screen, /^carrel stats {2}2 running +every 200 ms {2}\d\d:\d\d:\d\d$/m)
    assert.match(screen, /^SANDBOX +STATUS +CPU % .*MEMORY .*PIDS .*OOM/m)
    assert.match(screen, /^q quit {2}space hold {2}c cpu▼ {2}m memory {2}p pids {2}i io {2}n name$/m)
    assert.match(screen, /^busy [^]*^aaa-idle /m, 'the busiest first')
    assert.doesNotMatch(screen, /outside>|^before$/m)
    tmux.keys('n')
    await tmux.shows(/^aaa-idle [^]*^busy [^]*n name▲$/)
    tmux.keys('Space')
    await tmux.shows(/ held {2}\d\d:\d\d:\d\d$/)
    tmux.keys('Space')
    await tmux.shows(/ every 200 ms {2}/)
    tmux.resize(60, 12)
    await tmux.shows(/^carrel stats {2}2 running {2,}every 200 ms {2}\d\d:\d\d:\d\d$/)
    // What moves least is left out first: input and output, kills, periods, the past.
    const narrow = await tmux.shows(/^busy +running +\d+(\.\d)? +\S+ \/ 100M +[█▏▎▍▌▋▊▉░]+ +\d+\/\d+$/)
    assert.equal(narrow.split('\n').length, 12, narrow)
    assert.ok(
      narrow.split('\n').every((line) => line.length <= 60),
      narrow,
    )
    tmux.resize(100, 30)
    tmux.keys('q')
    await tmux.shows(/^code 0$/)
    for (const [way, code] of [
      ['C-c', 130],
      ['SIGTERM', 143],
    ] as const) {
      tmux.line("clear; sh -c 'echo $$ > $CARREL_RUNTIME_DIR/../pid; exec $CARREL stats -w'; echo code $?")
      await tmux.shows(/^carrel stats {2}2 running/)
      if (way === 'C-c') tmux.keys(way)
      else process.kill(Number(readFileSync(join(boxes.directory, '../pid'), 'utf8')), way)
      await tmux.shows(new RegExp(`^code ${code}$`))
    }
    tmux.line('stty -a | diff - $CARREL_RUNTIME_DIR/../before && echo alike')
    const left = await tmux.shows(/^alike$/)
    assert.match(left, /^outside> stty/m)
    assert.doesNotMatch(left, /^carrel stats {2}/m)
  } finally {
    tmux.stop()
    await one.close()
    await two.close()
  }
})
