import { linesOf, parseKeyed, parseLimit, parseNumber, parsePressure, parseWords } from './parse-statistics-text.ts'
import type { StatisticsFile, StatisticsFormat } from './statistics-files.ts'
import type {
  CpuStatistics,
  DeviceIo,
  HugetlbStatistics,
  MemoryStatistics,
  PidsStatistics,
  Pressure,
  RdmaStatistics,
  Statistics,
} from './statistics.ts'

type Mutable<T> = { -readonly [K in keyof T]?: T[K] | undefined }

/** What the files have said so far. */
interface Draft {
  readonly cpu: Mutable<CpuStatistics>
  readonly memory: Mutable<MemoryStatistics> & {
    memswBytes?: number | undefined
    memswLimit?: number | null | undefined
  }
  readonly pids: Mutable<PidsStatistics>
  readonly devices: Map<string, Mutable<DeviceIo>>
  readonly hugetlb: Map<string, Mutable<HugetlbStatistics>>
  rdma?: readonly RdmaStatistics[]
  readonly pressure: { cpu?: Pressure | undefined; memory?: Pressure | undefined; io?: Pressure | undefined }
  readonly freezers: Statistics['freezer'][]
  /** Whether a file was there that lists devices */
  countsIo: boolean
}

/** Nanoseconds to microseconds. */
const fromNs = (value: number | undefined): number | undefined => value && Math.round(value / 1000)

type Reader = (draft: Draft, text: string, pageSize: string) => void

/** How each file is read. v1 and v2 share a name only where they differ in keys. */
const READERS: Readonly<Record<StatisticsFormat, Reader>> = {
  'cpuacct.usage': ({ cpu }, text) => set(cpu, { usageUs: fromNs(parseNumber(text)) }),
  'cpuacct.usage_user': ({ cpu }, text) => set(cpu, { userUs: fromNs(parseNumber(text)) }),
  'cpuacct.usage_sys': ({ cpu }, text) => set(cpu, { systemUs: fromNs(parseNumber(text)) }),
  'cpu.stat': ({ cpu }, text) => readCpuStat(cpu, parseKeyed(text)),
  'memory.usage_in_bytes': ({ memory }, text) => set(memory, { currentBytes: parseNumber(text) }),
  'memory.max_usage_in_bytes': ({ memory }, text) => set(memory, { peakBytes: parseNumber(text) }),
  'memory.limit_in_bytes': ({ memory }, text) => set(memory, { limitBytes: parseLimit(text) }),
  'memory.failcnt': ({ memory }, text) => addFailures(memory, text),
  'memory.memsw.usage_in_bytes': ({ memory }, text) => set(memory, { memswBytes: parseNumber(text) }),
  'memory.memsw.limit_in_bytes': ({ memory }, text) => set(memory, { memswLimit: parseLimit(text) }),
  // A charge is refused by one of the two counters, so together they tell how often.
  'memory.memsw.failcnt': ({ memory }, text) => addFailures(memory, text),
  'memory.oom_control': ({ memory }, text) => set(memory, { oomKills: parseKeyed(text).get('oom_kill') }),
  'memory.kmem.usage_in_bytes': ({ memory }, text) => set(memory, { kernelBytes: parseNumber(text) }),
  'memory.stat': ({ memory }, text) => readMemoryStat(memory, parseKeyed(text)),
  'memory.current': ({ memory }, text) => set(memory, { currentBytes: parseNumber(text) }),
  'memory.peak': ({ memory }, text) => set(memory, { peakBytes: parseNumber(text) }),
  'memory.max': ({ memory }, text) => set(memory, { limitBytes: parseLimit(text) }),
  'memory.swap.current': ({ memory }, text) => set(memory, { swapBytes: parseNumber(text) }),
  'memory.swap.max': ({ memory }, text) => set(memory, { swapLimitBytes: parseLimit(text) }),
  'memory.events': ({ memory }, text) => readMemoryEvents(memory, parseKeyed(text)),
  'pids.current': ({ pids }, text) => set(pids, { current: parseNumber(text) }),
  'pids.peak': ({ pids }, text) => set(pids, { peak: parseNumber(text) }),
  'pids.max': ({ pids }, text) => set(pids, { limit: parseLimit(text) }),
  'pids.events': ({ pids }, text) => set(pids, { failures: parseKeyed(text).get('max') }),
  'blkio.throttle.io_service_bytes_recursive': (draft, text) => readBlkio(draft, text, BYTES),
  'blkio.throttle.io_serviced_recursive': (draft, text) => readBlkio(draft, text, OPERATIONS),
  'blkio.bfq.io_service_bytes_recursive': (draft, text) => readBlkio(draft, text, BYTES),
  'blkio.bfq.io_serviced_recursive': (draft, text) => readBlkio(draft, text, OPERATIONS),
  'io.stat': readIoStat,
  'hugetlb.*.usage_in_bytes': (draft, text, size) => setHugetlb(draft, size, { currentBytes: parseNumber(text) }),
  'hugetlb.*.max_usage_in_bytes': (draft, text, size) => setHugetlb(draft, size, { peakBytes: parseNumber(text) }),
  'hugetlb.*.limit_in_bytes': (draft, text, size) => setHugetlb(draft, size, { limitBytes: parseLimit(text) }),
  'hugetlb.*.failcnt': (draft, text, size) => setHugetlb(draft, size, { failures: parseNumber(text) }),
  'hugetlb.*.current': (draft, text, size) => setHugetlb(draft, size, { currentBytes: parseNumber(text) }),
  'hugetlb.*.max': (draft, text, size) => setHugetlb(draft, size, { limitBytes: parseLimit(text) }),
  'hugetlb.*.events': (draft, text, size) => setHugetlb(draft, size, { failures: parseKeyed(text).get('max') }),
  'rdma.current': readRdma,
  'freezer.state': ({ freezers }, text) => {
    freezers.push(({ FROZEN: 'frozen', FREEZING: 'freezing' } as const)[text.trim()] ?? 'thawed')
  },
  'cgroup.freeze': ({ freezers }, text) => {
    if (parseNumber(text) === 1) freezers.push('freezing')
  },
  'cgroup.events': ({ freezers }, text) => {
    const frozen = parseKeyed(text).get('frozen')
    if (frozen !== undefined) freezers.push(frozen === 1 ? 'frozen' : 'thawed')
  },
  'cpu.pressure': ({ pressure }, text) => set(pressure, { cpu: parsePressure(text) }),
  'memory.pressure': ({ pressure }, text) => set(pressure, { memory: parsePressure(text) }),
  'io.pressure': ({ pressure }, text) => set(pressure, { io: parsePressure(text) }),
}

/**
 * What the files of a group say together: `texts` by path, as the kernel gave them; a file that could not be read is left out of it,
 * and what it would have told is left out of the result.
 */
export function parseStatistics(texts: ReadonlyMap<string, string>, files: readonly StatisticsFile[]): Statistics {
  const draft: Draft = {
    ...{ cpu: {}, memory: {}, pids: {}, pressure: {}, freezers: [], countsIo: false },
    ...{ devices: new Map(), hugetlb: new Map() },
  }
  for (const { path, format, pageSize = '' } of files) {
    const text = texts.get(path)
    if (text !== undefined) READERS[format](draft, text, pageSize)
  }
  return assemble(draft)
}

function assemble({ cpu, memory, pids, devices, hugetlb, rdma, pressure, freezers, countsIo }: Draft): Statistics {
  const freezer = (['frozen', 'freezing', 'thawed'] as const).find((state) => freezers.includes(state))
  const io = countsIo || pressure.io ? { devices: [...devices.values()] as DeviceIo[], pressure: pressure.io } : {}
  return withValues<Statistics>({
    cpu: section<CpuStatistics>({ ...cpu, pressure: pressure.cpu }),
    memory: section<MemoryStatistics>({ ...withSwap(memory), pressure: pressure.memory }),
    pids: section<PidsStatistics>(pids),
    io: section<NonNullable<Statistics['io']>>(io),
    hugetlb: hugetlb.size > 0 ? ([...hugetlb.values()] as HugetlbStatistics[]) : undefined,
    rdma,
    freezer,
  })
}

/** v1 counts memory and swap together; the two files are read one after the other, so the difference can be a little below zero. */
function withSwap({ memswBytes, memswLimit, ...memory }: Draft['memory']): Mutable<MemoryStatistics> {
  const { currentBytes, limitBytes } = memory
  if (memswBytes !== undefined && currentBytes !== undefined) {
    memory.swapBytes = Math.max(0, memswBytes - currentBytes)
  }
  if (memswLimit === null || (memswLimit !== undefined && typeof limitBytes === 'number')) {
    memory.swapLimitBytes = memswLimit === null ? null : Math.max(0, memswLimit - (limitBytes ?? 0))
  }
  return memory
}

/** Only what has a value: absent means that this host does not tell. */
function withValues<T extends object>(values: Mutable<T>): T {
  const known: Mutable<T> = {}
  for (const key in values) if (values[key] !== undefined) known[key] = values[key]
  return known as T
}

function section<T extends object>(values: Mutable<T>): T | undefined {
  const known = withValues<T>(values)
  return Object.keys(known).length > 0 ? known : undefined
}

function set<T extends object>(target: T, values: T): void {
  Object.assign(target, withValues(values as Mutable<T>))
}

function readCpuStat(cpu: Draft['cpu'], values: ReadonlyMap<string, number>): void {
  set(cpu, {
    usageUs: values.get('usage_usec'),
    userUs: values.get('user_usec'),
    systemUs: values.get('system_usec'),
    periods: values.get('nr_periods'),
    throttledPeriods: values.get('nr_throttled'),
    throttledUs: values.get('throttled_usec') ?? fromNs(values.get('throttled_time')),
    burstPeriods: values.get('nr_bursts'),
    burstUs: values.get('burst_usec') ?? fromNs(values.get('burst_time')),
  })
}

/** Keys of v1 that begin with total_ are those of the subtree, as all keys of v2 are. */
function readMemoryStat(memory: Draft['memory'], values: ReadonlyMap<string, number>): void {
  set(memory, {
    anonBytes: values.get('anon') ?? values.get('total_rss'),
    fileBytes: values.get('file') ?? values.get('total_cache'),
    kernelBytes: values.get('kernel'),
    stat: values.size > 0 ? Object.fromEntries(values) : undefined,
  })
}

function readMemoryEvents(memory: Draft['memory'], values: ReadonlyMap<string, number>): void {
  set(memory, {
    failures: values.get('max'),
    highEvents: values.get('high'),
    oomEvents: values.get('oom'),
    oomKills: values.get('oom_kill'),
  })
}

function addFailures(memory: Draft['memory'], text: string): void {
  const count = parseNumber(text)
  if (count !== undefined) memory.failures = (memory.failures ?? 0) + count
}

function deviceOf(draft: Draft, major: string, minor: string): Mutable<DeviceIo> {
  const name = `${major}:${minor}`
  const device = draft.devices.get(name) ?? { major: Number(major), minor: Number(minor) }
  draft.devices.set(name, device)
  return device
}

const BYTES = { Read: 'readBytes', Write: 'writeBytes', Discard: 'discardBytes' } as const
const OPERATIONS = { Read: 'reads', Write: 'writes', Discard: 'discards' } as const

/** `254:0 Read 4096` lines. BFQ counts the same requests again: what the throttle has told stays. */
function readBlkio(draft: Draft, text: string, fields: typeof BYTES | typeof OPERATIONS): void {
  draft.countsIo = true
  for (const line of linesOf(text)) {
    const [, major, minor, operation, count] = /^(\d+):(\d+) (Read|Write|Discard) (\d+)$/.exec(line) ?? []
    if (major === undefined || minor === undefined) continue
    const device = deviceOf(draft, major, minor)
    device[fields[operation as keyof typeof fields]] ??= Number(count)
  }
}

/** `7:0 rbytes=… wbytes=… rios=… wios=… dbytes=… dios=…` lines; before 6.3 idle devices can stand in front, without a line end. */
function readIoStat(draft: Draft, text: string): void {
  draft.countsIo = true
  for (const line of linesOf(text)) {
    const [, major, minor, rest] = /(\d+):(\d+) (\w+=.*)$/.exec(line) ?? []
    if (major === undefined || minor === undefined || rest === undefined) continue
    const words = parseWords(rest)
    const number = (key: string): number | undefined => parseNumber(words.get(key) ?? '')
    set(deviceOf(draft, major, minor), {
      ...{ readBytes: number('rbytes'), writeBytes: number('wbytes'), discardBytes: number('dbytes') },
      ...{ reads: number('rios'), writes: number('wios'), discards: number('dios') },
    })
  }
}

function setHugetlb(draft: Draft, pageSize: string, values: Mutable<HugetlbStatistics>): void {
  const pages = draft.hugetlb.get(pageSize) ?? { pageSize }
  set(pages, values)
  draft.hugetlb.set(pageSize, pages)
}

/** `mlx4_0 hca_handle=1 hca_object=20` lines. */
function readRdma(draft: Draft, text: string): void {
  draft.rdma = linesOf(text).flatMap((line): RdmaStatistics[] => {
    const [device = ''] = line.split(' ', 1)
    const words = parseWords(line)
    const [hcaHandles, hcaObjects] = ['hca_handle', 'hca_object'].map((key) => parseNumber(words.get(key) ?? ''))
    return hcaHandles === undefined || hcaObjects === undefined ? [] : [{ device, hcaHandles, hcaObjects }]
  })
}
