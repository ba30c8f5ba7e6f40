import type { TestRecord } from './test-run.ts'

/** Which tests did not run, and whether that is more than agreed. */
export interface SkipReport {
  readonly lines: readonly string[]
  readonly problems: readonly string[]
}

/** Reads the number of tests that may skip from the text of test/skips.json: `{ "root": 1, "user": 40 }`. */
export function readSkipLimit(text: string, isRoot: boolean): number {
  const limits: unknown = JSON.parse(text)
  const name = isRoot ? 'root' : 'user'
  const limit: unknown = typeof limits === 'object' && limits !== null ? Reflect.get(limits, name) : undefined
  if (typeof limit !== 'number') throw new Error(`test/skips.json: "${name}" must be the number of tests that may skip`)
  return limit
}

/** Lists the skipped tests with their reasons; more of them than `limit` is a problem, because all could be skipped. */
export function judgeSkips(records: readonly TestRecord[], limit: number): SkipReport {
  const skipped = records.filter((record) => record.outcome === 'skipped')
  const lines = skipped.map((record) => `skipped: ${record.name} (${record.reason})`)
  const total = `${skipped.length} tests skipped, at most ${limit} may`
  const problems = skipped.length > limit ? [`${total}: make them run, or raise the number in test/skips.json`] : []
  return { lines: [...lines, total], problems }
}
