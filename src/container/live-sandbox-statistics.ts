import { readStatistics } from '../cgroup/read-statistics.ts'
import { STATISTICS_KINDS, type StatisticsKind } from '../features/cgroups/readings/statistics-files.ts'
import type { Statistics } from '../features/cgroups/readings/statistics.ts'
import type { SandboxRecord } from '../plan/sandbox-record.ts'
import type { Caller } from '../process/caller.ts'

/** What the groups of a sandbox said at one moment. */
export interface Measurement {
  /** performance.now() when the files were read */
  readonly atMs: number
  /** Empty where it has no groups, or they are gone */
  readonly statistics: Statistics
}

/**
 * Reads the groups of many sandboxes in one pass; by their ids. Whoever measures again and again does it with the same records: what
 * a kernel does not tell is then asked for once only.
 * @throws SyscallError for files that this user may not read
 */
export async function measureSandboxes(
  caller: Caller,
  records: readonly SandboxRecord[],
  kinds: readonly StatisticsKind[] = STATISTICS_KINDS,
): Promise<ReadonlyMap<string, Measurement>> {
  const statistics = await readStatistics(caller, records, kinds)
  const atMs = performance.now()
  return new Map(records.map(({ id }, i) => [id, { atMs, statistics: statistics[i] ?? {} }]))
}
