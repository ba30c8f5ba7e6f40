import type { Pressure, Statistics } from '../features/cgroups/readings/statistics.ts'
import type { SandboxStatus } from '../container/live-sandbox.ts'

/** A sandbox as it was at one moment. */
export interface Sample {
  readonly id: string
  readonly name?: string
  readonly status: SandboxStatus
  /** On a clock that never jumps, `ms` */
  readonly atMs: number
  readonly statistics: Statistics
}

/** What `carrel stats` says of a sandbox; absent: this host does not tell, or there was no earlier sample to compare with. */
export interface StatsRow {
  readonly id: string
  readonly name?: string
  readonly status: SandboxStatus
  /** Of one CPU: 200 is two of them */
  readonly cpuPercent?: number
  /** Since the sandbox was made, `us` */
  readonly cpuUs?: number
  /** Of the periods of its quota, those in which it was used up */
  readonly throttledPercent?: number
  readonly memoryBytes?: number
  /** null: no limit */
  readonly memoryLimitBytes?: number | null
  readonly memoryPeakBytes?: number
  readonly pids?: number
  /** null: no limit */
  readonly pidsLimit?: number | null
  /** Since the sandbox was made, of all devices */
  readonly readBytes?: number
  readonly writeBytes?: number
  /** Bytes a second */
  readonly readRate?: number
  readonly writeRate?: number
  readonly oomKills?: number
  /** Per cent of the last ten seconds in which something waited for it */
  readonly pressure?: { readonly cpu?: number; readonly memory?: number; readonly io?: number }
}

/** Compares two samples of a sandbox. */
export function statsRow(before: Sample | undefined, now: Sample): StatsRow {
  const { cpu, memory, pids } = now.statistics
  const [readBytes, writeBytes] = [bytesOf(now, 'readBytes'), bytesOf(now, 'writeBytes')]
  return defined({
    id: now.id,
    name: now.name,
    status: now.status,
    cpuPercent: scaled(perSecond(before, now, cpu?.usageUs, before?.statistics.cpu?.usageUs), 1e-4),
    cpuUs: cpu?.usageUs,
    throttledPercent: throttled(before?.statistics, now.statistics),
    memoryBytes: memory?.currentBytes,
    memoryLimitBytes: memory?.limitBytes,
    memoryPeakBytes: memory?.peakBytes,
    pids: pids?.current,
    pidsLimit: pids?.limit,
    readBytes,
    writeBytes,
    readRate: perSecond(before, now, readBytes, before && bytesOf(before, 'readBytes')),
    writeRate: perSecond(before, now, writeBytes, before && bytesOf(before, 'writeBytes')),
    oomKills: memory?.oomKills,
    pressure: pressureOf(now.statistics),
  }) as unknown as StatsRow
}

/** Growth per second; a counter that went back belongs to another sandbox of the same id. */
function perSecond(before: Sample | undefined, now: Sample, value?: number, old?: number): number | undefined {
  if (before === undefined || value === undefined || old === undefined || now.atMs <= before.atMs) return undefined
  return Math.max(0, ((value - old) * 1000) / (now.atMs - before.atMs))
}

const scaled = (value: number | undefined, factor: number): number | undefined =>
  value === undefined ? undefined : value * factor

function throttled(before: Statistics | undefined, now: Statistics): number | undefined {
  const [from, to] = [before?.cpu, now.cpu]
  if (from?.periods === undefined || to?.periods === undefined) return undefined
  const periods = to.periods - from.periods
  return periods > 0 ? (100 * ((to.throttledPeriods ?? 0) - (from.throttledPeriods ?? 0))) / periods : 0
}

function bytesOf({ statistics }: Sample, key: 'readBytes' | 'writeBytes'): number | undefined {
  return statistics.io?.devices.reduce((sum, device) => sum + (device[key] ?? 0), 0)
}

function pressureOf({ cpu, memory, io }: Statistics): StatsRow['pressure'] {
  const some = (pressure: Pressure | undefined): number | undefined => pressure?.some.avg10
  const found = defined({ cpu: some(cpu?.pressure), memory: some(memory?.pressure), io: some(io?.pressure) })
  return Object.keys(found).length ? found : undefined
}

const defined = (row: Readonly<Record<string, unknown>>): Record<string, never> =>
  Object.fromEntries(Object.entries(row).filter(([, value]) => value !== undefined)) as Record<string, never>

/** What rows can be sorted by, and the key for it in the live view. */
export const ORDERS = {
  cpu: { key: 'c', value: (row: StatsRow) => row.cpuPercent },
  memory: { key: 'm', value: (row: StatsRow) => row.memoryBytes },
  pids: { key: 'p', value: (row: StatsRow) => row.pids },
  io: {
    key: 'i',
    value: (row: StatsRow) => (row.readRate === undefined ? undefined : row.readRate + (row.writeRate ?? 0)),
  },
  name: { key: 'n', value: () => undefined },
} as const

export type Order = keyof typeof ORDERS

/** The largest first, names from a to z; what is alike keeps its place, so that rows do not jump. */
export function sortedRows(rows: readonly StatsRow[], order: Order): readonly StatsRow[] {
  const label = (row: StatsRow): string => row.name ?? row.id
  const { value } = ORDERS[order]
  return rows.toSorted((a, b) => {
    if (order !== 'name') return (value(b) ?? -1) - (value(a) ?? -1)
    return label(a) < label(b) ? -1 : label(a) > label(b) ? 1 : 0
  })
}

/** All sandboxes together. */
export function totalOf(rows: readonly StatsRow[]): Pick<StatsRow, 'cpuPercent' | 'memoryBytes' | 'pids'> {
  const sum = (key: 'cpuPercent' | 'memoryBytes' | 'pids'): number =>
    rows.reduce((all, row) => all + (row[key] ?? 0), 0)
  return { cpuPercent: sum('cpuPercent'), memoryBytes: sum('memoryBytes'), pids: sum('pids') }
}
