import type { DeviceRule } from '../devices/device-rule.ts'

/**
 * What a group may use: `linux.resources` of the OCI runtime specification 1.3, word for word, so that every runtime's users know
 * it. Absent means not limited and not touched; -1 means no limit. Keys that are Carrel's own say so.
 */
export interface Resources {
  readonly memory?: MemoryResources
  readonly cpu?: CpuResources
  readonly pids?: PidsResources
  readonly blockIO?: BlockIoResources
  readonly hugepageLimits?: readonly HugepageLimit[]
  readonly network?: NetworkResources
  /** By device, `mlx5_0` */
  readonly rdma?: Readonly<Record<string, RdmaResources>>
  /** Rules in order, the last that matches decides; absent: devices are not restricted */
  readonly devices?: readonly DeviceRule[]
  /** cgroup v2 files by name, `memory.high`, written as they are */
  readonly unified?: Readonly<Record<string, string>>
  /** Carrel's own: the state that the group begins in, or is put in */
  readonly freezer?: 'frozen' | 'thawed'
}

export interface MemoryResources {
  /** Memory, page cache included, `bytes` */
  readonly limit?: number
  /** Memory that is left to the group when the machine runs short, `bytes` */
  readonly reservation?: number
  /** Memory and swap together, `bytes`: as much as `limit` means no swap */
  readonly swap?: number
  /** Kernel memory, `bytes`; no kernel since 5.16 enforces it */
  readonly kernel?: number
  /** Buffers of TCP sockets, `bytes`; cgroup v1 only */
  readonly kernelTCP?: number
  /** 0 to 100; cgroup v1 only */
  readonly swappiness?: number
  /** Processes wait for memory instead of being killed; cgroup v1 only */
  readonly disableOOMKiller?: boolean
  /** Whether the limit covers groups below; v2 knows nothing else */
  readonly useHierarchy?: boolean
  /** Refuses a limit below what is in use now, instead of killing */
  readonly checkBeforeUpdate?: boolean
  /** Carrel's own: out of memory ends the whole group, not just its largest process; cgroup v2 only */
  readonly oomGroup?: boolean
}

export interface CpuResources {
  /** Share of a contended CPU, 2 to 262144, where 1024 is what others have */
  readonly shares?: number
  /** Carrel's own: the same in the words of v2, 1 to 10000, where 100 is what others have */
  readonly weight?: number
  /** CPU time in each period, `us` */
  readonly quota?: number
  /** `us`, 1000 to 1000000 */
  readonly period?: number
  /** CPU time that may be saved up for later periods, `us` */
  readonly burst?: number
  /** Time for realtime tasks in each realtime period, `us`; cgroup v1 only */
  readonly realtimeRuntime?: number
  readonly realtimePeriod?: number
  /** CPUs that may be used, list format: `0-3,8` */
  readonly cpus?: string
  /** Memory nodes that may be used, list format */
  readonly mems?: string
  /** 1: runs only when nothing else wants to (SCHED_IDLE) */
  readonly idle?: 0 | 1
}

export interface PidsResources {
  /** Processes and threads; -1: no limit, 0: the first process alone */
  readonly limit: number
}

/** A block device by number. */
export interface BlockDevice {
  readonly major: number
  readonly minor: number
}

export interface WeightDevice extends BlockDevice {
  /** 10 to 1000 */
  readonly weight?: number
  readonly leafWeight?: number
}

export interface ThrottleDevice extends BlockDevice {
  /** Bytes or operations a second */
  readonly rate: number
}

export interface BlockIoResources {
  /** 10 to 1000, where 100 (v1: 500) is what others have */
  readonly weight?: number
  /** cgroup v1 with the CFQ scheduler only, which left the kernel with 5.0 */
  readonly leafWeight?: number
  readonly weightDevice?: readonly WeightDevice[]
  readonly throttleReadBpsDevice?: readonly ThrottleDevice[]
  readonly throttleWriteBpsDevice?: readonly ThrottleDevice[]
  readonly throttleReadIOPSDevice?: readonly ThrottleDevice[]
  readonly throttleWriteIOPSDevice?: readonly ThrottleDevice[]
}

export interface HugepageLimit {
  /** `2MB`, `1GB` */
  readonly pageSize: string
  /** `bytes` */
  readonly limit: number
}

export interface NetworkResources {
  /** Class of net_cls packets; cgroup v1 only */
  readonly classID?: number
  /** Priority by interface; cgroup v1 only */
  readonly priorities?: readonly { readonly name: string; readonly priority: number }[]
}

export interface RdmaResources {
  readonly hcaHandles?: number
  readonly hcaObjects?: number
}
