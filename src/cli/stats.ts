import { setTimeout as sleep } from 'node:timers/promises'
import { StateError } from '../base/errors.ts'
import { parseDuration } from '../features/limits/parse-size.ts'
import type { Agent } from '../process/agent.ts'
import { painter, wantsColor } from './paint.ts'
import { FAILED } from './report.ts'
import { watchInTerminal } from './stats-live.ts'
import { type Order, sortedRows, type StatsRow } from './stats-rows.ts'
import { StatsSampler } from './stats-sampler.ts'
import { statsBlock } from './stats-view.ts'

/** Options of `carrel stats`, as commander gives them. */
export interface StatsArguments {
  readonly watch?: boolean
  readonly interval: string
  readonly json?: boolean
  readonly sort: Order
  /** False for `--no-rates` */
  readonly rates: boolean
}

/** Long enough to measure CPU use by, short enough to wait for. */
const SAMPLE_MS = 200

/** Prints what sandboxes use, once or again and again; gives the exit code. @throws InvalidInputError, StateError, SyscallError */
export async function stats(agent: Agent, which: readonly string[], given: StatsArguments): Promise<number> {
  const intervalMs = parseDuration(given.interval, 'interval')
  const sampler = new StatsSampler(agent, which)
  let rows = await sampler.next()
  if (which.length > 0 && rows.length === 0)
    throw new StateError('Sandboxes have ended meanwhile', { state: 'dead', wanted: 'live' })
  if (given.rates) {
    await sleep(Math.min(SAMPLE_MS, intervalMs))
    rows = await sampler.next()
  }
  if (!given.watch) {
    print(rows, given)
    return 0
  }
  const { stdin, stdout } = process
  if (!given.json && stdin.isTTY && stdout.isTTY) {
    return watchInTerminal({ sampler, rows, intervalMs, order: given.sort })
  }
  return watchInPipe(sampler, rows, intervalMs, given)
}

function print(rows: readonly StatsRow[], { json, sort, watch }: StatsArguments): void {
  const { stdout } = process
  const sorted = sortedRows(rows, sort)
  if (json) {
    const answer = { time: new Date().toISOString(), sandboxes: sorted }
    stdout.write(`${JSON.stringify(answer, null, watch ? 0 : 2)}\n`)
    return
  }
  const width = stdout.isTTY ? { columns: stdout.columns } : {}
  stdout.write(statsBlock(sorted, { paint: painter(wantsColor(stdout)), ...width }))
  if (watch) stdout.write('\n')
}

/** Until the reader is gone, or a signal comes. */
async function watchInPipe(
  sampler: StatsSampler,
  first: readonly StatsRow[],
  intervalMs: number,
  given: StatsArguments,
): Promise<number> {
  const gone = new AbortController()
  let code = 0
  process.stdout.on('error', (error: NodeJS.ErrnoException) => {
    // Whoever wanted to see it has seen enough.
    if (error.code !== 'EPIPE') code = FAILED
    gone.abort()
  })
  let rows = first
  for (;;) {
    print(rows, given)
    try {
      await sleep(intervalMs, undefined, { signal: gone.signal })
    } catch {
      return code
    }
    rows = await sampler.next()
  }
}
