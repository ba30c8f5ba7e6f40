import { projectFiles } from '../project-files.ts'
import type { FileEnded, Stage } from './job.ts'
import { describeStages, judgeFiles, judgeStages, stagedRecords, type StagedRecord } from './judge-lanes.ts'
import { findKernel } from './kernel.ts'
import type { Lane, Wanted } from './lanes.ts'
import { stagesOf } from './lanes.ts'
import { type Effect, parseEffect } from './limits-page.ts'
import { runLane } from './run-lane.ts'
import { inSecondMachine } from './second-machine.ts'

/** What came of test machines. */
export interface LanesRun {
  readonly records: readonly StagedRecord[]
  /** Faults beside failed tests */
  readonly problems: readonly string[]
  /** Tests that passed only in a second machine */
  readonly lines: readonly string[]
  readonly effects: ReadonlyMap<string, readonly Effect[]>
  /** Debian's name of the kernel */
  readonly kernel: string
}

/** Runs lanes one after the other, and says what happens as it happens. */
export async function runLanes(lanes: readonly Lane[], wanted: Wanted): Promise<LanesRun> {
  const kernel = findKernel()
  const tests = projectFiles('test')
  const [ended, stages, problems, lines]: [FileEnded[], Stage[], string[], string[]] = [[], [], [], []]
  for (const lane of lanes) {
    const planned = stagesOf(lane, tests, wanted)
    if (planned.length === 0) continue
    stages.push(...planned)
    const begin = performance.now()
    console.log(`\nmachine ${lane.name} (${kernel.name})`)
    const first = await runLane(lane, kernel, planned, sayFile)
    const run = await inSecondMachine(first, planned, (again) => {
      console.log(`machine ${lane.name} again, for what has failed`)
      return runLane(lane, kernel, again, sayFile)
    })
    console.log(`machine ${lane.name}: ${((performance.now() - begin) / 1000).toFixed(1)} s`)
    ended.push(...run.files)
    problems.push(...run.problems)
    lines.push(...run.lines)
  }
  if (stages.length === 0) problems.push('No test file is wanted in any machine')
  const records = stagedRecords(ended)
  console.log(`\n${describeStages(records).join('\n')}`)
  problems.push(...judgeFiles(ended), ...judgeStages(stages, records))
  return { records, problems, lines, effects: effectsOf(ended), kernel: kernel.name }
}

function sayFile({ stage, file, seconds, code, records, output }: FileEnded): void {
  const passed = code === 0 && records.length > 0
  const skipped = records.filter(({ outcome }) => outcome === 'skipped').length
  const skips = skipped === 0 ? '' : `, ${skipped} of them skipped`
  console.log(
    `${passed ? 'ok  ' : 'FAIL'} ${stage}: ${file}: ${records.length} tests${skips} (${seconds.toFixed(1)} s)`,
  )
  if (!passed) console.log(`${output}\nended with ${code}`)
}

function effectsOf(files: readonly FileEnded[]): ReadonlyMap<string, readonly Effect[]> {
  const stages = new Map<string, Effect[]>()
  for (const { stage, effects } of files) {
    stages.set(stage, [...(stages.get(stage) ?? []), ...effects.map(parseEffect)])
  }
  return stages
}
