import { readFileSync } from 'node:fs'
import { Command as Verb } from 'commander'
import { InvalidInputError } from '../base/errors.ts'
import { parseDuration } from '../features/limits/parse-size.ts'
import type { Address } from '../serve/address.ts'
import type { LogFile, LogSink } from '../serve/log.ts'
import type { Server, ServerOptions } from '../serve/server.ts'
import { report } from './report.ts'
import { type SandboxArguments, toSandboxOptions, withSandboxOptions } from './sandbox-arguments.ts'

interface ServeArguments extends SandboxArguments {
  readonly tcp?: readonly string[]
  readonly unix?: readonly string[]
  readonly unixMode: string
  readonly maxConnections: string
  readonly maxPerAddress: string
  readonly idle: string
  readonly timeout?: string
  readonly linger: string
  readonly grace: string
  readonly drain: string
  readonly backlog: string
  readonly makeAtOnce: string
  readonly log?: string
  readonly logFormat: string
  readonly logInput?: boolean
}

const collect = (value: string, before: readonly string[] = []): readonly string[] => [...before, value]

/** `carrel serve`: a sandbox for each connection. */
export const serveCommand = withSandboxOptions(new Verb('serve'))
  .description('run a command in a sandbox of its own for each connection')
  .option('--tcp <addr:port>', 'listen here; may be repeated (default: 127.0.0.1:31337)', collect)
  .option('--unix <path>', 'listen at a unix socket; may be repeated', collect)
  .option('--unix-mode <octal>', 'permissions of unix sockets', '600')
  .option('--max-connections <number>', 'connections at once', '64')
  .option('--max-per-address <number>', 'connections at once from one address, or of one user', '8')
  .option('--idle <duration>', 'end a connection on which nothing comes or goes for so long, or none', '10m')
  .option('--timeout <duration>', 'end every connection after so long (default: none)')
  .option('--linger <duration>', "how long it may be silent after the client's end of input", '10s')
  .option('--grace <duration>', 'between SIGTERM and SIGKILL', '1s')
  .option('--drain <duration>', 'how long connections may go on after SIGTERM or SIGINT', '10s')
  .option('--backlog <number>', 'connections that wait to be accepted', '512')
  .option('--make-at-once <number>', 'sandboxes that are made at the same time', '16')
  .option('--log <file>', 'append the log to a file (default: stderr)')
  .option('--log-format <text|json>', 'form of the log', 'text')
  .option('--log-input', 'log what clients send')
  .argument('<command...>', 'the command and its arguments, after --')
  .passThroughOptions()
  .action(async (words: string[], given: ServeArguments) => {
    process.exitCode = await serve(words, given)
  })

async function serve(command: readonly string[], given: ServeArguments): Promise<number> {
  try {
    using log = await openLog(given.log)
    const options = await toServerOptions(command, given, log.write)
    const drainMs = parseDuration(given.drain, 'drain')
    const { Server } = await import('../serve/server.ts')
    const server = await Server.start(options)
    await announce(server, options)
    await untilEnded(server, drainMs)
    return 0
  } catch (error) {
    return report(error)
  }
}

async function openLog(path: string | undefined): Promise<LogFile> {
  // Whoever read what is said here may be gone: clients are served all the same.
  for (const stream of [process.stdout, process.stderr]) stream.on('error', () => {})
  if (path === undefined) {
    const write: LogSink = (line) => void process.stderr.write(`${line}\n`)
    return { write, [Symbol.dispose]() {} }
  }
  const { openLogFile } = await import('../serve/log.ts')
  return openLogFile(path, (error) => process.stderr.write(`carrel: The log cannot be written: ${String(error)}\n`))
}

async function toServerOptions(
  command: readonly string[],
  given: ServeArguments,
  write: LogSink,
): Promise<ServerOptions> {
  const { Log } = await import('../serve/log.ts')
  const { logFormat, timeout } = given
  if (logFormat !== 'text' && logFormat !== 'json') throw wrong('log-format', logFormat, 'text or json')
  return {
    addresses: await addressesOf(given),
    command,
    sandbox: toSandboxOptions(given, (path) => readFileSync(path)),
    times: {
      idleMs: given.idle === 'none' ? undefined : parseDuration(given.idle, 'idle'),
      timeoutMs: timeout === undefined ? undefined : parseDuration(timeout, 'timeout'),
      lingerMs: parseDuration(given.linger, 'linger'),
      graceMs: parseDuration(given.grace, 'grace'),
    },
    connections: {
      connections: count(given.maxConnections, 'max-connections'),
      perAddress: count(given.maxPerAddress, 'max-per-address'),
    },
    listen: { backlog: count(given.backlog, 'backlog'), unixMode: mode(given.unixMode) },
    makeAtOnce: count(given.makeAtOnce, 'make-at-once'),
    log: new Log(logFormat, write),
    logInput: given.logInput ?? false,
  }
}

async function addressesOf({ tcp, unix = [] }: ServeArguments): Promise<readonly Address[]> {
  const { DEFAULT_PORT, parseTcpAddress, parseUnixAddress } = await import('../serve/address.ts')
  const texts = tcp ?? (unix.length > 0 ? [] : [String(DEFAULT_PORT)])
  return [...texts.map((text) => parseTcpAddress(text)), ...unix.map(parseUnixAddress)]
}

/** Standard output is for programs: a line for each address. The warning is for people, and comes with whatever else is on stderr. */
async function announce(server: Server, { command, sandbox, listen }: ServerOptions): Promise<void> {
  const [{ showAddress }, { exposureOf }] = [await import('../serve/address.ts'), await import('../serve/exposure.ts')]
  for (const address of server.addresses) {
    const exposure = exposureOf(address, { command, sandbox, unixMode: listen.unixMode })
    if (exposure !== undefined) process.stderr.write(`carrel: WARNING: ${exposure}\n`)
    process.stdout.write(`listening on ${showAddress(address)}\n`)
  }
}

/** The first signal drains, the second one ends. */
async function untilEnded(server: Server, drainMs: number): Promise<void> {
  let closing: Promise<void> | undefined
  await new Promise<void>((resolve, reject) => {
    const onSignal = () => {
      closing = server.close(closing ? 0 : drainMs)
      closing.then(resolve, reject)
    }
    for (const signal of ['SIGTERM', 'SIGINT'] as const) process.on(signal, onSignal)
  })
}

function count(text: string, field: string): number {
  const value = /^\d{1,6}$/.test(text) ? Number(text) : 0
  if (value > 0) return value
  throw wrong(field, text, 'a whole number from 1 on')
}

function mode(text: string): number {
  if (/^[0-7]{3}$/.test(text)) return Number.parseInt(text, 8)
  throw wrong('unix-mode', text, 'three octal digits')
}

const wrong = (field: string, given: string, wanted: string): InvalidInputError =>
  new InvalidInputError(`${field} is ${JSON.stringify(given)}: ${wanted} is wanted`, { field })
