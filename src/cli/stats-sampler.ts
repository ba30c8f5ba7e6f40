import { observeSandboxes } from '../container/live-sandbox.ts'
import { measureSandboxes } from '../container/live-sandbox-statistics.ts'
import { findRecord, listRecords, type StoredRecord } from '../container/records.ts'
import type { SandboxRecord } from '../plan/sandbox-record.ts'
import type { Caller } from '../process/caller.ts'
import { type Sample, type StatsRow, statsRow } from './stats-rows.ts'

/** Readings that are kept for the small history of each sandbox */
const HISTORY = 60

/** Reads sandboxes again and again; they may come and go between two readings. */
export class StatsSampler {
  readonly #caller: Caller
  /** Ids of those that are meant; undefined: all there are */
  readonly #only: ReadonlySet<string> | undefined
  #last: ReadonlyMap<string, Sample> = new Map()
  #known: ReadonlyMap<string, SandboxRecord> = new Map()
  #history: ReadonlyMap<string, readonly number[]> = new Map()

  /** @param which ids, names, beginnings of ids; none: all @throws InvalidInputError for one that does not exist */
  constructor(caller: Caller, which: readonly string[]) {
    this.#caller = caller
    if (which.length === 0) return
    const { records } = listRecords()
    this.#only = new Set(which.map((each) => findRecord(each, records).record.id))
  }

  /** CPU use so far by id, the newest last, per cent; only of those that are still there. */
  get history(): ReadonlyMap<string, readonly number[]> {
    return this.#history
  }

  /** A reading, compared with the one before. @throws SyscallError for files that this user may not read */
  async next(): Promise<readonly StatsRow[]> {
    const records = listRecords().records.filter(({ record }) => this.#only?.has(record.id) ?? true)
    const samples = await this.#samples(records)
    const rows = samples.map((sample) => statsRow(this.#last.get(sample.id), sample))
    this.#last = new Map(samples.map((sample) => [sample.id, sample]))
    this.#history = new Map(
      rows.map(({ id, cpuPercent }) => {
        const before = this.#history.get(id) ?? []
        return [id, cpuPercent === undefined ? before : [...before, cpuPercent].slice(-HISTORY)]
      }),
    )
    return rows
  }

  async #samples(records: readonly StoredRecord[]): Promise<readonly Sample[]> {
    const known = records.map(({ record }) => this.#known.get(record.id) ?? record)
    this.#known = new Map(known.map((record) => [record.id, record]))
    const found = await measureSandboxes(this.#caller, known)
    return observeSandboxes(records).flatMap(({ record, status }) => {
      const measurement = found.get(record.id)
      const name = record.name === undefined ? {} : { name: record.name }
      return measurement ? [{ id: record.id, ...name, status, ...measurement }] : []
    })
  }
}
