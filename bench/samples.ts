/** What a list of times says: the median, and how far the good and the bad ones are from it. */
export interface Summary {
  readonly p10: number
  readonly p50: number
  readonly p95: number
  readonly count: number
}

/** The value below which the given share of the numbers lies; `share` from 0 to 1. */
export function quantile(numbers: readonly number[], share: number): number {
  const sorted = [...numbers].sort((a, b) => a - b)
  return sorted[Math.min(sorted.length - 1, Math.floor(sorted.length * share))] ?? Number.NaN
}

export function summarize(numbers: readonly number[]): Summary {
  return {
    p10: quantile(numbers, 0.1),
    p50: quantile(numbers, 0.5),
    p95: quantile(numbers, 0.95),
    count: numbers.length,
  }
}

/**
 * How many times as long the one took as the other: the median over the rounds of the ratio of their medians. Both of a round ran
 * within a moment of each other, so that a machine that slows down in between slows down both.
 */
export function ratioOf(one: readonly (readonly number[])[], other: readonly (readonly number[])[]): number {
  const ratios = one.flatMap((batch, round) => {
    const against = other[round]
    return batch.length > 0 && against?.length ? [quantile(batch, 0.5) / quantile(against, 0.5)] : []
  })
  return quantile(ratios, 0.5)
}
