import { appendFileSync } from 'node:fs'

/** What came of one limit on this host: a line of the table of limits. */
export interface Effect {
  /** As resources name it, `memory.limit` */
  readonly limit: string
  /** `refused`: the host cannot enforce it, and said so by name before anything ran */
  readonly verdict: 'enforced' | 'refused'
  /** What was seen, or the reason of the refusal */
  readonly how: string
  /** What was measured divided by what was asked for */
  readonly measured?: number
}

/** Adds a line to the file that `CARREL_EFFECTS` names, if one wants to know. */
export function report(effect: Effect): void {
  const file = process.env['CARREL_EFFECTS']
  const rounded = effect.measured === undefined ? {} : { measured: Math.round(effect.measured * 1000) / 1000 }
  // One write: several test files may add to it.
  if (file) appendFileSync(file, `${JSON.stringify({ ...effect, ...rounded })}\n`)
}
