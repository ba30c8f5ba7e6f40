/** What a group's files said at one moment; absent means that this host does not tell. */
export interface Usage {
  /** Processes that were killed because the group reached its memory limit */
  readonly oomKills?: number
  /** Most memory in use at once, `bytes` */
  readonly memoryPeakBytes?: number
  /** Memory in use, `bytes` */
  readonly memoryBytes?: number
  /** Processes and threads */
  readonly pids?: number
  /** Most processes and threads at once */
  readonly pidsPeak?: number
  /** Forks that the pids limit refused */
  readonly forksRefused?: number
  /** CPU time, `us` */
  readonly cpuUs?: number
  readonly cpuUserUs?: number
  readonly cpuSystemUs?: number
  /** Periods in which the CPU quota was used up */
  readonly throttledPeriods?: number
  /** Time spent waiting because of that, `us` */
  readonly throttledUs?: number
}

/** Where one value stands in a file: under a key of a flat keyed file, or alone; `scale` turns it into the unit of `Usage`. */
interface Source {
  readonly field: keyof Usage
  readonly key?: string
  readonly scale?: number
}

/** Nanoseconds to microseconds. */
const FROM_NS = 1e-3

/** Files that are read after a run, and what they say. v1 and v2 share a name only where they differ in keys. */
const FORMATS = {
  'memory.oom_control': [{ field: 'oomKills', key: 'oom_kill' }],
  'memory.events': [{ field: 'oomKills', key: 'oom_kill' }],
  'memory.max_usage_in_bytes': [{ field: 'memoryPeakBytes' }],
  'memory.peak': [{ field: 'memoryPeakBytes' }],
  'memory.usage_in_bytes': [{ field: 'memoryBytes' }],
  'memory.current': [{ field: 'memoryBytes' }],
  'pids.current': [{ field: 'pids' }],
  'pids.peak': [{ field: 'pidsPeak' }],
  'pids.events': [{ field: 'forksRefused', key: 'max' }],
  'cpu.stat': [
    { field: 'cpuUs', key: 'usage_usec' },
    { field: 'cpuUserUs', key: 'user_usec' },
    { field: 'cpuSystemUs', key: 'system_usec' },
    { field: 'throttledPeriods', key: 'nr_throttled' },
    { field: 'throttledUs', key: 'throttled_usec' },
    { field: 'throttledUs', key: 'throttled_time', scale: FROM_NS },
  ],
  'cpuacct.usage': [{ field: 'cpuUs', scale: FROM_NS }],
  'cpuacct.usage_user': [{ field: 'cpuUserUs', scale: FROM_NS }],
  'cpuacct.usage_sys': [{ field: 'cpuSystemUs', scale: FROM_NS }],
} as const satisfies Record<string, readonly Source[]>

/** A file that can be read: formats bear the names of the kernel's files. */
export type ReadingFormat = keyof typeof FORMATS

/** What the text of one file says; unknown keys and text that is no number are left out. */
export function parseReading(format: ReadingFormat, text: string): Usage {
  const sources: readonly Source[] = FORMATS[format]
  const values = parseFields(text)
  const usage: { -readonly [K in keyof Usage]: number } = {}
  for (const { field, key = '', scale = 1 } of sources) {
    const value = values.get(key)
    if (value !== undefined) usage[field] = Math.round(value * scale)
  }
  return usage
}

/** What several files say together. */
export const mergeUsage = (parts: readonly Usage[]): Usage => Object.assign({}, ...parts) as Usage

/** `key number` lines; a line that is one number has the empty key. */
function parseFields(text: string): Map<string, number> {
  const values = new Map<string, number>()
  for (const line of text.split('\n')) {
    const [, key = '', digits] = /^(?:([\w.]+) )?(\d+)$/.exec(line.trim()) ?? []
    if (digits !== undefined) values.set(key, Number(digits))
  }
  return values
}
