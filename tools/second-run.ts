import { relative } from 'node:path'
import { ROOT } from './project-files.ts'
import { runSystemTests, type TestRecord, type TestRun } from './test-run.ts'

/** Who fails in more files than these has a fault, and no busy machine. */
const MOST_FILES = 6

/** How often a file whose test has failed is run alone; no more often when the tries before took so long: CI ends the whole run. */
const TRIES = 2
const LONG_MS = 180_000

/** What became of tests that failed beside others. */
export interface SecondRun {
  /** All records, those of the files that ran again in the place of their first ones */
  readonly records: readonly TestRecord[]
  /** A line for each failure of a test that passed only alone, or only at the second try alone */
  readonly lines: readonly string[]
}

/**
 * Runs the files of failed tests once more, with nothing beside them, and what fails there too a last time: on a machine of two busy
 * processors a test may wait in vain. What fails each time has failed, and each failure of what passed only then is said by name.
 */
export async function runAgain(
  records: readonly TestRecord[],
  run: (files: readonly string[]) => Promise<TestRun> = runSystemTests,
  now: () => number = () => performance.now(),
): Promise<SecondRun> {
  let failed = records.filter(canRunAgain)
  if (filesOf(failed).length > MOST_FILES) return { records, lines: [] }
  const failures = failed.map((record) => ({ record, when: 'passed only alone' }))
  const settled = new Map<string, readonly TestRecord[]>()
  const begin = now()
  for (let attempt = 1; attempt <= TRIES && failed.length > 0 && now() - begin < LONG_MS; attempt++) {
    const files = filesOf(failed)
    console.log(`\n${files.length} test files again, alone`)
    const again = await run(files)
    for (const file of files) {
      const own = recordsOf(again, file)
      if (passedWhole(again, own)) settled.set(file, own)
    }
    const open = again.records.filter((record) => canRunAgain(record) && files.includes(fileOf(record)))
    failures.push(...open.map((record) => ({ record, when: 'failed alone too, passed then' })))
    failed = failed.filter((record) => !settled.has(fileOf(record)))
  }
  const kept = records.filter((record) => record.where !== undefined || !settled.has(fileOf(record)))
  const lines = failures
    .filter(({ record }) => settled.has(fileOf(record)))
    .map(({ record, when }) => `${when}: ${record.name} (${fileOf(record)}): ${record.reason}`)
  return { records: [...kept, ...[...settled.values()].flat()], lines }
}

const fileOf = ({ file }: TestRecord): string => relative(ROOT, file)

const filesOf = (records: readonly TestRecord[]): readonly string[] => [...new Set(records.map(fileOf))]

const recordsOf = ({ records }: TestRun, file: string): readonly TestRecord[] =>
  records.filter((record) => fileOf(record) === file)

/** Of this host, and a file of system tests: units share one process, and examples are no tests. */
const canRunAgain = (record: TestRecord): boolean =>
  record.outcome === 'failed' && record.where === undefined && /^test\/.*\.test\.ts$/.test(fileOf(record))

const passedWhole = ({ problems }: TestRun, own: readonly TestRecord[]): boolean =>
  problems.length === 0 && own.length > 0 && own.every(({ outcome }) => outcome !== 'failed')
