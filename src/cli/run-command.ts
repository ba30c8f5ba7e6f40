import { readFileSync } from 'node:fs'
import { Command as Verb } from 'commander'
import { parseBytes, parseDuration } from '../features/limits/parse-size.ts'
import type { Command } from '../sandbox/command.ts'
import type { RunResult } from '../sandbox/result.ts'
import { Sandbox, type SpawnOptions } from '../sandbox/sandbox.ts'
import { forwardSignals } from './forward-signals.ts'
import { inheritedStream } from './inherited-streams.ts'
import { passThrough } from './pass-through.ts'
import { report } from './report.ts'
import { type SandboxArguments, toSandboxOptions, withSandboxOptions } from './sandbox-arguments.ts'

interface RunArguments extends SandboxArguments {
  readonly tty?: boolean
  readonly timeout?: string
  readonly grace?: string
  readonly outputLimit?: string
  readonly json?: boolean
}

/** `carrel run`: one sandbox, one command, its streams and its exit code. */
export const runCommand = withSandboxOptions(new Verb('run'))
  .description('run a command in a sandbox of its own')
  .option('--tty', 'a terminal of its own (default: when stdin and stdout are terminals)')
  .option('--no-tty', 'no terminal, pipes instead')
  .option('--timeout <duration>', 'end it after 5s, 500ms, 2m')
  .option('--grace <duration>', 'between SIGTERM and SIGKILL (default: 1s)')
  .option('--output-limit <size>', 'with --json: end it when it wrote more (default: 64M)')
  .option('--json', 'capture its output, and print one JSON object with the result')
  .argument('<command...>', 'the command and its arguments, after --')
  .passThroughOptions()
  .action(async (words: string[], given: RunArguments) => {
    process.exitCode = await run(words, given)
  })

async function run([command = '', ...args]: readonly string[], given: RunArguments): Promise<number> {
  try {
    const limits: SpawnOptions = {
      ...(given.timeout === undefined ? {} : { timeoutMs: parseDuration(given.timeout, 'timeout') }),
      ...(given.grace === undefined ? {} : { graceMs: parseDuration(given.grace, 'grace') }),
      ...(given.outputLimit === undefined ? {} : { outputLimitBytes: parseBytes(given.outputLimit, 'output-limit') }),
    }
    const box = await Sandbox.create(toSandboxOptions(given, (path) => readFileSync(path)))
    try {
      const result = given.json
        ? await capture(box, command, args, limits)
        : await passThrough(box, command, args, limits, given.tty)
      if (given.json) printResult(result)
      else warn(box, given)
      return result.exitCode
    } finally {
      await box.close()
    }
  } catch (error) {
    if (given.json) process.stdout.write(`${JSON.stringify({ error })}\n`)
    return report(error)
  }
}

/** stdin still comes straight from the caller. */
function capture(box: Sandbox, command: string, args: readonly string[], limits: SpawnOptions): Promise<RunResult> {
  const spawn = (): Promise<Command> =>
    box.spawn(command, args, { ...limits, stdio: [inheritedStream(0), 'pipe', 'pipe'] })
  return forwardSignals(spawn, (running) => running.collect())
}

function printResult({ exitCode, signal, stdout, stderr, outcome, usage, notApplied }: RunResult): void {
  process.stdout.write(`${JSON.stringify({ exitCode, signal, stdout, stderr, outcome, usage, notApplied })}\n`)
}

/** What was asked for and cannot be had is said; the defaults are not worth a line on every run. */
function warn(box: Sandbox, given: RunArguments): void {
  if (!given.bestEffort) return
  for (const { limit, reason } of box.notApplied) process.stderr.write(`carrel: ${limit} is not enforced: ${reason}\n`)
}
