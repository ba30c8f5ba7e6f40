import { closeSync, existsSync, openSync, readSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { setTimeout as sleep } from 'node:timers/promises'
import { ROOT } from '../project-files.ts'
import { bundle } from './bundle.ts'
import type { FileEnded, Job, Progress, Stage } from './job.ts'
import type { KernelFiles } from './kernel.ts'
import { machineOptions, writeStart } from './lane-machine.ts'
import type { Lane } from './lanes.ts'
import { Machine } from './machine.ts'

/** What came of a lane. */
export interface LaneRun {
  readonly files: readonly FileEnded[]
  /** Faults beside failed tests */
  readonly problems: readonly string[]
}

const INSIDE = 'tools/vm/inside.ts'

const LOOK_MS = 200

/** Runs the stages in a machine of this lane; `onFile` hears of each file as it ends. */
export async function runLane(
  lane: Lane,
  kernel: KernelFiles,
  stages: readonly Stage[],
  onFile: (ended: FileEnded) => void,
): Promise<LaneRun> {
  const job: Job = { repository: ROOT, stages }
  const bundled = `build/vm/${INSIDE.replace(/\.ts$/, '.mjs')}`
  await using machine = await Machine.start(machineOptions(lane, kernel), async (out) => {
    writeFileSync(join(out, 'job.json'), JSON.stringify(job))
    writeStart(out, lane, `/usr/local/bin/node ${bundled}`)
    await bundle([INSIDE, ...new Set(stages.flatMap(({ files }) => files))], join(out, 'bundle'))
  })
  const files: FileEnded[] = []
  let [hasBegun, hasEnded, isOff] = [false, false, false]
  void machine.ended.then(() => (isOff = true))
  const follow = follower(join(machine.out, 'progress'))
  const read = (): void => {
    for (const progress of follow()) {
      if (progress.kind === 'begin') hasBegun = true
      else if (progress.kind === 'end') hasEnded = true
      else {
        files.push(progress)
        onFile(progress)
      }
    }
  }
  const begin = Date.now()
  while (!isOff && Date.now() - begin < lane.timeoutMs) {
    await Promise.race([machine.ended, sleep(LOOK_MS)])
    read()
  }
  const isLate = !isOff
  if (hasEnded) return { files, problems: [] }
  const what = isLate ? `was turned off after ${lane.timeoutMs / 1000} s` : 'ended by itself'
  const when = hasBegun ? 'before its tests were done' : 'before its tests began'
  return {
    files,
    problems: [`The machine ${lane.name} ${what}, ${when}; end of its console:\n${machine.consoleTail()}`],
  }
}

/** Gives the whole lines that have come since the last call. */
function follower(path: string): () => readonly Progress[] {
  let at = 0
  let rest = Buffer.alloc(0)
  return () => {
    if (!existsSync(path)) return []
    const file = openSync(path, 'r')
    const piece = Buffer.alloc(2 ** 16)
    for (let read = readSync(file, piece, 0, piece.length, at); read > 0;) {
      rest = Buffer.concat([rest, piece.subarray(0, read)])
      at += read
      read = readSync(file, piece, 0, piece.length, at)
    }
    closeSync(file)
    const end = rest.lastIndexOf(0x0a) + 1
    const lines = rest.toString('utf8', 0, end).split('\n')
    rest = rest.subarray(end)
    return lines.filter((line) => line !== '').map((line) => JSON.parse(line) as Progress)
  }
}
