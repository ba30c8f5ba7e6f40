import { DEFAULT_PERIOD_US, sharesOf, weightOf } from '../writes/cpu-weight.ts'
import type { CpuResources } from '../resources.ts'
import { limitOf, maskOf, someOf, type SystemdTarget, type Translated, type UnitProperty } from './systemd-property.ts'

/** First versions of systemd with a property: NEWS of 242, 244 and 252. */
const SINCE = { period: 242, allowed: 244, idle: 252 } as const

/** Shares, quota and CPUs; what is saved up (burst) and realtime is for files. */
export function cpuProperties(cpu: CpuResources, target: SystemdTarget): Translated<CpuResources> {
  const { shares, weight, quota, period, cpus, mems, idle, ...rest } = cpu
  const parts = [
    weightProperties({ shares, weight, idle } as CpuResources, target),
    quotaProperties(quota, period, target),
    allowedProperties({ cpus, mems } as CpuResources, target),
  ]
  return {
    properties: parts.flatMap(({ properties }) => properties),
    byHand: someOf(Object.assign({}, rest, ...parts.map(({ byHand }) => byHand)) as CpuResources),
  }
}

function weightProperties({ shares, weight, idle }: CpuResources, target: SystemdTarget): Translated<CpuResources> {
  if (idle === 1 && target.version === 2 && target.systemd >= SINCE.idle) {
    // CGROUP_WEIGHT_IDLE: cpu.idle, beside which the kernel takes no weight.
    return { properties: [{ name: 'CPUWeight', signature: 't', value: 0n }] }
  }
  const byHand = idle === undefined ? undefined : { idle }
  if (target.version === 1) {
    const value = shares ?? (weight === undefined ? undefined : sharesOf(weight))
    return { properties: value === undefined ? [] : [limitOf('CPUShares', value)], byHand }
  }
  const value = weight ?? (shares === undefined ? undefined : weightOf(shares))
  return { properties: value === undefined ? [] : [limitOf('CPUWeight', value)], byHand }
}

/** systemd writes CPUQuota= into a file as percent: what is no whole percent would change at its next reload. */
const WHOLE_PERCENT_USEC = 10_000
/** From here on the kernel takes a quota, and systemd leaves the period alone (cgroup_cpu_adjust_period) */
const SHORTEST_USEC = 1_000

/** Rounded up to whole percents; the exact quota is then written by hand too. */
export function quotaProperties(
  quota: number | undefined,
  period: number | undefined,
  { systemd }: SystemdTarget,
): Translated<CpuResources> {
  const properties: UnitProperty[] = []
  const unsaid = period !== undefined && systemd < SINCE.period
  if (period !== undefined && !unsaid) properties.push(limitOf('CPUQuotaPeriodUSec', period))
  if (quota === undefined) return { properties, byHand: unsaid ? { period } : undefined }
  const length = period ?? DEFAULT_PERIOD_US
  const perSecond = Math.ceil((quota * 1_000_000) / length / WHOLE_PERCENT_USEC) * WHOLE_PERCENT_USEC
  properties.push(limitOf('CPUQuotaPerSecUSec', quota < 0 ? -1 : perSecond))
  const exact = quota < 0 || (quota >= SHORTEST_USEC && (perSecond * length) / 1_000_000 === quota)
  return { properties, byHand: exact && !unsaid ? undefined : { quota, ...(period === undefined ? {} : { period }) } }
}

function allowedProperties({ cpus, mems }: CpuResources, target: SystemdTarget): Translated<CpuResources> {
  if (target.version === 1 || target.systemd < SINCE.allowed) {
    return { properties: [], byHand: someOf({ cpus, mems } as CpuResources) }
  }
  return {
    properties: [
      ...(cpus ? [maskOf('AllowedCPUs', cpus, 'cpu.cpus')] : []),
      ...(mems ? [maskOf('AllowedMemoryNodes', mems, 'cpu.mems')] : []),
    ],
  }
}
