import type { Readable } from 'node:stream'
import { isatty } from 'node:tty'
import type { Command } from '../sandbox/command.ts'
import type { RunResult } from '../sandbox/result.ts'
import type { Sandbox, SpawnOptions } from '../sandbox/sandbox.ts'
import type { StdioTarget } from '../process/stdio.ts'

/** Signals that are passed on to the command; SIGWINCH becomes a resize. */
const FORWARDED = ['SIGINT', 'SIGTERM', 'SIGHUP', 'SIGQUIT', 'SIGUSR1', 'SIGUSR2'] as const

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
  const size = windowSize()
  const running = await box.spawn(command, args, own ? { ...limits, stdio: 'pty', size, env: terminalEnv() } : { ...limits, stdio: streams() })
  const stopForwarding = forwardSignals(running)
  const restore = own ? connectTerminal(running) : connectPipes(running)
  try {
    return await running.wait()
  } finally {
    await restore()
    stopForwarding()
  }
}

const terminalEnv = (): Record<string, string> => ({ TERM: process.env['TERM'] ?? 'xterm' })

const windowSize = (): { columns: number; rows: number } => ({
  columns: process.stdout.columns || 80,
  rows: process.stdout.rows || 24,
})

const streams = (): [StdioTarget, StdioTarget, StdioTarget] =>
  [0, 1, 2].map((descriptor) => (isatty(descriptor) ? 'pipe' : 'inherit')) as [StdioTarget, StdioTarget, StdioTarget]

function forwardSignals(running: Command): () => void {
  const handlers = FORWARDED.map((signal) => [signal, () => void running.killGroup(signal).catch(() => running.kill(signal))] as const)
  for (const [signal, handler] of handlers) process.on(signal, handler)
  return () => {
    for (const [signal, handler] of handlers) process.off(signal, handler)
  }
}

/** The caller's terminal goes raw, so that the command's own does the editing and the signals; restored whatever happens. */
function connectTerminal(running: Command): () => Promise<void> {
  const { stdin, stdout } = process
  const raw = stdin.isTTY
  if (raw) stdin.setRawMode(true)
  const onExit = () => raw && stdin.setRawMode(false)
  process.once('exit', onExit)
  const resize = () => running.resize(windowSize())
  process.on('SIGWINCH', resize)
  if (running.stdin) stdin.pipe(running.stdin)
  const finish = copy(running.stdout, stdout)
  return async () => {
    await finish()
    process.off('SIGWINCH', resize)
    process.off('exit', onExit)
    stdin.unpipe()
    stdin.destroy()
    onExit()
  }
}

function connectPipes(running: Command): () => Promise<void> {
  if (running.stdin) process.stdin.pipe(running.stdin)
  const finish = [copy(running.stdout, process.stdout), copy(running.stderr, process.stderr)]
  return async () => {
    await Promise.all(finish.map((each) => each()))
    if (running.stdin) process.stdin.destroy()
  }
}

/** How long what a command left behind may hold its output open. */
const LINGER_MS = 100

/** Copies a stream; what is given back waits for its end, but not longer than a moment after it was called. */
function copy(from: Readable | null, to: NodeJS.WritableStream): () => Promise<void> {
  if (!from) return () => Promise.resolve()
  from.pipe(to, { end: false })
  const ended = new Promise<void>((resolve) => {
    from.once('end', resolve).once('close', resolve).once('error', resolve)
  })
  return async () => {
    const patience = setTimeout(() => from.destroy(), LINGER_MS)
    await ended
    clearTimeout(patience)
  }
}
