import type { FileEnded, Stage } from './job.ts'
import type { LaneRun } from './run-lane.ts'

/** In more files than these it is no lack of time. */
const MOST_FILES = 3

/** A lane's run, and a line for each test that passed only in a second machine. */
export interface SecondMachine extends LaneRun {
  readonly lines: readonly string[]
}

/**
 * Runs the files that have failed once more, alone in a fresh machine: processors of software beside other tests keep a test waiting. What
 * fails there too has failed, and what passes only there is said by name.
 */
export async function inSecondMachine(
  first: LaneRun,
  stages: readonly Stage[],
  run: (stages: readonly Stage[]) => Promise<LaneRun>,
): Promise<SecondMachine> {
  const failed = first.files.filter(hasFailed)
  if (first.problems.length > 0 || failed.length === 0 || failed.length > MOST_FILES) return { ...first, lines: [] }
  const isFailed = (stage: string, file: string): boolean =>
    failed.some((each) => each.stage === stage && each.file === file)
  const again = stages
    .map((stage) => ({ ...stage, files: stage.files.filter((file) => isFailed(stage.name, file)) }))
    .filter(({ files }) => files.length > 0)
  const second = await run(again)
  const better = second.files.filter((file) => !hasFailed(file))
  const replacementOf = ({ stage, file }: FileEnded): FileEnded | undefined =>
    better.find((each) => each.stage === stage && each.file === file)
  const lines = failed
    .filter((file) => replacementOf(file))
    .flatMap(({ stage, file, records, code }) => {
      const names = records
        .filter(({ outcome }) => outcome === 'failed')
        .map(({ name, reason }) => `${name}: ${reason}`)
      return (names.length > 0 ? names : [`ended with ${code}`]).map(
        (what) => `passed only alone: ${stage}: ${what} (${file})`,
      )
    })
  return { files: first.files.map((file) => replacementOf(file) ?? file), problems: second.problems, lines }
}

const hasFailed = ({ code, records }: FileEnded): boolean =>
  code !== 0 || records.length === 0 || records.some(({ outcome }) => outcome === 'failed')
