// What the steps have in common, and what is no part of a container: words, streams, the exit code.
import assert from 'node:assert/strict'
import { closeSync, mkdtempSync, openSync, readFileSync, rmSync } from 'node:fs'
import { constants, tmpdir } from 'node:os'
import { basename, join } from 'node:path'
import { isatty } from 'node:tty'
import { type Agent, type ExecOptions, type Exit, type Stdio, SyscallError } from 'carrel/process'
import type { Program } from 'carrel/program'
import { onTerminal } from './terminal.ts'

/** Executes the command in a process of the container, with the streams of the caller; resolves when it has ended. */
export type Execute = (child: Agent, options?: Pick<ExecOptions, 'env' | 'prepare'>) => Promise<Exit>

interface Step {
  /** What it needs beside an ordinary user */
  readonly needs?: string
  /** Makes the container and has the command executed in it */
  readonly run: (execute: Execute) => Promise<Exit>
  /** Shows what the container isolates, and what it does not yet; `sh` gives what a script prints in it */
  readonly check: (sh: (script: string) => Promise<string>) => Promise<void>
}

/** The environment of who started it */
const HOST_ENVIRONMENT = Object.fromEntries(Object.entries(process.env).map(([name, value]) => [name, value ?? '']))

/** For a root of its own: the host's variables name directories of the host. */
export const ENVIRONMENT = { PATH: '/usr/local/bin:/usr/bin:/bin:/usr/sbin:/sbin', TERM: process.env['TERM'] ?? 'dumb' }

/** `[run] COMMAND [ARGS]` runs the command on this terminal and ends as it ends; without words the step is checked. */
export async function main(step: Step): Promise<void> {
  const words = process.argv.slice(2)
  const argv = words[0] === 'run' ? words.slice(1) : words
  if (words.length > 0 && (argv[0] === undefined || argv[0].startsWith('-'))) {
    console.log(
      `Usage: ${basename(process.argv[1] ?? '')} [run] COMMAND [ARGS]\n\nWithout words: checks what it isolates`,
    )
    process.exitCode = argv[0] === '--help' || argv[0] === '-h' ? 0 : 2
  } else if (step.needs !== undefined && process.getuid?.() !== 0) {
    console.error(`needs root, ${step.needs}`)
    process.exitCode = words.length === 0 ? 0 : 1
  } else if (words.length === 0) {
    await step.check((script) => outputOf(step, script))
  } else {
    process.exitCode = await codeOf(step.run(executor(argv)))
  }
}

const executor = (argv: readonly string[]): Execute => {
  return (child, options) => {
    console.error(`running ${argv.join(' ')} as process ${child.pid}, which the host calls ${child.hostPid}`)
    if (isatty(0) && isatty(1))
      return onTerminal((stdio, prepare) => start(child, argv, { stdio, ...options }, prepare))
    return start(child, argv, { stdio: 'inherit', ...options })
  }
}

/** Executes it; `first` are steps before those of the container. */
async function start(child: Agent, argv: readonly string[], options: ExecOptions, first?: (p: Program) => void) {
  const prepare = (p: Program): void => [first, options.prepare].forEach((steps) => steps?.(p))
  const command = await child.exec(argv[0] ?? '', argv, { env: HOST_ENVIRONMENT, ...options, prepare })
  return command.exited
}

/** The exit code, as shells give it; a message instead of a panic. */
async function codeOf(end: Promise<Exit>): Promise<number> {
  try {
    const exit = await end
    return exit.kind === 'exited' ? exit.code : 128 + (constants.signals[exit.signal as NodeJS.Signals] ?? 0)
  } catch (error) {
    if (!(error instanceof Error)) throw error
    console.error(error.message)
    return error instanceof SyscallError && error.call === 'execve' ? 127 : 1
  }
}

async function outputOf(step: Step, script: string): Promise<string> {
  const folder = mkdtempSync(join(tmpdir(), 'from-scratch-'))
  const file = openSync(join(folder, 'output'), 'w+')
  try {
    const stdio: Stdio = ['null', file, file]
    await step.run((child, options) => start(child, ['sh', '-c', script], { stdio, ...options }))
    return readFileSync(join(folder, 'output'), 'utf8').trim()
  } finally {
    closeSync(file)
    rmSync(folder, { recursive: true })
  }
}

/** A sentence about the container, and its proof: what was found is what is wanted. */
export function claim(sentence: string, found: unknown, wanted: unknown): void {
  assert.deepEqual(found, wanted)
  console.log(sentence)
}
