import { parseArgs } from 'node:util'
import { judgeStagedSkips } from './judge-lanes.ts'
import { LANES } from './lanes.ts'
import { checkLimits, writeLimits } from './limits-file.ts'
import { runLanes } from './run-lanes.ts'
import { openShell } from './shell.ts'
import { whyNotHere } from './why-not-here.ts'

// `npm run test:vm -- [--write] [LANE…] [WORD…]` runs tests in machines of their own; `--shell [LANE]` opens a shell in one.

const { values, positionals } = parseArgs({
  options: { shell: { type: 'boolean' }, write: { type: 'boolean' } },
  allowPositionals: true,
})
const named = LANES.filter(({ name }) => positionals.includes(name))
const words = positionals.filter((word) => !named.some(({ name }) => name === word))
const lanes = named.length > 0 ? named : LANES

const reason = whyNotHere()
if (reason !== undefined) {
  console.error(`No test machine can run here: ${reason}`)
  process.exitCode = 1
} else if (values.shell) {
  const [lane] = lanes
  if (lane !== undefined) await openShell(lane)
} else {
  process.exitCode = (await runTests()) ? 0 : 1
}

async function runTests(): Promise<boolean> {
  const run = await runLanes(lanes, { words, byName: named.length > 0 })
  const problems = [...run.problems]
  const failed = run.records.filter(({ outcome }) => outcome === 'failed')
  if (values.write) await writeLimits(run)
  // Of a part of the tests, neither the page nor what is skipped can be judged.
  else if (positionals.length === 0) problems.push(...checkLimits(run), ...judgeStagedSkips(run.records))
  for (const { where, name, file, reason: why } of failed) console.log(`FAIL ${where}: ${name} (${file}): ${why}`)
  for (const problem of problems) console.log(`FAIL ${problem}`)
  for (const line of run.lines) console.log(line)
  return failed.length === 0 && problems.length === 0
}
