import type { CgroupFacts, Controller } from '../../host/facts.ts'
import { parseCpuList } from './cpu-list.ts'
import { CONTROLLER_OF } from './limits.ts'
import type { Limit, Limits } from './limits.ts'

/** Limits by the names of their options: units belong to fields. */
const NAME_OF = {
  memoryBytes: 'memory',
  memorySwapBytes: 'memorySwap',
  oomGroup: 'oomGroup',
  pids: 'pids',
  cpus: 'cpus',
  cpuWeight: 'cpuWeight',
  cpuset: 'cpuset',
} as const satisfies Record<Limit, string>

export type LimitName = (typeof NAME_OF)[Limit]

/** A limit that this host cannot enforce. */
export interface NotApplied {
  readonly controller: Controller
  /** Name of the option that asks for it */
  readonly limit: LimitName
  readonly reason: string
  readonly remedy: string
  /** A weaker bound that works everywhere: each process for itself, setrlimit(2) */
  readonly instead?: {
    readonly rlimit: 'RLIMIT_DATA' | 'RLIMIT_NPROC'
    readonly value: number
    readonly because: string
  }
}

/** Why a limit cannot be enforced here, or undefined when it can. */
export function findRefusal(limit: Limit, limits: Limits, facts: CgroupFacts): NotApplied | undefined {
  const why = findReason(limit, limits, facts)
  return (
    why && {
      limit: NAME_OF[limit],
      controller: CONTROLLER_OF[limit],
      reason: why.reason,
      remedy: why.remedy,
      ...insteadOf(limit, limits),
    }
  )
}

interface Why {
  readonly reason: string
  readonly remedy: string
}

function findReason(limit: Limit, limits: Limits, facts: CgroupFacts): Why | undefined {
  const controller = CONTROLLER_OF[limit]
  const found = facts.controllers[controller]
  if (!found) {
    return facts.mode === 'none'
      ? { reason: 'no cgroup file system is mounted here', remedy: 'mount -t cgroup2 none /sys/fs/cgroup' }
      : {
          reason: `this host has no ${controller} controller`,
          remedy: `mount it, or use a kernel that has it and does not disable it (cgroup_disable=${controller})`,
        }
  }
  if (!found.usable.ok) return found.usable
  if (limit === 'memorySwapBytes' && !facts.swap) {
    return { reason: 'this kernel does not count swap per group', remedy: 'boot it with swapaccount=1' }
  }
  if (limit === 'oomGroup' && found.version === 1) {
    return {
      reason: 'memory.oom.group exists only on cgroup v2',
      remedy: 'boot with systemd.unified_cgroup_hierarchy=1',
    }
  }
  return limit === 'cpuset' ? findCpusetReason(limits.cpuset ?? '', found) : undefined
}

/** v2 takes CPUs it does not have and then uses all it has: such a list would fail open. */
function findCpusetReason(cpuset: string, facts: NonNullable<CgroupFacts['controllers']['cpuset']>): Why | undefined {
  const available = parseCpuList(facts.cpus ?? '')
  if (!available || (facts.version === 1 && facts.mems === undefined)) {
    return {
      reason: `the CPUs of ${facts.parent} cannot be read`,
      remedy: 'give the cpuset above it cpuset.cpus and cpuset.mems',
    }
  }
  const missing = [...(parseCpuList(cpuset) ?? [])].filter((cpu) => !available.has(cpu))
  if (missing.length === 0) return undefined
  return { reason: `CPU ${missing[0]} is not among those of this host or group`, remedy: `choose from ${facts.cpus}` }
}

function insteadOf(limit: Limit, { memoryBytes, pids }: Limits): Pick<NotApplied, 'instead'> {
  if (limit === 'memoryBytes' && memoryBytes !== undefined) {
    // RLIMIT_AS would count what a runtime merely reserves: Node and Java could not start under a usual limit.
    const because = 'bounds the private writable memory of each process, not the sum'
    return { instead: { rlimit: 'RLIMIT_DATA', value: memoryBytes, because } }
  }
  if (limit === 'pids' && pids !== undefined) {
    const because = 'bounds the processes of this user in this user namespace (all of the user before Linux 5.14)'
    return { instead: { rlimit: 'RLIMIT_NPROC', value: pids, because } }
  }
  return {}
}
