import type { ContainerStatistics } from './container-statistics.ts'

/** The same for people: a line per resource that the host tells of. */
export function statisticsLines({ cgroup_stats: groups, network_stats: network }: ContainerStatistics): string {
  const { cpu_stats: cpu, memory_stats: memory, pids_stats: pids, blkio_stats: io, freezer_stats: freezer } = groups
  const lines = [
    ...(cpu ? [`cpu      ${cpuText(cpu)}`] : []),
    ...(memory ? [`memory   ${memoryText(memory)}`] : []),
    ...(pids ? [`pids     ${pids.current ?? '?'} of ${pids.limit ?? 'any number'}`] : []),
    ...(io && io.io_service_bytes_recursive.length > 0 ? [`blkio    ${ioText(io)}`] : []),
    ...(network?.interfaces ?? []).map(
      (each) =>
        `${each.name.padEnd(8)} received ${bytes(each.rx_bytes)} in ${each.rx_packets} packets, sent ${bytes(each.tx_bytes)} in ${each.tx_packets} (${each.host} on the host)`,
    ),
    ...(freezer.state ? [`freezer  ${freezer.state}`] : []),
  ]
  return lines.map((line) => `${line}\n`).join('')
}

type Groups = ContainerStatistics['cgroup_stats']

function cpuText({ cpu_usage: usage, throttling_data: throttling }: NonNullable<Groups['cpu_stats']>): string {
  const now = usage.percent_usage === undefined ? '' : `${usage.percent_usage} % of one CPU now, `
  const held = throttling.periods
    ? `, throttled in ${throttling.throttled_periods ?? 0} of ${throttling.periods} periods, ${seconds(throttling.throttled_time)}`
    : ''
  return `${now}${seconds(usage.total_usage)} used (user ${seconds(usage.usage_in_usermode)}, system ${seconds(usage.usage_in_kernelmode)})${held}`
}

function memoryText({ usage, max_usage: most, limit, failcnt }: NonNullable<Groups['memory_stats']>): string {
  const of = limit === null || limit === undefined ? '' : ` of ${bytes(limit)}`
  return `${bytes(usage)}${of}, at most ${bytes(most)}, limit reached ${failcnt ?? 0} times`
}

function ioText({ io_service_bytes_recursive: all }: NonNullable<Groups['blkio_stats']>): string {
  const sum = (op: string): number => all.filter((each) => each.op === op).reduce((to, { value }) => to + value, 0)
  return `read ${bytes(sum('Read'))}, written ${bytes(sum('Write'))}`
}

const seconds = (ns: number | undefined): string => (ns === undefined ? '?' : `${(ns / 1e9).toFixed(2)} s`)

const UNITS = ['B', 'KiB', 'MiB', 'GiB', 'TiB'] as const

function bytes(count: number | undefined): string {
  if (count === undefined) return '?'
  const power = Math.min(UNITS.length - 1, Math.floor(Math.log2(Math.max(1, count)) / 10))
  return power === 0 ? `${count} B` : `${(count / 1024 ** power).toFixed(1)} ${UNITS[power]}`
}
