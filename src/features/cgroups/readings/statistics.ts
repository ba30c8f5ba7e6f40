/** What a group uses, has used and may use, read at one moment; absent: this host does not tell. One shape for v1 and v2. */
export interface Statistics {
  readonly cpu?: CpuStatistics
  readonly memory?: MemoryStatistics
  readonly pids?: PidsStatistics
  readonly io?: IoStatistics
  readonly hugetlb?: readonly HugetlbStatistics[]
  readonly rdma?: readonly RdmaStatistics[]
  /** Whether the group stands still, is on its way there, or runs */
  readonly freezer?: 'thawed' | 'freezing' | 'frozen'
}

export interface CpuStatistics {
  /** CPU time since the group was made, `us` */
  readonly usageUs?: number
  readonly userUs?: number
  readonly systemUs?: number
  /** Periods of the quota that have passed */
  readonly periods?: number
  /** Periods in which the quota was used up */
  readonly throttledPeriods?: number
  /** Time spent waiting because of that, `us` */
  readonly throttledUs?: number
  readonly burstPeriods?: number
  readonly burstUs?: number
  readonly pressure?: Pressure
}

export interface MemoryStatistics {
  /** In use, page cache included, `bytes`; the root of a v2 tree does not tell */
  readonly currentBytes?: number
  /** Most at once, `bytes` */
  readonly peakBytes?: number
  /** null: no limit */
  readonly limitBytes?: number | null
  /** Swap alone, `bytes` */
  readonly swapBytes?: number
  /** Swap alone; null: no limit */
  readonly swapLimitBytes?: number | null
  /** How often the limit was reached */
  readonly failures?: number
  /** How often memory.high was exceeded; v2 only */
  readonly highEvents?: number
  /** How often memory ran out though nothing could be freed; v2 only */
  readonly oomEvents?: number
  /** Processes that were killed for want of memory */
  readonly oomKills?: number
  /** Of processes alone, no file behind it */
  readonly anonBytes?: number
  /** Page cache, tmpfs included */
  readonly fileBytes?: number
  /** Slabs, stacks, page tables; v2 tells since 5.18 */
  readonly kernelBytes?: number
  /** memory.stat as it is: kernel names, `bytes` and counts; on v1 the `total_` keys are those of the whole subtree */
  readonly stat?: Readonly<Record<string, number>>
  readonly pressure?: Pressure
}

export interface PidsStatistics {
  /** Processes and threads; the root of a tree does not tell */
  readonly current?: number
  readonly peak?: number
  /** null: no limit */
  readonly limit?: number | null
  /** Forks that the limit refused */
  readonly failures?: number
}

export interface IoStatistics {
  /** v1 counts a device only once a rate limit was set on it, in any group, or when BFQ schedules it */
  readonly devices: readonly DeviceIo[]
  readonly pressure?: Pressure
}

export interface DeviceIo {
  readonly major: number
  readonly minor: number
  readonly readBytes?: number
  readonly writeBytes?: number
  readonly discardBytes?: number
  /** Operations */
  readonly reads?: number
  readonly writes?: number
  readonly discards?: number
}

export interface HugetlbStatistics {
  /** `2MB` */
  readonly pageSize: string
  readonly currentBytes?: number
  readonly peakBytes?: number
  /** null: no limit */
  readonly limitBytes?: number | null
  readonly failures?: number
}

export interface RdmaStatistics {
  readonly device: string
  readonly hcaHandles: number
  readonly hcaObjects: number
}

/** Time lost to waiting for a resource, kernel documentation accounting/psi; v2 only. */
export interface Pressure {
  /** At least one task waited */
  readonly some: PressureLine
  /** All tasks waited; cpu has it since 5.13 */
  readonly full?: PressureLine
}

export interface PressureLine {
  /** Per cent of the last 10, 60 and 300 seconds */
  readonly avg10: number
  readonly avg60: number
  readonly avg300: number
  /** `us` */
  readonly totalUs: number
}
