import type { Answer, CgroupFacts, Controller } from '../../host/facts.ts'
import type { Resources } from './resources.ts'

/** A limit that this host, or a live group, cannot enforce. */
export interface NotApplied {
  /** Kernel's name on v2, `memory`; `cgroup` for the v2 tree itself */
  readonly controller: string
  /** Its path in `Resources`, `memory.limit`; with sandboxes the name of the option, where there is one: `memory` */
  readonly limit: string
  readonly reason: string
  readonly remedy: string
  /** A weaker bound that works everywhere: each process for itself, setrlimit(2) */
  readonly instead?: {
    readonly rlimit: 'RLIMIT_DATA' | 'RLIMIT_NPROC'
    readonly value: number
    readonly because: string
  }
}

/** Why something cannot be had, and what would change that. */
export type Why = Pick<NotApplied, 'reason' | 'remedy'>

/** Why no group of this controller can be had here, or undefined when it can. */
export function findRefusal(controller: Controller, facts: CgroupFacts): Why | undefined {
  const found = facts.controllers[controller]
  if (found) return whyNot(found.usable)
  return facts.mode === 'none' ? NO_CGROUPS : noController(controller)
}

/** Why no group of the v2 tree can be had here, or undefined when it can. */
export function findUnifiedRefusal({ mode, unified }: CgroupFacts): Why | undefined {
  if (unified) return whyNot(unified.usable)
  if (mode === 'none') return NO_CGROUPS
  return {
    reason: 'no cgroup v2 tree is mounted here',
    remedy: 'mkdir /sys/fs/cgroup/unified; mount -t cgroup2 none /sys/fs/cgroup/unified',
  }
}

const NO_CGROUPS: Why = {
  reason: 'no cgroup file system is mounted here',
  remedy: 'mount -t cgroup2 none /sys/fs/cgroup',
}

const whyNot = (usable: Answer): Why | undefined =>
  usable.ok ? undefined : { reason: usable.reason, remedy: usable.remedy }

export const noController = (controller: string): Why => ({
  reason: `this host has no ${controller} controller`,
  remedy: `mount it, or use a kernel that has it and does not disable it (cgroup_disable=${controller})`,
})

/** What is not enforced. */
export const notApplied = (ask: string, controller: string, why: Why, resources: Resources): NotApplied => ({
  limit: ask,
  controller,
  reason: why.reason,
  remedy: why.remedy,
  ...insteadOf(ask, resources),
})

function insteadOf(ask: string, { memory, pids }: Resources): Pick<NotApplied, 'instead'> {
  if (ask === 'memory.limit' && memory?.limit !== undefined && memory.limit > 0) {
    // RLIMIT_AS would count what a runtime merely reserves: Node and Java could not start under a usual limit.
    const because = 'bounds the private writable memory of each process, not the sum'
    return { instead: { rlimit: 'RLIMIT_DATA', value: memory.limit, because } }
  }
  if (ask === 'pids.limit' && pids && pids.limit > 0) {
    const because = 'bounds the processes of this user in this user namespace (all of the user before Linux 5.14)'
    return { instead: { rlimit: 'RLIMIT_NPROC', value: pids.limit, because } }
  }
  return {}
}
