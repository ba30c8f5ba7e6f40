import { relative } from 'node:path'
import { ROOT } from './project-files.ts'
import { runSystemTests, type TestRecord, type TestRun } from './test-run.ts'

/** Who fails in more files than these has a fault, and no busy machine. */
const MOST_FILES = 3

/** What became of tests that failed beside others. */
export interface SecondRun {
  /** All records, those of the files that ran again in the place of their first ones */
  readonly records: readonly TestRecord[]
  /** A line for each test that passed only with nothing beside it */
  readonly lines: readonly string[]
}

/**
 * Runs the files of failed tests once more, with nothing beside them: on a machine of two busy processors a test may wait in vain. What
 * fails again has failed, and what passed only then is said by name.
 */
export async function runAgain(
  records: readonly TestRecord[],
  run: (files: readonly string[]) => Promise<TestRun> = runSystemTests,
): Promise<SecondRun> {
  const failed = records.filter(canRunAgain)
  const files = [...new Set(failed.map(({ file }) => relative(ROOT, file)))]
  if (files.length === 0 || files.length > MOST_FILES) return { records, lines: [] }
  console.log(`\n${files.length} test files again, alone`)
  const again = await run(files)
  const settled = new Set(files.filter((file) => passedWhole(again, file)))
  const kept = records.filter(({ file, where }) => where !== undefined || !settled.has(relative(ROOT, file)))
  const second = again.records.filter(({ file }) => settled.has(relative(ROOT, file)))
  const lines = failed
    .filter(({ file }) => settled.has(relative(ROOT, file)))
    .map(({ name, file, reason }) => `passed only alone: ${name} (${relative(ROOT, file)}): ${reason}`)
  return { records: [...kept, ...second], lines }
}

/** Of this host, and a file of system tests: units share one process, and examples are no tests. */
const canRunAgain = ({ outcome, where, file }: TestRecord): boolean =>
  outcome === 'failed' && where === undefined && /^test\/.*\.test\.ts$/.test(relative(ROOT, file))

function passedWhole({ records, problems }: TestRun, file: string): boolean {
  const own = records.filter((record) => relative(ROOT, record.file) === file)
  return problems.length === 0 && own.length > 0 && own.every(({ outcome }) => outcome !== 'failed')
}
