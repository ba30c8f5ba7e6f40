import type { NotApplied } from '../features/cgroups/find-refusal.ts'

/** Options of a sandbox by what they ask for. */
const OPTIONS: Readonly<Record<string, string>> = {
  'memory.limit': 'memory',
  'memory.swap': 'memorySwap',
  'pids.limit': 'pids',
  'cpu.quota': 'cpus',
  'cpu.weight': 'cpuWeight',
  'cpu.cpus': 'cpuset',
}

/** What is not enforced, by the names that the caller of a sandbox knows; what has no option of its own goes by its path. */
export const byOption = (refused: readonly NotApplied[]): NotApplied[] =>
  refused.map((one) => ({ ...one, limit: OPTIONS[one.limit] ?? one.limit }))
