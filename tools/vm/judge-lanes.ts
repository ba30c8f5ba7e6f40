import { relative, resolve } from 'node:path'
import { ROOT } from '../project-files.ts'
import { countTests, type TestRecord } from '../test-run.ts'
import type { FileEnded, Stage } from './job.ts'

/** A test, and the stage that it ran in. */
export type StagedRecord = TestRecord & { readonly where: string }

/** The tests of files that ended, with their places. */
export const stagedRecords = (files: readonly FileEnded[]): readonly StagedRecord[] =>
  files.flatMap(({ stage, records }) => records.map((record) => ({ ...record, where: stage })))

/** What is wrong with files beside failed tests: an end that no failed test explains, or no test at all. */
export function judgeFiles(files: readonly FileEnded[]): readonly string[] {
  return files.flatMap(({ stage, file, code, records }) => {
    const failed = records.some(({ outcome }) => outcome === 'failed')
    if (code !== 0 && !failed) return [`${stage}: ${file} ended with ${code}`]
    return records.length === 0 ? [`${stage}: ${file} holds no test`] : []
  })
}

/** Stages that ran nothing: all of their tests may be gone, or skipped. */
export function judgeStages(stages: readonly Stage[], records: readonly StagedRecord[]): readonly string[] {
  const ran = new Set(records.filter(({ outcome }) => outcome !== 'skipped').map(({ where }) => where))
  return stages.filter(({ name }) => !ran.has(name)).map(({ name }) => `${name}: no test ran`)
}

/** A machine lacks what another has, so tests may skip in it; but each has to run somewhere, in a machine or on this host. */
export function judgeStagedSkips(records: readonly TestRecord[]): readonly string[] {
  const keyOf = ({ file, name }: TestRecord): string => `${relative(ROOT, resolve(ROOT, file))}: ${name}`
  const ran = new Set(records.filter(({ outcome }) => outcome !== 'skipped').map(keyOf))
  const nowhere = records.filter(
    (record) => record.where !== undefined && record.outcome === 'skipped' && !ran.has(keyOf(record)),
  )
  return [...new Map(nowhere.map((record) => [keyOf(record), record])).values()].map(
    (record) => `${keyOf(record)} was skipped everywhere (${record.where}: ${record.reason})`,
  )
}

/** A line per stage with its numbers, and one per reason of what it skipped. */
export function describeStages(records: readonly StagedRecord[]): readonly string[] {
  return [...new Set(records.map(({ where }) => where))].flatMap((where) => {
    const own = records.filter((record) => record.where === where)
    const { passed, failed, skipped } = countTests(own)
    const reasons = own.filter(({ outcome }) => outcome === 'skipped').map(({ reason }) => reason)
    const lines = [...new Set(reasons)].map(
      (reason) => `  ${reasons.filter((each) => each === reason).length} skipped: ${reason}`,
    )
    return [`${where}: ${passed} passed, ${failed} failed, ${skipped} skipped`, ...lines]
  })
}
