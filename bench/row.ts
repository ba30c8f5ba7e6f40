import type { Measured } from './interleave.ts'
import type { Summary } from './samples.ts'

/** A line of the table. */
export interface Row {
  readonly what: string
  readonly unit: string
  readonly value: Summary | number
  readonly ratio?: { readonly to: string; readonly value: number }
  readonly goal?: Goal
}

/** What a row is wanted to be, and whether it is. */
export interface Goal {
  /** `<= 1.25x limit full` */
  readonly wanted: string
  readonly met: boolean
}

/** A part of the table, and what must be known to read it. */
export interface Section {
  readonly rows: readonly Row[]
  readonly notes?: readonly string[]
}

/** The most that a ratio may be. */
export interface Ceiling {
  readonly against: string
  readonly atMost?: number
}

/** A row of one measured subject, compared with another one of the same run. */
export function measuredRow(measured: Measured, what: string, unit: string, ceiling?: Ceiling): Row {
  const value = measured.summary(what)
  if (!ceiling || !measured.has(ceiling.against)) return { what, unit, value }
  const { against, atMost } = ceiling
  const ratio = { to: against, value: measured.ratio(what, against) }
  if (atMost === undefined) return { what, unit, value, ratio }
  return { what, unit, value, ratio, goal: { wanted: `<= ${atMost}x ${against}`, met: ratio.value <= atMost } }
}

/** A row of one number that has a bound of its own. */
export function boundedRow(what: string, unit: string, value: number, atMost: number): Row {
  return { what, unit, value, goal: { wanted: `<= ${atMost} ${unit}`, met: value <= atMost } }
}
