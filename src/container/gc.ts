import { unlinkSync } from 'node:fs'
import { destroyGroup } from '../cgroup/destroy.ts'
import { findOwnedGroups } from '../cgroup/leftovers.ts'
import { readProcesses } from '../cgroup/members.ts'
import { lifeOf } from '../cgroup/owner.ts'
import type { GroupPlace } from '../features/cgroups/group-place.ts'
import type { GroupOwner } from '../features/cgroups/owner.ts'
import type { CgroupFacts } from '../host/facts.ts'
import type { Caller } from '../process/caller.ts'
import { assertGroups } from './gc-groups.ts'
import { emptyLeaves } from './gc-leaves.ts'
import { isAbandoned } from './gc-half-records.ts'
import { findRecordDirectory } from './record-directory.ts'
import { listRecords, type RecordList, type StoredRecord } from './records.ts'

/** Something that a dead owner left. */
export interface Leftover {
  /** Of the sandbox; null for what belongs to none */
  readonly id: string | null
  readonly name?: string
  /** null: it cannot be known whose it was, and it is empty */
  readonly owner: GroupOwner | null
  readonly places: readonly GroupPlace[]
  /** Levels above the groups, removed when they are empty */
  readonly shared: readonly string[]
  /** File of its record; null where there is none */
  readonly record: string | null
  /** Processes in its groups, which are ended */
  readonly pids: readonly number[]
}

/** What was found, and what became of it. */
export interface GcReport {
  readonly dryRun: boolean
  /** Gone now; with `dryRun` what would be */
  readonly removed: readonly Leftover[]
  readonly failed: readonly { readonly leftover: Leftover; readonly error: Error }[]
  /** What is left alone though nobody is known to own it, with the reason */
  readonly kept: readonly { readonly path: string; readonly reason: string }[]
}

export interface GcOptions {
  /** Only looks */
  readonly dryRun?: boolean
  /** Directory of records; default: this user's */
  readonly directory?: string | undefined
}

/** Whether a record here belongs to a dead owner: cheap enough to ask at every start. */
export const hasLeftovers = (directory: string | undefined = findRecordDirectory()): boolean =>
  listRecords(directory).records.some(({ record }) => lifeOf(record.owner) === 'dead')

/**
 * Removes what dead owners left: their processes, groups and records; with facts also groups that lost their record. Owners that live,
 * or of which this process cannot know, are never touched. Several may do this at the same time.
 */
export async function collectGarbage(
  caller: Caller,
  facts: CgroupFacts | null,
  { dryRun = false, directory = findRecordDirectory() }: GcOptions = {},
): Promise<GcReport> {
  const list = listRecords(directory)
  const { found, kept } = await findLeftovers(caller, facts, list)
  const removed: Leftover[] = []
  const failed: { leftover: Leftover; error: Error }[] = []
  for (const leftover of found) {
    try {
      assertGroups([...leftover.places.map((place) => place.directory), ...leftover.shared])
      if (!dryRun) await removeLeftover(caller, leftover)
      removed.push(leftover)
    } catch (error) {
      failed.push({ leftover, error: error as Error })
    }
  }
  return { dryRun, removed, failed, kept }
}

async function findLeftovers(
  caller: Caller,
  facts: CgroupFacts | null,
  { records, unreadable }: RecordList,
): Promise<{ found: readonly Leftover[]; kept: GcReport['kept'] }> {
  const kept: { path: string; reason: string }[] = []
  const found: Leftover[] = []
  const lives = records.map((stored) => [stored, lifeOf(stored.record.owner)] as const)
  // A group that was given a name of its own may be used by several sandboxes, one after the other.
  const used = new Set(lives.flatMap(([stored, life]) => (life === 'dead' ? [] : directoriesOf(stored))))
  for (const [stored, life] of lives) {
    if (life === 'dead') found.push(await ofRecord(caller, stored, used))
    if (life === 'unknown') kept.push({ path: stored.file, reason: ELSEWHERE })
  }
  for (const { file, reason } of unreadable) {
    if (await isAbandoned(caller, file)) found.push({ ...NOTHING, record: file })
    else kept.push({ path: file, reason })
  }
  if (!facts) return { found, kept }
  const known = new Set(records.flatMap(directoriesOf))
  for (const { id, owner, life, ...group } of await findOwnedGroups(caller, facts)) {
    const places = group.places.filter(({ directory }) => !known.has(directory))
    if (places.length === 0) continue
    if (life === 'dead') found.push({ ...NOTHING, id, owner, places, pids: await pidsIn(caller, places) })
    if (life === 'unknown') kept.push(...places.map(({ directory }) => ({ path: directory, reason: ELSEWHERE })))
  }
  for (const leaf of emptyLeaves(facts)) found.push({ ...NOTHING, shared: [leaf] })
  return { found, kept }
}

const ELSEWHERE = 'its owner is in another pid namespace'

const NOTHING: Leftover = { id: null, owner: null, places: [], shared: [], record: null, pids: [] }

const directoriesOf = ({ record }: StoredRecord): readonly string[] => record.places.map(({ directory }) => directory)

async function ofRecord(caller: Caller, { record, file }: StoredRecord, used: ReadonlySet<string>): Promise<Leftover> {
  const { id, name, owner, shared = [] } = record
  const places = record.places.filter(({ directory }) => !used.has(directory))
  const named = name === undefined ? {} : { name }
  return { id, ...named, owner, places, shared, record: file, pids: await pidsIn(caller, places) }
}

const pidsIn = (caller: Caller, places: readonly GroupPlace[]): Promise<readonly number[]> =>
  readProcesses(caller, places, { recursive: true })

/** The record goes last: whoever is interrupted in between finds the rest again. */
async function removeLeftover(caller: Caller, { places, shared, record }: Leftover): Promise<void> {
  await destroyGroup(caller, { places, shared }, { kill: true })
  if (record === null) return
  try {
    unlinkSync(record)
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code !== 'ENOENT') throw error
  }
}
