import { spawn } from 'node:child_process'
import { mkdtempSync, readFileSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join, resolve } from 'node:path'
import { ROOT } from './project-files.ts'

/** One finished test, as tools/test-events.mjs reports it. */
export interface TestRecord {
  readonly name: string
  readonly file: string
  readonly outcome: 'passed' | 'failed' | 'skipped'
  /** Why it was skipped, or the first line of the failure */
  readonly reason: string
  /** Stage of a test machine (tools/vm) that it ran in, or else this host */
  readonly where?: string
}

/** What a run of test files came to. */
export interface TestRun {
  readonly records: readonly TestRecord[]
  /** Faults beside failed tests: files without a test, a runner that died */
  readonly problems: readonly string[]
  /** What the spec reporter printed, unless it was passed through */
  readonly output: string
}

/** Numbers of a run. */
export interface TestCounts {
  readonly passed: number
  readonly failed: number
  readonly skipped: number
}

// For a file as a whole: it must outlast the fuzz test, and still end a hung one well within CI's time.
const FILE_TIMEOUT_MS = 240_000

/** Runs files one after the other, each in a process of its own, and shows the spec reporter's output as it comes. */
export function runSystemTests(files: readonly string[]): Promise<TestRun> {
  const runner = ['--test', '--test-concurrency=1', `--test-timeout=${FILE_TIMEOUT_MS}`]
  return runNode(files, runner, files, 'inherit')
}

/** Runs all files in one process, because starting a process per file costs more than most unit tests. */
export function runUnitTests(files: readonly string[]): Promise<TestRun> {
  return runNode(files, [], ['tools/unit-tests.ts', ...files], 'pipe')
}

/** Adds up what happened. */
export function countTests(records: readonly TestRecord[]): TestCounts {
  const count = (outcome: TestRecord['outcome']): number =>
    records.filter((record) => record.outcome === outcome).length
  return { passed: count('passed'), failed: count('failed'), skipped: count('skipped') }
}

async function runNode(
  files: readonly string[],
  flags: readonly string[],
  args: readonly string[],
  stdout: 'inherit' | 'pipe',
): Promise<TestRun> {
  if (files.length === 0) return { records: [], problems: ['There is no test file'], output: '' }
  const folder = mkdtempSync(join(tmpdir(), 'carrel-tests-'))
  const events = join(folder, 'events')
  const reporters = [
    '--test-reporter=spec',
    '--test-reporter-destination=stdout',
    '--test-reporter=./tools/test-events.mjs',
    `--test-reporter-destination=${events}`,
  ]
  try {
    const ended = await spawnNode(['--import', 'tsx', ...flags, ...reporters, ...args], stdout)
    return summarise(readRecords(events), files, ended)
  } finally {
    rmSync(folder, { recursive: true, force: true })
  }
}

function readRecords(events: string): readonly TestRecord[] {
  const lines = readFileSync(events, { encoding: 'utf8', flag: 'a+' }).split('\n')
  // The last line of a runner that died may be cut off.
  const whole = lines.filter((line) => line.endsWith('}'))
  return whole.map((line) => JSON.parse(line) as TestRecord)
}

function summarise(all: readonly TestRecord[], files: readonly string[], ended: Ended): TestRun {
  // node reports a file in which no test is defined as one passed test that has the file's name.
  const isEmptyFile = ({ name, outcome }: TestRecord): boolean =>
    outcome === 'passed' && absolute.has(resolve(ROOT, name))
  const absolute = new Set(files.map((file) => resolve(ROOT, file)))
  const records = all.filter((record) => !isEmptyFile(record))
  const problems = all.filter(isEmptyFile).map((record) => `${record.name}: holds no test`)
  if (ended.code !== 0 && !records.some((record) => record.outcome === 'failed')) {
    problems.push(`The test runner ended with ${ended.code}`)
  }
  return { records, problems, output: ended.output }
}

interface Ended {
  readonly code: number | string
  readonly output: string
}

function spawnNode(args: readonly string[], stdout: 'inherit' | 'pipe'): Promise<Ended> {
  return new Promise((settle, reject) => {
    const child = spawn(process.execPath, args, { cwd: ROOT, stdio: ['ignore', stdout, stdout] })
    let output = ''
    const collect = (chunk: string): void => void (output += chunk)
    child.stdout?.setEncoding('utf8').on('data', collect)
    child.stderr?.setEncoding('utf8').on('data', collect)
    child.on('error', reject)
    child.on('close', (code, signal) => settle({ code: code ?? String(signal), output }))
  })
}
