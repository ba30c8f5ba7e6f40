import { InvalidInputError } from '../../base/errors.ts'
import type { Controller } from '../../host/facts.ts'
import { isCpuList } from './cpu-list.ts'

/** What a group may use; absent means not limited. */
export interface Limits {
  /** Memory, page cache included, `bytes` */
  readonly memoryBytes?: number
  /** Memory and swap together, `bytes`; absent: as much as `memoryBytes`, so no swap */
  readonly memorySwapBytes?: number
  /** Whether running out of memory kills the whole group (v2), not just its largest process */
  readonly oomGroup?: boolean
  /** Processes and threads */
  readonly pids?: number
  /** CPUs' worth of time, 0.5 is half of one */
  readonly cpus?: number
  /** Share of a contended CPU against neighbours, 1 to 10000, where 100 is what others have */
  readonly cpuWeight?: number
  /** CPUs that may be used, list format: `0-3,8` */
  readonly cpuset?: string
}

export type Limit = keyof Limits

/** The controller that enforces each limit. */
export const CONTROLLER_OF = {
  memoryBytes: 'memory',
  memorySwapBytes: 'memory',
  oomGroup: 'memory',
  pids: 'pids',
  cpus: 'cpu',
  cpuWeight: 'cpu',
  cpuset: 'cpuset',
} as const satisfies Record<Limit, Controller>

/** PID_MAX_LIMIT on 64-bit machines: pids.max takes no more. */
const MOST_PIDS = 4_194_304
/** Below one page the kernel rounds to a limit of 0, under which nothing can start. */
const LEAST_MEMORY = 4096

/** @throws InvalidInputError naming the first limit that cannot be meant */
export function checkLimits(limits: Limits): void {
  checkInteger(limits, 'memoryBytes', LEAST_MEMORY, Number.MAX_SAFE_INTEGER)
  checkInteger(limits, 'memorySwapBytes', limits.memoryBytes ?? LEAST_MEMORY, Number.MAX_SAFE_INTEGER)
  checkInteger(limits, 'pids', 1, MOST_PIDS)
  checkInteger(limits, 'cpuWeight', 1, 10_000)
  const { memoryBytes, memorySwapBytes, cpus, cpuset } = limits
  if (memorySwapBytes !== undefined && memoryBytes === undefined) {
    throw refuse('memorySwapBytes', 'needs memoryBytes, because it counts memory and swap together: give both')
  }
  if (cpus !== undefined && !(cpus >= 0.001 && cpus <= 8192)) {
    throw refuse('cpus', `must be between 0.001 and 8192, not ${cpus}: give a number like 0.5`)
  }
  if (cpuset !== undefined && !isCpuList(cpuset)) {
    throw refuse(
      'cpuset',
      `must be a list of CPU numbers and ranges, not ${JSON.stringify(cpuset)}: write it like 0-3,8`,
    )
  }
}

function checkInteger(
  limits: Limits,
  limit: 'memoryBytes' | 'memorySwapBytes' | 'pids' | 'cpuWeight',
  least: number,
  most: number,
): void {
  const value = limits[limit]
  if (value === undefined || (Number.isSafeInteger(value) && value >= least && value <= most)) return
  throw refuse(limit, `must be a whole number from ${least} to ${most}, not ${value}: leave it out for no limit`)
}

const refuse = (field: Limit, rule: string): InvalidInputError => new InvalidInputError(`${field} ${rule}`, { field })
