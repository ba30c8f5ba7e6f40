import type { GroupPlace } from '../features/cgroups/group-place.ts'
import { parseStatistics } from '../features/cgroups/readings/parse-statistics.ts'
import {
  type StatisticsFile,
  statisticsFiles,
  type StatisticsKind,
} from '../features/cgroups/readings/statistics-files.ts'
import type { Statistics } from '../features/cgroups/readings/statistics.ts'
import type { Caller } from '../process/caller.ts'
import { portions } from './read-files.ts'
import { StatisticsProgram } from './statistics-program.ts'

/** A group whose statistics are read. */
export interface Measured {
  readonly places: readonly GroupPlace[]
}

/** Groups that are read by one message, with their files. */
interface Batch {
  readonly files: ReadonlyMap<Measured, readonly StatisticsFile[]>
  /** Encoded once and sent again and again */
  program?: StatisticsProgram
}

/** What a table of many groups shows: each file costs the kernel as much as a small program's call, and there are many. */
export const TABLE_KINDS: readonly StatisticsKind[] = ['cpu', 'memory', 'pids', 'io']

/** A message costs as much as reading three files, and one with so many fits into the buffers of an agent, as its answer does. */
const FILES_PER_MESSAGE = 96

/** Messages that an agent is sent before it has answered: enough to do while one answer is read here, and no more than a socket takes. */
const AHEAD = 4

/** The batch that a group was in the last time, by what was asked for. */
const known = new WeakMap<Measured, Map<string, Batch>>()

/**
 * What some groups use, in one pass: while one answer is read here, the process is at the next groups. A group that is gone has no
 * statistics.
 * @throws SyscallError EACCES, …; StateError, AgentError
 */
export async function readStatistics(
  caller: Caller,
  groups: readonly Measured[],
  kinds: readonly StatisticsKind[],
): Promise<Statistics[]> {
  const found = new Map<Measured, Statistics>()
  const batches = batchesOf(groups, kinds).values()
  const readSome = async (): Promise<void> => {
    for (const batch of batches) await readBatch(caller, batch, kinds.join(), found)
  }
  await Promise.all(Array.from({ length: AHEAD }, readSome))
  return groups.map((group) => found.get(group) ?? {})
}

/** Batches of the last time, as far as all that is in them is wanted again, and new ones for the rest. */
function batchesOf(groups: readonly Measured[], kinds: readonly StatisticsKind[]): Batch[] {
  const key = kinds.join()
  const wanted = new Set(groups)
  const batchOf = (group: Measured): Batch | undefined => known.get(group)?.get(key)
  const isWhole = (batch: Batch): boolean =>
    [...batch.files.keys()].every((group) => wanted.has(group) && batchOf(group) === batch)
  const last = new Set([...wanted].flatMap((group) => batchOf(group) ?? []))
  const kept = new Set([...last].filter(isWhole))
  const rest = [...wanted].filter((group) => !kept.has(batchOf(group) as Batch))
  const files = rest.map((group) => [group, filesOf(batchOf(group), group, kinds)] as const)
  const most = Math.max(1, ...files.map(([, { length }]) => length))
  const size = Math.max(1, Math.floor(FILES_PER_MESSAGE / most))
  return [...kept, ...portions(files, size).map((some): Batch => ({ files: new Map(some) }))]
}

const filesOf = (batch: Batch | undefined, group: Measured, kinds: readonly StatisticsKind[]) =>
  batch?.files.get(group) ?? statisticsFiles(group.places, kinds)

async function readBatch(caller: Caller, batch: Batch, key: string, found: Map<Measured, Statistics>): Promise<void> {
  batch.program ??= new StatisticsProgram([...batch.files.values()].flat())
  const { texts, isWhole } = await batch.program.run(caller)
  const kept = keep(batch, key, texts)
  if (!isWhole) {
    delete kept.program
    return readBatch(caller, kept, key, found)
  }
  for (const [group, files] of kept.files) found.set(group, parseStatistics(texts, files))
}

/** The batch for the next time: files that were not there at first are not asked for again, as long as the group is. */
function keep(batch: Batch, key: string, texts: ReadonlyMap<string, string>): Batch {
  const isNew = (group: Measured): boolean => !known.get(group)?.has(key)
  const files = [...batch.files].map(([group, all]): [Measured, readonly StatisticsFile[]] => {
    const there = isNew(group) ? all.filter(({ path }) => texts.has(path)) : all
    return [group, there.length === 0 ? all : there]
  })
  const isSame = files.every(([group, some]) => some.length === batch.files.get(group)?.length)
  const kept = isSame ? batch : { files: new Map(files) }
  for (const [group] of files) known.set(group, (known.get(group) ?? new Map<string, Batch>()).set(key, kept))
  return kept
}
