import { setTimeout as sleep } from 'node:timers/promises'
import { constants } from 'node:os'
import { LiveScreen } from './live-screen.ts'
import { painter } from './paint.ts'
import { type Order, ORDERS, type StatsRow } from './stats-rows.ts'
import type { StatsSampler } from './stats-sampler.ts'
import { statsScreen } from './stats-view.ts'

export interface LiveStats {
  readonly sampler: StatsSampler
  /** The first reading */
  readonly rows: readonly StatsRow[]
  readonly intervalMs: number
  readonly order: Order
}

/** The live view, until a key ends it; gives the exit code: 0, or 130 as after any Ctrl-C. */
export async function watchInTerminal({ sampler, intervalMs, ...from }: LiveStats): Promise<number> {
  let { rows, order } = from
  let held = false
  let time = new Date()
  const over = new AbortController()
  using screen = LiveScreen.open({
    input: process.stdin,
    output: process.stdout,
    draw: (size) =>
      statsScreen(rows, {
        ...size,
        ...{ order, held, intervalMs, time },
        paint: painter(!process.env['NO_COLOR']),
        history: sampler.history,
      }),
    onKey(key) {
      const chosen = (Object.keys(ORDERS) as Order[]).find((each) => ORDERS[each].key === key)
      if (chosen) order = chosen
      else if (key === 'space') held = !held
      else return
      screen.redraw()
    },
  })
  void screen.left.then(() => over.abort())
  while (!over.signal.aborted) {
    await sleep(intervalMs, undefined, { signal: over.signal }).catch(() => {})
    if (over.signal.aborted || held) continue
    rows = await sampler.next()
    time = new Date()
    screen.redraw()
  }
  return (await screen.left) === 'quit' ? 0 : 128 + constants.signals.SIGINT
}
