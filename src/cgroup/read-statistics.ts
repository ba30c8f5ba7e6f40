import type { GroupPlace } from '../features/cgroups/group-place.ts'
import { parseStatistics } from '../features/cgroups/readings/parse-statistics.ts'
import {
  type StatisticsFile,
  statisticsFiles,
  type StatisticsFormat,
  type StatisticsKind,
} from '../features/cgroups/readings/statistics-files.ts'
import type { Statistics } from '../features/cgroups/readings/statistics.ts'
import type { Ref } from '../linux/ref.ts'
import type { Caller } from '../process/caller.ts'
import type { ProgramResult } from '../program/result.ts'
import { GroupProgram } from './group-program.ts'

/** A group whose statistics are read. */
export interface Measured {
  readonly places: readonly GroupPlace[]
}

/** A program that reads the files of one group, encoded once and sent again and again. */
interface Reading {
  readonly program: GroupProgram
  readonly wanted: readonly Wanted[]
}

interface Wanted {
  readonly file: StatisticsFile
  readonly ref: Ref<Uint8Array>
  readonly room: number
}

/** What a table of many groups shows: each file costs the kernel as much as a small program's call, and there are many. */
export const TABLE_KINDS: readonly StatisticsKind[] = ['cpu', 'memory', 'pids', 'io']

/** Errors by which a kernel says that it does not keep this number. */
const NOT_KEPT = ['ENOENT', 'ENODEV', 'EOPNOTSUPP', 'EINVAL', 'EIO'] as const

/** Room for files of many lines before it is known how long they are here; all room comes back with the answer. */
const FIRST_ROOM = 2048

/** Room that a file turned out to need on this machine. */
const learnt = new Map<StatisticsFormat, number>()

const readings = new WeakMap<Measured, Map<string, Reading>>()

/**
 * What some groups use, all of them asked before the first answers: while one answer is read here, the process is at the next group. A
 * group that is gone has no statistics.
 * @throws SyscallError EACCES, …; StateError, AgentError
 */
export function readStatistics(
  caller: Caller,
  groups: readonly Measured[],
  kinds: readonly StatisticsKind[],
): Promise<Statistics[]> {
  return Promise.all(groups.map((group) => readOne(caller, group, kinds)))
}

async function readOne(caller: Caller, group: Measured, kinds: readonly StatisticsKind[]): Promise<Statistics> {
  const key = kinds.join()
  for (;;) {
    const reading = findReading(group, key) ?? makeReading(statisticsFiles(group.places, kinds))
    const { texts, full } = textsOf(reading, await reading.program.run(caller))
    keep(group, key, reading, texts)
    if (!learn(full)) {
      const files = reading.wanted.map(({ file }) => file)
      return parseStatistics(texts, files)
    }
    readings.get(group)?.delete(key)
  }
}

const findReading = (group: Measured, key: string): Reading | undefined => readings.get(group)?.get(key)

function makeReading(files: readonly StatisticsFile[]): Reading {
  const program = new GroupProgram()
  const wanted = files.map((file): Wanted => {
    const room = Math.min(file.bytes, learnt.get(file.format) ?? FIRST_ROOM)
    return { file, room, ref: program.read(file.path, room, NOT_KEPT) }
  })
  return { program, wanted }
}

/** Files that are not there are not asked for again, as long as the group is. */
function keep(group: Measured, key: string, reading: Reading, texts: ReadonlyMap<string, string>): void {
  if (texts.size === 0 || findReading(group, key) === reading) return
  const files = reading.wanted.map(({ file }) => file).filter(({ path }) => texts.has(path))
  const known = readings.get(group) ?? new Map<string, Reading>()
  readings.set(group, known.set(key, files.length === reading.wanted.length ? reading : makeReading(files)))
}

/** What was read, and which files filled their room. */
function textsOf({ wanted }: Reading, result: ProgramResult): { texts: Map<string, string>; full: Wanted[] } {
  const texts = new Map<string, string>()
  const full: Wanted[] = []
  for (const each of wanted) {
    const bytes: Uint8Array | number = result.get(each.ref)
    if (typeof bytes === 'number') continue
    if (bytes.length === each.room) full.push(each)
    // All of it is ASCII.
    texts.set(each.file.path, Buffer.from(bytes.buffer, bytes.byteOffset, bytes.length).toString('latin1'))
  }
  return { texts, full }
}

/** Files that may be longer than their room get more, up to the most that they can be; false when none did. */
function learn(full: readonly Wanted[]): boolean {
  const more = full.filter(({ file, room }) => room < file.bytes)
  for (const { file, room } of more) learnt.set(file.format, Math.min(4 * room, file.bytes))
  return more.length > 0
}
