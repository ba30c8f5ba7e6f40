import type { Limits } from './limits.ts'

/** A file of a group and what to write into it. */
export interface FileValue {
  /** Name in the group's directory, `pids.max` */
  readonly file: string
  readonly value: string
  /** Why this file gets this value */
  readonly because: string
  /** Whether the group serves without it, so that a failed write is not a failure */
  readonly optional?: boolean
}

type LimitedController = 'memory' | 'pids' | 'cpu' | 'cpuset'

/** What a host adds to limits when they become files. */
export interface WriteContext {
  /** Whether swap is counted here */
  readonly swap: boolean
  /** Memory nodes that a v1 cpuset has to be given */
  readonly mems: string
}

/** The writes of each controller on each version of cgroups, in the order in which the kernel accepts them. */
export const LIMIT_WRITES: Readonly<
  Record<LimitedController, Readonly<Record<1 | 2, (limits: Limits, context: WriteContext) => readonly FileValue[]>>>
> = {
  memory: { 1: memoryV1, 2: memoryV2 },
  pids: { 1: pidsMax, 2: pidsMax },
  cpu: { 1: cpuV1, 2: cpuV2 },
  cpuset: { 1: cpusetV1, 2: cpusetV2 },
}

function memoryV1({ memoryBytes, memorySwapBytes = memoryBytes }: Limits, { swap }: WriteContext): FileValue[] {
  if (memoryBytes === undefined) return []
  const limit = { file: 'memory.limit_in_bytes', value: String(memoryBytes), because: 'bounds memory' }
  const both = {
    file: 'memory.memsw.limit_in_bytes',
    value: String(memorySwapBytes),
    because:
      'without it what does not fit into memory goes to swap; it may not be below memory.limit_in_bytes, so it comes second',
  }
  return swap ? [limit, both] : [limit]
}

function memoryV2(
  { memoryBytes, memorySwapBytes = memoryBytes, oomGroup }: Limits,
  { swap }: WriteContext,
): FileValue[] {
  const writes: FileValue[] = []
  if (memoryBytes !== undefined) {
    writes.push({ file: 'memory.max', value: String(memoryBytes), because: 'bounds memory' })
    if (swap) {
      const value = String((memorySwapBytes ?? memoryBytes) - memoryBytes)
      writes.push({ file: 'memory.swap.max', value, because: 'without it what does not fit into memory goes to swap' })
    }
  }
  if (oomGroup) {
    writes.push({
      file: 'memory.oom.group',
      value: '1',
      because: 'out of memory ends the whole group, not a part of it',
    })
  }
  return writes
}

function pidsMax({ pids }: Limits): FileValue[] {
  return pids === undefined ? [] : [{ file: 'pids.max', value: String(pids), because: 'stops fork bombs' }]
}

/** What the kernel uses when nothing is written, and enough for any quota of at least its minimum of 1 ms. */
const DEFAULT_PERIOD_US = 100_000
/** Longest period the kernel takes: for shares of a CPU whose quota would be below 1 ms in the default one. */
const LONGEST_PERIOD_US = 1_000_000
const SHORTEST_QUOTA_US = 1_000

/** Time in each period, as CFS bandwidth control counts it, `us`. */
export function quotaOf(cpus: number): { readonly quotaUs: number; readonly periodUs: number } {
  const short = Math.round(cpus * DEFAULT_PERIOD_US)
  if (short >= SHORTEST_QUOTA_US) return { quotaUs: short, periodUs: DEFAULT_PERIOD_US }
  return { quotaUs: Math.max(SHORTEST_QUOTA_US, Math.round(cpus * LONGEST_PERIOD_US)), periodUs: LONGEST_PERIOD_US }
}

/** cpu.shares for a weight: 1024 shares and weight 100 are both "like everybody else", and the kernel takes 2 to 262144. */
export const sharesOf = (weight: number): number => Math.min(262_144, Math.max(2, Math.round((weight * 1024) / 100)))

function cpuV1({ cpus, cpuWeight }: Limits): FileValue[] {
  const writes: FileValue[] = []
  if (cpuWeight !== undefined) {
    writes.push({ file: 'cpu.shares', value: String(sharesOf(cpuWeight)), because: 'share of a contended CPU' })
  }
  if (cpus !== undefined) {
    const { quotaUs, periodUs } = quotaOf(cpus)
    writes.push({ file: 'cpu.cfs_period_us', value: String(periodUs), because: 'the quota is counted in this period' })
    writes.push({ file: 'cpu.cfs_quota_us', value: String(quotaUs), because: 'bounds CPU time' })
  }
  return writes
}

function cpuV2({ cpus, cpuWeight }: Limits): FileValue[] {
  const writes: FileValue[] = []
  if (cpuWeight !== undefined) {
    writes.push({ file: 'cpu.weight', value: String(cpuWeight), because: 'share of a contended CPU' })
  }
  if (cpus !== undefined) {
    const { quotaUs, periodUs } = quotaOf(cpus)
    writes.push({ file: 'cpu.max', value: `${quotaUs} ${periodUs}`, because: 'bounds CPU time' })
  }
  return writes
}

function cpusetV1({ cpuset }: Limits, { mems }: WriteContext): FileValue[] {
  if (cpuset === undefined) return []
  return [
    {
      file: 'cpuset.mems',
      value: mems,
      because: 'a new v1 cpuset is empty and takes no process until it has memory nodes',
    },
    { file: 'cpuset.cpus', value: cpuset, because: 'binds to these CPUs' },
  ]
}

function cpusetV2({ cpuset }: Limits): FileValue[] {
  return cpuset === undefined ? [] : [{ file: 'cpuset.cpus', value: cpuset, because: 'binds to these CPUs' }]
}
