import type { Controller } from '../../host/facts.ts'
import type { ReadingFormat } from './readings.ts'

/** A file to read before the group is removed. */
export interface CgroupReading {
  readonly kind: 'oom' | 'memory' | 'pids' | 'cpu'
  readonly path: string
  /** How `parseReading` reads it */
  readonly format: ReadingFormat
  /** Whether older kernels do not have it */
  readonly optional?: boolean
}

interface ReadableGroup {
  readonly directory: string
  readonly version: 1 | 2
  readonly controllers: readonly Controller[]
}

type Row = readonly [kind: CgroupReading['kind'], format: ReadingFormat, optional?: 'optional']

const V1: Readonly<Partial<Record<Controller, readonly Row[]>>> = {
  // The oom_kill line came with 4.13, the file itself is older.
  memory: [
    ['oom', 'memory.oom_control'],
    ['memory', 'memory.max_usage_in_bytes'],
  ],
  // pids.peak came with 6.1, pids.events with 4.8.
  pids: [
    ['pids', 'pids.current'],
    ['pids', 'pids.peak', 'optional'],
    ['pids', 'pids.events', 'optional'],
  ],
  cpu: [['cpu', 'cpu.stat', 'optional']],
  // usage_user and usage_sys came with 4.6.
  cpuacct: [
    ['cpu', 'cpuacct.usage'],
    ['cpu', 'cpuacct.usage_user', 'optional'],
    ['cpu', 'cpuacct.usage_sys', 'optional'],
  ],
}

const V2: Readonly<Partial<Record<Controller, readonly Row[]>>> = {
  // memory.peak came with 5.19.
  memory: [
    ['oom', 'memory.events'],
    ['memory', 'memory.peak', 'optional'],
  ],
  pids: V1.pids ?? [],
}

/** Every v2 group counts CPU time, with and without the cpu controller. */
const V2_ALWAYS: readonly Row[] = [['cpu', 'cpu.stat']]

/** The files of one group that tell what was used. */
export function readingsOf({ directory, version, controllers }: ReadableGroup): CgroupReading[] {
  const rows = controllers.flatMap((controller) => (version === 1 ? V1 : V2)[controller] ?? [])
  return [...rows, ...(version === 2 ? V2_ALWAYS : [])].map(([kind, format, optional]) => ({
    kind,
    path: `${directory}/${format}`,
    format,
    ...(optional ? { optional: true } : {}),
  }))
}
