import { closeSync, constants, fstatSync, openSync, readdirSync, readSync } from 'node:fs'
import { join } from 'node:path'
import { InvalidInputError } from '../base/errors.ts'
import { didYouMean } from '../linux/nearest.ts'
import { recordName } from '../plan/record-steps.ts'
import { parseRecord, RECORD_BYTES, type WrittenRecord } from '../plan/sandbox-record.ts'
import { findRecordDirectory } from './record-directory.ts'

/** A record and the file that it stands in. */
export interface StoredRecord extends WrittenRecord {
  readonly file: string
}

/** A file in the directory of records that is none: half written, of another version, or put there by somebody. */
export interface UnreadableRecord {
  readonly file: string
  readonly reason: string
}

export interface RecordList {
  /** In the order in which the sandboxes were made */
  readonly records: readonly StoredRecord[]
  readonly unreadable: readonly UnreadableRecord[]
}

const NOTHING: RecordList = { records: [], unreadable: [] }

/**
 * All records of this user's sandboxes. Others write and remove records meanwhile: what vanishes is left out, what cannot be
 * understood is listed and never thrown.
 * @throws UnsupportedError for a directory that others may write to
 */
export function listRecords(directory: string | undefined = findRecordDirectory()): RecordList {
  if (directory === undefined) return NOTHING
  const records: StoredRecord[] = []
  const unreadable: UnreadableRecord[] = []
  for (const name of namesIn(directory)) {
    const file = join(directory, name)
    try {
      const text = textOf(file)
      if (text === undefined) continue
      const written = parseRecord(text)
      if (recordName(written.record.id) === name) records.push({ file, ...written })
      else unreadable.push({ file, reason: 'it is the record of another sandbox than its name says' })
    } catch (error) {
      unreadable.push({ file, reason: error instanceof Error ? error.message : String(error) })
    }
  }
  records.sort((a, b) => compare(a.record.created, b.record.created) || compare(a.record.id, b.record.id))
  return { records, unreadable }
}

const compare = (a: string, b: string): number => (a < b ? -1 : a > b ? 1 : 0)

/**
 * The record that a user means: by id, by name, or by as much of the beginning of an id as no other has.
 * @throws InvalidInputError for none, with those that are spelt alike, and for several
 */
export function findRecord<T extends WrittenRecord>(which: string, records: readonly T[]): T {
  const exact = records.find(({ record }) => record.id === which)
  if (exact) return exact
  const named = records.filter(({ record }) => record.name === which)
  const begun = which === '' ? [] : records.filter(({ record }) => record.id.startsWith(which))
  const [found, ...more] = named.length ? named : begun
  if (found && more.length === 0) return found
  const shown = JSON.stringify(which)
  if (!found) {
    const known = records.flatMap(({ record }) => (record.name === undefined ? [record.id] : [record.id, record.name]))
    const guess = didYouMean(which, known) || ': carrel ps lists those that there are'
    throw new InvalidInputError(`There is no sandbox ${shown}${guess}`, { field: 'sandbox' })
  }
  const ids = [found, ...more].map(({ record }) => record.id).join(', ')
  throw new InvalidInputError(`Sandbox ${shown} may be any of ${ids}: give more of its id`, { field: 'sandbox' })
}

function namesIn(directory: string): readonly string[] {
  try {
    return readdirSync(directory)
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === 'ENOENT') return []
    throw error
  }
}

/** O_NONBLOCK: a pipe that somebody put there must not keep the reader waiting. */
const OPEN = constants.O_RDONLY | constants.O_NOFOLLOW | constants.O_NONBLOCK | constants.O_NOCTTY

/** Text of a small file, undefined when it has just gone. @throws Error for anything else than a small file */
function textOf(file: string): string | undefined {
  let descriptor: number
  try {
    descriptor = openSync(file, OPEN)
  } catch (error) {
    const { code = '' } = error as NodeJS.ErrnoException
    if (code === 'ENOENT') return undefined
    throw new Error(code === 'ELOOP' ? 'it is a link' : `it cannot be opened: ${code}`, { cause: error })
  }
  try {
    const found = fstatSync(descriptor)
    if (!found.isFile()) throw new Error('it is no file')
    const uid = process.geteuid?.() ?? 0
    if (found.uid !== uid) throw new Error(`it belongs to user ${found.uid}, not to ${uid}`)
    const bytes = new Uint8Array(RECORD_BYTES + 1)
    // At once: between two reads the writer could come, and the parts would not belong together.
    const length = readSync(descriptor, bytes)
    return new TextDecoder().decode(bytes.subarray(0, length))
  } finally {
    closeSync(descriptor)
  }
}
