import type { Command } from '../sandbox/command.ts'

/** Signals that are passed on to the command; SIGWINCH becomes a resize. */
const FORWARDED = ['SIGINT', 'SIGTERM', 'SIGHUP', 'SIGQUIT', 'SIGUSR1', 'SIGUSR2'] as const

type Forwarded = (typeof FORWARDED)[number]

/**
 * Runs a command to whose process group this process's signals go from now on. Those that come while it is being started reach it
 * as soon as it is: it may already run, and have told the sender so, when this process learns of it.
 */
export async function forwardSignals<T>(
  spawn: () => Promise<Command>,
  use: (running: Command) => Promise<T>,
): Promise<T> {
  const early: Forwarded[] = []
  let send = (signal: Forwarded): void => void early.push(signal)
  const handlers = FORWARDED.map((signal) => [signal, () => send(signal)] as const)
  for (const [signal, handler] of handlers) process.on(signal, handler)
  try {
    const running = await spawn()
    send = (signal) => void running.killGroup(signal).catch(() => running.kill(signal))
    early.forEach(send)
    return await use(running)
  } finally {
    for (const [signal, handler] of handlers) process.off(signal, handler)
  }
}
