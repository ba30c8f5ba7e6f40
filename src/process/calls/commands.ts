import type { Readable } from 'node:stream'
import { InvalidInputError, TimeoutError } from '../../base/errors.ts'
import { type CallOptions, LIMIT_OPTIONS } from '../../linux/call-options.ts'
import { describeValue } from '../../linux/show-value.ts'
import { signalNumber } from '../../linux/signal.ts'
import { program } from '../../program/builder.ts'
import type { Agent } from '../agent.ts'
import { checkOptions } from '../check-options.ts'
import type { Caller } from '../caller.ts'
import type { ExecOptions } from '../exec.ts'
import type { Exit, Rusage } from '../tree/exit.ts'
import type { Process } from '../process.ts'
import { limitsOf } from '../connection/waiting.ts'
import { timerFor } from '../streams/timer.ts'

/** How a command is run; after `timeoutMs`, and when `signal` aborts, it is killed. */
export interface CommandOptions
  extends CallOptions, Pick<ExecOptions, 'argv0' | 'cwd' | 'descriptors' | 'env' | 'prepare'> {
  /** What it reads on its standard input; default: nothing */
  readonly input?: string | Uint8Array
  /** Bytes that stdout and stderr may bring, together; it is killed at the first one more. Default: 16 MiB */
  readonly maxOutputBytes?: number
  /** `buffer`: output as bytes; default: as text, in which bytes that are no UTF-8 are replaced */
  readonly encoding?: 'utf8' | 'buffer'
}

/** How a script is run. */
export interface ScriptOptions extends CommandOptions {
  /** "$1", "$2", … of the script */
  readonly args?: readonly string[]
}

/** How a command came to its end: by itself, by somebody's signal, or because of its limits. */
export type CommandOutcome = 'exited' | 'signaled' | 'timeout' | 'output-limit'

/** What a command has left. */
export interface CommandResult<Output = string> {
  readonly outcome: CommandOutcome
  readonly exit: Exit
  readonly stdout: Output
  readonly stderr: Output
  readonly rusage: Rusage
}

const COMMAND_OPTIONS = [
  ...LIMIT_OPTIONS,
  ...['argv0', 'cwd', 'descriptors', 'env', 'prepare', 'input', 'maxOutputBytes', 'encoding'],
]

/** Bytes of output unless the caller says otherwise */
const MOST_OUTPUT = 16 * 1024 * 1024
/** How long a process that could not be ended (another user's) may hold the output open, in milliseconds */
const HELD_MS = 1000

/**
 * Runs a program in a child and gathers what it writes. Between the two stands a keeper, to which the kernel gives whatever the command
 * leaves behind; it is ended with the command, and when the caller ends.
 */
export async function runCommand(
  caller: Caller,
  argv: readonly string[],
  options: CommandOptions,
): Promise<CommandResult<string | Uint8Array>> {
  checkCommand(argv, options)
  options.signal?.throwIfAborted()
  const keeper = await caller.fork(limitsOf(options))
  const command = new Command(keeper, options)
  try {
    // Its parent's end takes the report of its own end with it: what it keeps is ended from here.
    keeper.onExit(() => void keeper.close().catch(() => {}))
    return await command.run(argv, { ...options, env: options.env ?? caller.environment.variables() })
  } finally {
    command.forget()
    await keeper.close()
  }
}

function checkCommand(argv: readonly string[], options: CommandOptions): void {
  if (!Array.isArray(argv) || argv.length === 0) {
    throw new InvalidInputError('argv must be a list of at least one text: the program and its arguments', {
      field: 'argv',
    })
  }
  const { maxOutputBytes = 0, encoding = 'utf8', input } = options
  checkOptions(options, COMMAND_OPTIONS, 'cmd()')
  if (input !== undefined && typeof input !== 'string' && !((input as unknown) instanceof Uint8Array)) {
    throw new InvalidInputError(`input must be text or bytes, not ${describeValue(input)}`, { field: 'input' })
  }
  if (typeof maxOutputBytes !== 'number' || !(maxOutputBytes >= 0)) {
    throw new InvalidInputError(
      `maxOutputBytes must be a number of bytes from 0 on, not ${describeValue(maxOutputBytes)}`,
      {
        field: 'maxOutputBytes',
      },
    )
  }
  if (encoding !== 'utf8' && encoding !== 'buffer') {
    throw new InvalidInputError(`encoding must be 'utf8' or 'buffer', not ${describeValue(encoding)}`, {
      field: 'encoding',
    })
  }
}

/** Why a command was ended: an outcome, or, for an abort, what the caller gets thrown. */
interface Stop {
  readonly outcome?: 'timeout' | 'output-limit'
  readonly reason?: unknown
}

/** One command on its way: what may end it before it does so itself. */
class Command {
  readonly #keeper: Agent
  readonly #signal: AbortSignal | undefined
  readonly #timer: NodeJS.Timeout | undefined
  readonly #onAbort = (): void => this.#stop({ reason: this.#signal?.reason })
  #process: Process | undefined
  #stopped: Stop | undefined
  #left: number

  constructor(keeper: Agent, { signal, timeoutMs = Infinity, maxOutputBytes = MOST_OUTPUT }: CommandOptions) {
    this.#keeper = keeper
    this.#left = maxOutputBytes
    this.#signal = signal
    signal?.addEventListener('abort', this.#onAbort, { once: true })
    const reason = new TimeoutError('The command did not end', timeoutMs)
    this.#timer = timerFor(timeoutMs, () => this.#stop({ outcome: 'timeout', reason }))
  }

  async run(argv: readonly string[], options: CommandOptions): Promise<CommandResult<string | Uint8Array>> {
    const started = await this.#start(argv, options)
    const outputs = [this.#gather(started.stdout), this.#gather(started.stderr)]
    const exit = await started.exited
    await this.#keeper.close()
    const [stdout, stderr] = await Promise.all(outputs.map((output) => output.finish()))
    if (this.#stopped && !this.#stopped.outcome) throw this.#stopped.reason
    const decode = (bytes: Buffer = Buffer.alloc(0)) => (options.encoding === 'buffer' ? bytes : bytes.toString('utf8'))
    return {
      outcome: this.#stopped?.outcome ?? exit.kind,
      exit,
      stdout: decode(stdout),
      stderr: decode(stderr),
      rusage: exit.rusage,
    }
  }

  /** @throws the reason of a stop that came before there was a process */
  async #start(argv: readonly string[], options: CommandOptions): Promise<Process> {
    const { input, timeoutMs: _timeout, signal: _signal, maxOutputBytes: _most, encoding: _encoding, ...rest } = options
    try {
      const [child] = await Promise.all([this.#keeper.fork(), ...keeping(this.#keeper)])
      const stdio = [input === undefined ? 'null' : 'pipe', 'pipe', 'pipe'] as const
      // All of the output is read here, whatever credit programs of this tree get.
      this.#process = await child.exec(argv[0] as string, argv, { ...rest, stdio, credit: Infinity })
    } catch (error) {
      throw this.#stopped ? this.#stopped.reason : error
    }
    if (this.#stopped) this.#kill(this.#process)
    this.#process.stdin?.end(input)
    return this.#process
  }

  #gather(stream: Readable | null): Gathering {
    return new Gathering(stream as Readable, (bytes) => {
      const taken = bytes.subarray(0, this.#left)
      this.#left -= taken.length
      if (taken.length < bytes.length) this.#stop({ outcome: 'output-limit' })
      return taken
    })
  }

  #stop(why: Stop): void {
    if (this.#stopped) return
    this.#stopped = why
    if (this.#process) this.#kill(this.#process)
    else void this.#keeper.close()
  }

  #kill(running: Process): void {
    try {
      running.kill('SIGKILL')
    } catch {
      // A program with more rights than the agent: its keeper ends without it.
      void this.#keeper.close()
    }
  }

  /** It has ended: nothing stops it any more. */
  forget(): void {
    clearTimeout(this.#timer)
    this.#signal?.removeEventListener('abort', this.#onAbort)
  }
}

/** Makes the process the one to which orphans below it come, and lets it outlive its parent until they are ended. */
function keeping(keeper: Agent): readonly Promise<unknown>[] {
  const p = program()
  p.because('command', 'What the command leaves behind comes to this process, which ends it')
  p.prctl('PR_SET_CHILD_SUBREAPER', 1)
  p.because('command', 'Killed with its parent it could end nothing any more: it ends when its connection does')
  p.prctl('PR_SET_PDEATHSIG', 0)
  const kills = signalNumber('SIGKILL')
  // An option of the caller's children, for which the command and what it leaves are not meant.
  const options = keeper.getopt('signaloneof') === kills ? [] : [keeper.setopt('signaloneof', kills)]
  return [keeper.run(p), ...options]
}

/** What comes out of a stream, all of it or as much as is taken. */
class Gathering {
  readonly #chunks: Uint8Array[] = []
  readonly #stream: Readable
  readonly #closed: Promise<void>

  constructor(stream: Readable, take: (bytes: Uint8Array) => Uint8Array) {
    this.#stream = stream
    this.#closed = new Promise((resolve) => stream.once('close', resolve))
    stream.on('data', (bytes: Uint8Array) => this.#chunks.push(take(bytes)))
  }

  async finish(): Promise<Buffer> {
    const impatience = setTimeout(() => this.#stream.destroy(), HELD_MS)
    await this.#closed
    clearTimeout(impatience)
    return Buffer.concat(this.#chunks)
  }
}
