import { spawn } from 'node:child_process'
import { appendFileSync, chmodSync, mkdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import type { TestRecord } from '../test-run.ts'
import { startUnder } from './circumstances.ts'
import type { FileEnded, Job, Progress, Stage } from './job.ts'

// Runs in the test machine: takes the job, runs each test file in a process of its own, writes down what came of it.

const OUT = '/carrel-vm'

// For a file as a whole; the machine itself ends later than this.
const FILE_TIMEOUT_MS = 240_000

const OUTPUT_CHARACTERS = 40_000

const job = JSON.parse(readFileSync(join(OUT, 'job.json'), 'utf8')) as Job

function tell(progress: Progress): void {
  appendFileSync(join(OUT, 'progress'), `${JSON.stringify(progress)}\n`)
}

async function runFile(stage: Stage, file: string): Promise<FileEnded> {
  const folder = join('/run/carrel-vm', file)
  mkdirSync(folder, { recursive: true })
  const [events, effects] = ['events', 'effects'].map((name) => openFile(join(folder, name))) as [string, string]
  const begin = performance.now()
  const ended = await runNode(stage, file, { events, effects })
  const seconds = (performance.now() - begin) / 1000
  const records = linesOf(events).map((line) => ({ ...(JSON.parse(line) as TestRecord), file }))
  const result = { stage: stage.name, file, seconds, records, effects: linesOf(effects), ...ended }
  rmSync(folder, { recursive: true, force: true })
  return { kind: 'file', ...result }
}

/** A new file that everybody may write. */
function openFile(path: string): string {
  writeFileSync(path, '')
  chmodSync(path, 0o666)
  return path
}

/** Whole lines: the last one of a process that died may be cut off. */
const linesOf = (path: string): readonly string[] =>
  readFileSync(path, 'utf8')
    .split('\n')
    .filter((line) => line.endsWith('}'))

type Files = Readonly<Record<'events' | 'effects', string>>

async function runNode(
  stage: Stage,
  file: string,
  { events, effects }: Files,
): Promise<Pick<FileEnded, 'code' | 'output'>> {
  const reporters = [
    ...['--test-reporter=spec', '--test-reporter-destination=stdout'],
    ...['--test-reporter=./tools/test-events.mjs', `--test-reporter-destination=${events}`],
  ]
  const bundle = join('build/vm', file.replace(/\.ts$/, '.mjs'))
  const { words, env, undo } = startUnder(stage.as)
  const child = spawn('env', [...words, process.execPath, '--enable-source-maps', ...reporters, bundle], {
    cwd: job.repository,
    // A group of processes of its own, so that all of it can be ended.
    detached: true,
    env: {
      ...process.env,
      ...env,
      CARREL_EFFECTS: effects,
      CARREL_TEST_DISK: '/dev/vdb',
      CARREL_TEST_STAGE: stage.name,
    },
    stdio: ['ignore', 'pipe', 'pipe'],
  })
  let output = ''
  for (const stream of [child.stdout, child.stderr]) {
    stream.setEncoding('utf8').on('data', (chunk: string) => (output = `${output}${chunk}`.slice(-OUTPUT_CHARACTERS)))
  }
  const late = setTimeout(() => process.kill(-(child.pid ?? NaN), 'SIGKILL'), FILE_TIMEOUT_MS)
  const code = await new Promise<number | string>((settle) => {
    child.on('error', (error) => settle(error.message))
    child.on('exit', (status, signal) => settle(status ?? signal ?? ''))
  })
  clearTimeout(late)
  try {
    undo()
  } catch (error) {
    output += `\n${String(error)}`
    return { code: `left its group: ${String(error)}`, output }
  }
  return { code, output }
}

tell({ kind: 'begin' })
for (const stage of job.stages) {
  for (const file of stage.files) tell(await runFile(stage, file))
}
tell({ kind: 'end' })
