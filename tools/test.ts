import { spawnSync } from 'node:child_process'
import { readFileSync } from 'node:fs'
import { join } from 'node:path'
import { rememberControllers } from './controllers.ts'
import { runGates } from './gate.ts'
import { allGates } from './gates.ts'
import { projectFiles, ROOT, systemTestFiles } from './project-files.ts'
import { runAgain } from './second-run.ts'
import { judgeSkips, readSkipLimit } from './skips.ts'
import { countTests, runSystemTests } from './test-run.ts'
import type { TestRecord } from './test-run.ts'
import { describeStages, judgeStagedSkips } from './vm/judge-lanes.ts'
import { LANES } from './vm/lanes.ts'
import { checkLimits } from './vm/limits-file.ts'
import { runLanes } from './vm/run-lanes.ts'
import { whyNotHere } from './vm/why-not-here.ts'

// `npm test` runs everything: the fast gate, the system tests, the examples, the test machines.
// `npm test -- PATH…` runs only the test files (unit or system) and examples whose path contains one of the words.

/** Tests that measure no time and wait with patience: they run beside the machines, which leave them a processor. */
const runsBeside = (path: string): boolean =>
  /^test\/(?:engines|escape|from-scratch|netlink|ns|nsinit|oci|serve)\//.test(path)

const EXAMPLE_TIMEOUT_MS = 120_000

/** Examples have a number; what several of them share has none. */
const isExample = (path: string): boolean => /\/\d+-[^/]*\.ts$/.test(path)

const words = process.argv.slice(2)
const isWanted = (path: string): boolean => words.length === 0 || words.some((word) => path.includes(word))
const problems: string[] = []
const records: TestRecord[] = []
const parts: string[] = []
const notes: string[] = []

const restoreControllers = rememberControllers()
if (words.length === 0) await timed('gate', runFastGate)
const chosen = words.length === 0 ? systemTestFiles() : testFilesOf(words)
await timed('tests', () => runTests(words.length === 0 ? chosen.filter((path) => !runsBeside(path)) : chosen))
await timed('examples', runExamples)
restoreControllers()
if (words.length === 0) {
  await Promise.all([
    timed('machines', runMachines),
    timed('runtime and engines', () => runTests(chosen.filter(runsBeside))),
  ])
  await timed('again', secondRun)
  restoreControllers()
}
report()

async function timed(part: string, run: () => Promise<void> | void): Promise<void> {
  const begin = performance.now()
  await run()
  parts.push(`${part} ${((performance.now() - begin) / 1000).toFixed(0)} s`)
}

async function runFastGate(): Promise<void> {
  const passed = await runGates(allGates({ onUnitRun: (run) => records.push(...run.records) }))
  if (!passed) problems.push('The fast gate (npm run ok) failed, see above')
}

function testFilesOf(wanted: readonly string[]): readonly string[] {
  const all = ['src', 'tools', 'test'].flatMap((folder) => projectFiles(folder))
  return all.filter(
    (path) => path.endsWith('.test.ts') && wanted.some((word) => path.includes(word)) && !path.startsWith('test/vm/'),
  )
}

async function runTests(files: readonly string[]): Promise<void> {
  console.log(`\n${files.length} test files`)
  if (files.length === 0) {
    if (words.length === 0) problems.push('There is no system test')
    return
  }
  const run = await runSystemTests(files)
  records.push(...run.records)
  problems.push(...run.problems)
  if (run.records.length === 0) problems.push('The system tests ran no test')
}

function runExamples(): void {
  const examples = projectFiles('examples').filter((path) => isExample(path) && isWanted(path))
  console.log(`\n${examples.length} examples`)
  if (examples.length === 0 && words.length === 0) problems.push('There is no example')
  for (const path of examples) {
    const begin = performance.now()
    const result = spawnSync(process.execPath, ['--import', 'tsx', path], {
      cwd: ROOT,
      encoding: 'utf8',
      timeout: EXAMPLE_TIMEOUT_MS,
      killSignal: 'SIGKILL',
      input: '',
    })
    const seconds = ((performance.now() - begin) / 1000).toFixed(1)
    const passed = result.status === 0
    console.log(`${passed ? 'ok  ' : 'FAIL'} ${path} (${seconds} s)`)
    if (!passed) console.log(`${result.stdout}${result.stderr}ended with ${result.status ?? result.signal}`)
    const reason = passed ? '' : `ended with ${result.status ?? result.signal}`
    records.push({ name: path, file: join(ROOT, path), outcome: passed ? 'passed' : 'failed', reason })
  }
}

async function runMachines(): Promise<void> {
  const reason = whyNotHere()
  if (reason === undefined) {
    const run = await runLanes(LANES, { words: [], byName: false })
    records.push(...run.records)
    problems.push(...run.problems, ...checkLimits(run), ...judgeStagedSkips(records))
    notes.push(...run.lines)
    return
  }
  console.log(`\nno test machine: ${reason}`)
  if (process.env['CI']) problems.push(`The test machines did not run: this host ${reason}`)
  records.push({ name: 'test machines', file: 'tools/vm', outcome: 'skipped', reason, where: 'machines' })
}

async function secondRun(): Promise<void> {
  const run = await runAgain(records)
  records.splice(0, records.length, ...run.records)
  notes.push(...run.lines)
}

function report(): void {
  const { passed, failed, skipped } = countTests(records)
  const limit = readSkipLimit(readFileSync(join(ROOT, 'test/skips.json'), 'utf8'), process.getuid?.() === 0)
  // What a machine lacks, another has: they are judged together, by runMachines.
  const skips = judgeSkips(
    records.filter((record) => record.where === undefined),
    limit,
  )
  console.log(`\n${skips.lines.join('\n')}`)
  if (words.length === 0) problems.push(...skips.problems)
  for (const record of records.filter((each) => each.outcome === 'failed')) {
    console.log(
      `FAIL ${record.where ?? 'here'}: ${record.name} (${record.file.replace(`${ROOT}/`, '')}): ${record.reason}`,
    )
  }
  if (records.length === 0) problems.push('No test ran')
  for (const problem of problems) console.log(`FAIL ${problem}`)
  for (const note of notes) console.log(note)
  console.log(`\n${parts.join(', ')}`)
  console.log(describeStages(records.map((record) => ({ ...record, where: record.where ?? 'here' }))).join('\n'))
  console.log(`${passed} passed, ${failed} failed, ${skipped} skipped`)
  process.exitCode = failed > 0 || problems.length > 0 ? 1 : 0
}
