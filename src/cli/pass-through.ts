import type { Readable, Writable } from 'node:stream'
import { isatty } from 'node:tty'
import type { Command } from '../sandbox/command.ts'
import type { RunResult } from '../sandbox/result.ts'
import { drained } from '../sandbox/drained.ts'
import type { Sandbox, SpawnOptions } from '../sandbox/sandbox.ts'
import { forwardSignals } from './forward-signals.ts'
import { inheritedStream } from './inherited-streams.ts'

/**
 * Runs a command with the caller's own streams. Files and pipes go in as they are; a terminal never does (CVE-2017-5226): the
 * command gets one of its own, or pipes.
 */
export async function passThrough(
  box: Sandbox,
  command: string,
  args: readonly string[],
  limits: SpawnOptions,
  tty: boolean | undefined,
): Promise<RunResult> {
  const own = tty ?? (isatty(0) && isatty(1))
  const streams: SpawnOptions = own
    ? { stdio: 'pty', size: windowSize(), env: terminalEnv() }
    : { stdio: [inheritedStream(0), inheritedStream(1), inheritedStream(2)] }
  const spawn = (): Promise<Command> => box.spawn(command, args, { ...limits, ...streams })
  return forwardSignals(spawn, async (running) => {
    const restore = own ? connectTerminal(running) : connectPipes(running)
    try {
      return await running.wait()
    } finally {
      await restore()
    }
  })
}

const terminalEnv = (): Record<string, string> => ({ TERM: process.env['TERM'] ?? 'xterm' })

export const windowSize = (): { columns: number; rows: number } => ({
  columns: process.stdout.columns || 80,
  rows: process.stdout.rows || 24,
})

/** A program whose streams are this process's to copy, as far as it was not given the caller's own. */
export type Connected = Pick<Command, 'stdin' | 'stdout' | 'stderr' | 'resize'>

/** The caller's terminal goes raw, so that the command's own does the editing and the signals; restored whatever happens. */
export function connectTerminal(running: Connected): () => Promise<void> {
  const { stdin, stdout } = process
  const raw = stdin.isTTY
  if (raw) stdin.setRawMode(true)
  const onExit = () => raw && stdin.setRawMode(false)
  process.once('exit', onExit)
  const resize = () => running.resize(windowSize())
  process.on('SIGWINCH', resize)
  if (running.stdin) typeInto(running.stdin)
  const finish = copy(running.stdout, () => stdout)
  return async () => {
    await finish()
    process.off('SIGWINCH', resize)
    process.off('exit', onExit)
    stdin.unpipe()
    stdin.destroy()
    onExit()
  }
}

/**
 * What comes in is typed into the command's terminal. Closing the master at its end would hang up on the command: a terminal tells
 * the end of input by a character (VEOF, termios(3)), which after half a line only hands that over, and must come again.
 */
function typeInto(master: Writable): void {
  const { stdin } = process
  let isLineOpen = false
  stdin.on('data', (chunk: Uint8Array) => (isLineOpen = chunk.at(-1) !== 0x0a))
  stdin.pipe(master, { end: false })
  stdin.once('end', () => master.write(isLineOpen ? '\u0004\u0004' : '\u0004'))
}

/** Copies the streams that are pipes; what is given back waits for the end of the output. */
export function connectPipes(running: Connected): () => Promise<void> {
  if (running.stdin) process.stdin.pipe(running.stdin)
  const finish = [copy(running.stdout, () => process.stdout), copy(running.stderr, () => process.stderr)]
  return async () => {
    await Promise.all(finish.map((each) => each()))
    if (running.stdin) process.stdin.destroy()
  }
}

/**
 * Copies a stream; what is given back waits for its end, but not for what a command left behind to hold it open. A stream of
 * this process is only looked at when it is needed: Node makes a pipe nonblocking as soon as it is, for the command too.
 */
function copy(from: Readable | null, own: () => NodeJS.WritableStream): () => Promise<void> {
  if (!from) return () => Promise.resolve()
  const to = own()
  from.pipe(to, { end: false })
  const ended = new Promise<void>((resolve) => {
    from.once('end', resolve).once('close', resolve).once('error', resolve)
  })
  return () => drained(from, ended, () => 'writableNeedDrain' in to && to.writableNeedDrain === true)
}
