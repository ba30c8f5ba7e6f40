import { join } from 'node:path'
import type { Gate, Outcome } from './gate.ts'
import { ROOT, unitTestFiles } from './project-files.ts'
import { countTests, runUnitTests } from './test-run.ts'
import type { TestRun } from './test-run.ts'

/** Unit and golden tests; none of them may skip. `onRun` gets the records. */
export function unitGate(onRun?: (run: TestRun) => void): Gate {
  return {
    name: 'unit',
    run: async (): Promise<Outcome> => {
      const files = unitTestFiles()
      const run = await runUnitTests(files)
      onRun?.(run)
      const problems = problemsOf(files, run)
      return { counts: { files: files.length, tests: run.records.length }, problems }
    },
  }
}

function problemsOf(files: readonly string[], run: TestRun): readonly string[] {
  const tested = new Set(run.records.map((record) => record.file))
  const empty = files.filter((file) => !tested.has(join(ROOT, file)))
  const skips = run.records.filter((record) => record.outcome === 'skipped')
  const failed = countTests(run.records).failed > 0 || run.problems.length > 0
  return [
    ...run.problems,
    ...empty.map((file) => `${file}: ran no test`),
    ...skips.map((record) => `A unit test skips itself: "${record.name}" (${record.reason})`),
    ...(failed ? [failuresOf(run.output)] : []),
  ]
}

function failuresOf(output: string): string {
  const start = output.indexOf('✖ failing tests')
  return start < 0 ? output.slice(-4000) : output.slice(start)
}
