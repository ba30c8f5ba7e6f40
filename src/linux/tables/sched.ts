import { type NameOf, choiceSet, flagSet } from '../constant-set.ts'

/** Scheduling policies of sched(7). */
export const SCHED = choiceSet('SchedPolicy', 'linux/sched.h', () => ({
  SCHED_NORMAL: 0,
  SCHED_FIFO: 1,
  SCHED_RR: 2,
  SCHED_BATCH: 3,
  SCHED_IDLE: 5,
  SCHED_DEADLINE: 6,
  SCHED_EXT: 7, // Linux 6.12
}))
export type SchedPolicy = NameOf<typeof SCHED>

/** Flags of `struct sched_attr`. */
export const SCHED_FLAGS = flagSet('SchedFlag', 'linux/sched.h', () => ({
  SCHED_FLAG_RESET_ON_FORK: 1,
  SCHED_FLAG_RECLAIM: 2,
  SCHED_FLAG_DL_OVERRUN: 4,
  SCHED_FLAG_KEEP_POLICY: 8,
  SCHED_FLAG_KEEP_PARAMS: 0x10,
  SCHED_FLAG_UTIL_CLAMP_MIN: 0x20,
  SCHED_FLAG_UTIL_CLAMP_MAX: 0x40,
}))
export type SchedFlag = NameOf<typeof SCHED_FLAGS>

/** Whom ioprio_set(2) means. */
export const IOPRIO_WHO = choiceSet(
  'IoprioWho',
  'linux/ioprio.h',
  () => ({
    IOPRIO_WHO_PROCESS: 1,
    IOPRIO_WHO_PGRP: 2,
    IOPRIO_WHO_USER: 3,
  }),
  { isEnum: true },
)
export type IoprioWho = NameOf<typeof IOPRIO_WHO>

/** I/O classes: the bits above 13 of an I/O priority. */
export const IOPRIO_CLASS = choiceSet(
  'IoprioClass',
  'linux/ioprio.h',
  () => ({
    IOPRIO_CLASS_NONE: 0,
    IOPRIO_CLASS_RT: 1,
    IOPRIO_CLASS_BE: 2,
    IOPRIO_CLASS_IDLE: 3,
  }),
  { isEnum: true },
)
export type IoprioClass = NameOf<typeof IOPRIO_CLASS>

/** Clocks of clock_gettime(2). */
export const CLOCKS = choiceSet('Clock', 'linux/time.h', () => ({
  CLOCK_REALTIME: 0,
  CLOCK_MONOTONIC: 1,
  CLOCK_PROCESS_CPUTIME_ID: 2,
  CLOCK_THREAD_CPUTIME_ID: 3,
  CLOCK_MONOTONIC_RAW: 4,
  CLOCK_REALTIME_COARSE: 5,
  CLOCK_MONOTONIC_COARSE: 6,
  CLOCK_BOOTTIME: 7,
  CLOCK_REALTIME_ALARM: 8,
  CLOCK_BOOTTIME_ALARM: 9,
  CLOCK_SGI_CYCLE: 10,
  CLOCK_TAI: 11,
}))
export type Clock = NameOf<typeof CLOCKS>

/** Commands of membarrier(2). */
export const MEMBARRIER = flagSet(
  'MembarrierCommand',
  'linux/membarrier.h',
  () => ({
    MEMBARRIER_CMD_QUERY: 0,
    MEMBARRIER_CMD_GLOBAL: 1,
    MEMBARRIER_CMD_GLOBAL_EXPEDITED: 2,
    MEMBARRIER_CMD_REGISTER_GLOBAL_EXPEDITED: 4,
    MEMBARRIER_CMD_PRIVATE_EXPEDITED: 8,
    MEMBARRIER_CMD_REGISTER_PRIVATE_EXPEDITED: 0x10,
    MEMBARRIER_CMD_PRIVATE_EXPEDITED_SYNC_CORE: 0x20,
    MEMBARRIER_CMD_REGISTER_PRIVATE_EXPEDITED_SYNC_CORE: 0x40,
    MEMBARRIER_CMD_PRIVATE_EXPEDITED_RSEQ: 0x80,
    MEMBARRIER_CMD_REGISTER_PRIVATE_EXPEDITED_RSEQ: 0x100,
  }),
  { isEnum: true },
)
export type MembarrierCommand = NameOf<typeof MEMBARRIER>
