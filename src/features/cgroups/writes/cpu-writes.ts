import { DEFAULT_PERIOD_US, sharesOf, weightOf } from './cpu-weight.ts'
import type { CpuResources } from '../resources.ts'
import {
  type FileValue,
  hasFile,
  numberOrMax,
  onlyV1,
  type Refused,
  type Translation,
  type TranslationContext,
  type Translator,
} from './translation.ts'

const SHARE = 'share of a contended CPU'
const QUOTA = 'bounds CPU time'

/** Files of the cpu controller of cgroup v1. */
export const cpuV1: Translator = ({ cpu = {} }, context) => [
  ...idle(cpu, context),
  ...sharesV1(cpu),
  ...withBurst(quotaV1(cpu, context), burst(cpu, 'cpu.cfs_burst_us', context), 'cpu.cfs_burst_us', context),
  ...realtimeV1(cpu, context),
]

/** Files of the cpu controller of cgroup v2. */
export const cpuV2: Translator = ({ cpu = {} }, context) => [
  ...idle(cpu, context),
  ...weightV2(cpu),
  ...withBurst(quotaV2(cpu, context), burst(cpu, 'cpu.max.burst', context), 'cpu.max.burst', context),
  ...(['realtimePeriod', 'realtimeRuntime'] as const)
    .filter((key) => cpu[key] !== undefined)
    .map((key) => onlyV1(`cpu.${key}`, 'CPU time for realtime tasks', 'leave it out, and bound them by cpu.quota')),
]

function sharesV1({ shares, weight }: CpuResources): FileValue[] {
  const ask = shares === undefined ? 'cpu.weight' : 'cpu.shares'
  const value = shares ?? (weight === undefined ? undefined : sharesOf(weight))
  return value === undefined ? [] : [{ asks: [ask], file: 'cpu.shares', value: String(value), because: SHARE }]
}

function weightV2({ shares, weight }: CpuResources): FileValue[] {
  const ask = weight === undefined ? 'cpu.shares' : 'cpu.weight'
  const value = weight ?? (shares === undefined ? undefined : weightOf(shares))
  return value === undefined ? [] : [{ asks: [ask], file: 'cpu.weight', value: String(value), because: SHARE }]
}

/** Before the weight, which an idle group cannot have (sched_group_set_shares answers EINVAL). */
function idle({ idle: value }: CpuResources, context: TranslationContext): Translation[] {
  const file = 'cpu.idle'
  if (value === undefined) return []
  if (value === 1)
    return need(context, 'cpu.idle', file, '1', 'runs only when nothing else wants to', 'Linux 5.15 or later')
  const because = 'runs like everybody else'
  // A kernel without the file has no idle groups.
  return context.live ? [{ asks: ['cpu.idle'], file, value: '0', because, optional: true }] : []
}

/**
 * Of period and quota, the one comes first after which the share of a CPU is not above both the old and the new one: a group may at no
 * moment have more than the one above it (sched-bwc, "Hierarchical considerations").
 */
function quotaV1({ quota, period }: CpuResources, { live }: TranslationContext): FileValue[] {
  const both = { asks: [quota === undefined ? 'cpu.period' : 'cpu.quota'] }
  const periods: FileValue[] =
    period === undefined
      ? []
      : [{ ...both, file: 'cpu.cfs_period_us', value: String(period), because: 'the quota is counted in this period' }]
  const quotas: FileValue[] =
    quota === undefined ? [] : [{ ...both, file: 'cpu.cfs_quota_us', value: String(quota), because: QUOTA }]
  return isShorter(period, live?.('cpu.cfs_period_us')) ? [...quotas, ...periods] : [...periods, ...quotas]
}

const isShorter = (period: number | undefined, now: string | undefined): boolean =>
  period !== undefined && now !== undefined && period < Number(now)

/** cpu.max takes both at once; a single number leaves the period as it is. */
function quotaV2({ quota, period }: CpuResources, { live }: TranslationContext): FileValue[] {
  if (quota === undefined && period === undefined) return []
  const [now = 'max'] = live?.('cpu.max')?.trim().split(' ') ?? []
  const words = quota === undefined ? now : numberOrMax(quota)
  const value = live && period === undefined ? words : `${words} ${period ?? DEFAULT_PERIOD_US}`
  return [{ asks: [quota === undefined ? 'cpu.period' : 'cpu.quota'], file: 'cpu.max', value, because: QUOTA }]
}

function burst({ burst: value }: CpuResources, file: string, context: TranslationContext): Translation[] {
  if (value === undefined) return []
  return need(context, 'cpu.burst', file, String(value), 'time that may be saved up', 'Linux 5.14 or later')
}

/** A burst may at no moment be above the quota: what makes it smaller comes first. */
function withBurst(
  quota: readonly FileValue[],
  bursts: readonly Translation[],
  file: string,
  { live }: TranslationContext,
): readonly Translation[] {
  const [first] = bursts
  const now = live?.(file)
  const shrinks = first && 'value' in first && now !== undefined && Number(first.value) < Number(now)
  return shrinks ? [...bursts, ...quota] : [...quota, ...bursts]
}

function realtimeV1(
  { realtimePeriod: period, realtimeRuntime: runtime }: CpuResources,
  context: TranslationContext,
): Translation[] {
  const needed = 'a kernel with CONFIG_RT_GROUP_SCHED'
  const periods =
    period === undefined
      ? []
      : need(context, 'cpu.realtimePeriod', 'cpu.rt_period_us', String(period), 'realtime tasks: the period', needed)
  const runtimes =
    runtime === undefined
      ? []
      : need(context, 'cpu.realtimeRuntime', 'cpu.rt_runtime_us', String(runtime), 'realtime tasks: the time', needed)
  return isShorter(period, context.live?.('cpu.rt_period_us')) ? [...runtimes, ...periods] : [...periods, ...runtimes]
}

/** A write that some kernels cannot take, and that no group serves without. */
function need(
  context: TranslationContext,
  ask: string,
  file: string,
  value: string,
  because: string,
  needed: string,
): [FileValue | Refused] {
  if (hasFile(context, file) !== false) return [{ asks: [ask], file, value, because }]
  return [{ asks: [ask], reason: `groups here have no ${file}`, remedy: `use ${needed}` }]
}
