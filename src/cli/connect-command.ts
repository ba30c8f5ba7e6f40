import { constants } from 'node:os'
import { isatty } from 'node:tty'
import { Command as Verb } from 'commander'
import { InvalidInputError } from '../base/errors.ts'
import type { Address } from '../serve/address.ts'
import type { Remote, RemoteEnding } from '../serve/remote.ts'
import { Insistence } from './insistence.ts'
import { report } from './report.ts'

interface ConnectArguments {
  readonly unix?: string
  readonly tty?: boolean
}

/** `carrel connect`: a command in a sandbox of somebody's `carrel serve`, as if it ran here. */
export const connectCommand = new Verb('connect')
  .description('talk to a carrel serve: its command with your streams or terminal, and its exit code')
  .argument('[addr:port]', 'where the server listens (default: 127.0.0.1:31337)')
  .option('--unix <path>', 'it listens at a unix socket')
  .option('--tty', 'a terminal for the command (default: when stdin and stdout are terminals)')
  .option('--no-tty', 'no terminal, pipes instead')
  .action(async (where: string | undefined, given: ConnectArguments) => {
    process.exitCode = await connect(where, given)
  })

async function connect(where: string | undefined, given: ConnectArguments): Promise<number> {
  try {
    const { Remote } = await import('../serve/remote.ts')
    const tty = given.tty ?? (isatty(0) && isatty(1))
    const hello = { tty, term: termName(), ...windowSize() }
    using remote = await Remote.connect(await addressOf(where, given), hello, process)
    const unread = readerGone()
    const { message, code } = await Promise.race([tty ? withTerminal(remote) : withPipes(remote), unread])
    if (message !== undefined) process.stderr.write(`carrel: ${message}\n`)
    return code
  } catch (error) {
    return report(error)
  } finally {
    process.stdin.destroy()
  }
}

/** Resolves when nobody reads what comes: as if this process had written it, and died of SIGPIPE. */
function readerGone(): Promise<Pick<RemoteEnding, 'message' | 'code'>> {
  return new Promise((resolve) => {
    for (const stream of [process.stdout, process.stderr]) {
      stream.on('error', () => resolve({ message: undefined, code: 128 + SIGPIPE }))
    }
  })
}

const { SIGPIPE } = constants.signals

async function addressOf(where: string | undefined, { unix }: ConnectArguments): Promise<Address> {
  const { DEFAULT_PORT, parseTcpAddress, parseUnixAddress } = await import('../serve/address.ts')
  if (unix === undefined) return parseTcpAddress(where ?? String(DEFAULT_PORT), { names: true })
  if (where === undefined) return parseUnixAddress(unix)
  throw new InvalidInputError('unix is given beside an address: one of them is wanted', { field: 'unix' })
}

/** The server takes names of terminals only, and so do databases of them (term(7)). */
function termName(): string {
  const { TERM = '' } = process.env
  return /^[A-Za-z0-9][A-Za-z0-9._+-]{0,63}$/.test(TERM) ? TERM : 'xterm'
}

const windowSize = (): { columns: number; rows: number } => ({
  columns: process.stdout.columns || 80,
  rows: process.stdout.rows || 24,
})

/**
 * The terminal here goes raw, so that the command's own does the editing and the signals; restored whatever happens. Until the server has
 * answered, Ctrl-C ends this process, as everywhere.
 */
async function withTerminal(remote: Remote): Promise<RemoteEnding> {
  await remote.answered
  const { stdin } = process
  if (!stdin.isTTY) return withInput(remote)
  const restore = () => void stdin.setRawMode(false)
  const resize = () => remote.resize(windowSize())
  const leave = (signal: NodeJS.Signals) => {
    restore()
    raise(signal, leave)
  }
  stdin.setRawMode(true)
  process.once('exit', restore)
  process.on('SIGWINCH', resize)
  for (const signal of ['SIGTERM', 'SIGHUP', 'SIGQUIT'] as const) process.on(signal, leave)
  try {
    return await Promise.race([remote.ended, keysTo(remote)])
  } finally {
    process.off('SIGWINCH', resize)
    restore()
  }
}

const HUNG_UP: RemoteEnding = { code: 129, signal: null, outcome: 'disconnect', message: 'Hung up' }
const ESCAPE_KEY = 0x1d

/** Keys go to the command, in order, and are looked at even while a server takes none. Resolves at the third Ctrl-] of a second. */
function keysTo(remote: Remote): Promise<RemoteEnding> {
  const insistence = new Insistence()
  let sent: Promise<unknown> = Promise.resolve()
  return new Promise((resolve) => {
    process.stdin.on('data', (keys: Uint8Array) => {
      for (const key of keys) if (key === ESCAPE_KEY && insistence.isThird()) return resolve(HUNG_UP)
      sent = sent.then(() => remote.send(keys))
    })
    const eof = () => void sent.then(() => remote.eof())
    process.stdin.on('end', eof).on('error', eof)
  })
}

/** Signals that go to the command, which may end by them; this process ends with it. */
const FORWARDED = ['SIGINT', 'SIGTERM', 'SIGHUP', 'SIGQUIT', 'SIGUSR1', 'SIGUSR2'] as const

/** Until the server has answered, signals do what they do everywhere; and one that ignores them is left at the third Ctrl-C of a second. */
async function withPipes(remote: Remote): Promise<RemoteEnding> {
  const insistence = new Insistence()
  let hangUp: (ending: RemoteEnding) => void = () => {}
  const hungUp = new Promise<RemoteEnding>((resolve) => (hangUp = resolve))
  const forward = (signal: NodeJS.Signals) => {
    if (!remote.isAnswered) return raise(signal, forward)
    remote.signal(signal)
    if (signal === 'SIGINT' && insistence.isThird()) hangUp(HUNG_UP)
  }
  for (const signal of FORWARDED) process.on(signal, forward)
  try {
    return await Promise.race([withInput(remote), hungUp])
  } finally {
    for (const signal of FORWARDED) process.off(signal, forward)
  }
}

/** Ends this process as the signal would have without a handler. */
function raise(signal: NodeJS.Signals, handler: NodeJS.SignalsListener): void {
  process.off(signal, handler)
  process.kill(process.pid, signal)
}

async function withInput(remote: Remote): Promise<RemoteEnding> {
  void feed(remote)
  return await remote.ended
}

/** What comes in here goes to the command, as far as the server lets it. */
async function feed(remote: Remote): Promise<void> {
  try {
    for await (const chunk of process.stdin) if (!(await remote.send(chunk as Uint8Array))) return
    remote.eof()
  } catch {
    // Closed while it was read: the command has ended, or a terminal is gone, and its end of input with it.
    remote.eof()
  }
}
