import { type NameOf, choiceSet } from '../constant-set.ts'

/** Resources of prlimit64(2). */
export const RLIMITS = choiceSet('RlimitResource', 'sys/resource.h', () => ({
  RLIMIT_CPU: 0,
  RLIMIT_FSIZE: 1,
  RLIMIT_DATA: 2,
  RLIMIT_STACK: 3,
  RLIMIT_CORE: 4,
  RLIMIT_RSS: 5,
  RLIMIT_NPROC: 6,
  RLIMIT_NOFILE: 7,
  RLIMIT_OFILE: 7,
  RLIMIT_MEMLOCK: 8,
  RLIMIT_AS: 9,
  RLIMIT_LOCKS: 10,
  RLIMIT_SIGPENDING: 11,
  RLIMIT_MSGQUEUE: 12,
  RLIMIT_NICE: 13,
  RLIMIT_RTPRIO: 14,
  RLIMIT_RTTIME: 15,
}))
export type RlimitResource = NameOf<typeof RLIMITS>

/** Whom setpriority(2) means. */
export const PRIORITY = choiceSet('PriorityWhich', 'sys/resource.h', () => ({
  PRIO_PROCESS: 0,
  PRIO_PGRP: 1,
  PRIO_USER: 2,
}))
export type PriorityWhich = NameOf<typeof PRIORITY>

/** Whom getrusage(2) means. */
export const RUSAGE = choiceSet('RusageWho', 'linux/resource.h', () => ({
  RUSAGE_SELF: 0,
  RUSAGE_CHILDREN: -1,
  RUSAGE_THREAD: 1,
}))
export type RusageWho = NameOf<typeof RUSAGE>
