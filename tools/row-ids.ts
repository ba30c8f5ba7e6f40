/** A run of row ids of the inventory of behaviour: `A01` to `A74`. */
export interface RowRange {
  readonly prefix: string
  readonly first: number
  readonly last: number
}

/** All rows: one acceptance test each. D-rows are defects of earlier programs, one regression test each. */
export const ROW_RANGES: readonly RowRange[] = [
  { prefix: 'A', first: 1, last: 74 },
  { prefix: 'C', first: 0, last: 99 },
  { prefix: 'G', first: 1, last: 12 },
  { prefix: 'E', first: 1, last: 9 },
  { prefix: 'P', first: 1, last: 27 },
  { prefix: 'L', first: 1, last: 65 },
  { prefix: 'N', first: 1, last: 22 },
  { prefix: 'R', first: 1, last: 11 },
  { prefix: 'X', first: 1, last: 34 },
  { prefix: 'D-A', first: 1, last: 31 },
  { prefix: 'D-L', first: 1, last: 19 },
  { prefix: 'D-N', first: 1, last: 13 },
  { prefix: 'D-R', first: 1, last: 5 },
]

/** Prefixes of which every row has to have a test, from the moment on that all of them had one. */
export const FINISHED: readonly string[] = ['A', 'C', 'E', 'G', 'L', 'N', 'P', 'R', 'D-A', 'D-L', 'D-N', 'D-R']

/** Ids of a range, `A01`, `A02` and so on. */
export function idsOf(range: RowRange): readonly string[] {
  const count = range.last - range.first + 1
  return Array.from({ length: count }, (_, index) => `${range.prefix}${String(range.first + index).padStart(2, '0')}`)
}
