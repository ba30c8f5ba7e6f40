import { isatty } from 'node:tty'
import { Command, InvalidArgumentError } from 'commander'
import { InvalidInputError } from '../base/errors.ts'
import { readHostFacts } from '../host/probe.ts'
import { signalNumber } from '../linux/signal.ts'
import type { NsObserver, NsResult } from '../ns/run-ns.ts'
import type { NsOptions } from '../ns/settings.ts'
import type { Process } from '../process/process.ts'
import { inheritedStream } from './inherited-streams.ts'
import { connectPipes, connectTerminal, windowSize } from './pass-through.ts'
import { report } from './report.ts'
import { variables } from './sandbox-arguments.ts'

interface NsArguments extends Omit<NsOptions, 'pre' | 'root' | 'init' | 'args' | 'ids' | 'env'> {
  readonly verbose?: number
  readonly explain?: boolean
  readonly env?: readonly string[]
}

const collect = (value: string, before: readonly string[] = []): readonly string[] => [...before, value]

/** PID_MAX_LIMIT of the kernel (cgroup-v2.rst, pids.max) */
const MOST_PIDS = 4_194_304

function processes(value: string): number {
  if (/^[1-9]\d{0,6}$/.test(value) && Number(value) <= MOST_PIDS) return Number(value)
  throw new InvalidArgumentError(`A whole number from 1 to ${MOST_PIDS} is wanted.`)
}

/** `carrel ns`: namespaces, a program beside them and one in them; the tool of 2014 with its defaults made safe. */
export const nsCommand = new Command('ns')
  .description('run INIT as PID 1 and uid 0 of new namespaces with ROOT as its root, after PRE has run on the host')
  .usage('[options] PRE ROOT INIT [UID GID] [-- ARG...]')
  .argument('<pre>', 'program of the host, run in /tmp with the PID of INIT as its argument; must exit 0; "-" for none')
  .argument('<root>', 'absolute path of a directory with a root file system')
  .argument('<init>', 'absolute path inside ROOT')
  .argument('[words...]', 'with --user UID and GID, whom root is on the host; arguments of INIT after --')
  .option(
    '-v, --verbose',
    'print each step as it begins; twice: the system calls too',
    (_, before: number) => before + 1,
    0,
  )
  .option('--explain', 'as -vv')
  .option('-n, --network', "a network of its own with only lo (default: the host's)")
  .option('-u, --user', 'a user namespace; needs UID and GID, an ordinary user’s own ones')
  .option('-m, --memory <size>', 'memory of everything in it, no swap: 1048576, 512k, 256M, 1G, 1T (default: no limit)')
  .option('--pids <number>', 'processes and threads at once (default: no limit)', processes)
  .option('--hostname <name>', 'its host name (default: the last part of ROOT)')
  .option('--ipc <own|host>', 'System V IPC and message queues (default: own)')
  .option('--dev <auto|own|root>', 'a /dev of its own, or that of ROOT (default: auto, ROOT’s if its devices work)')
  .option('--cap <name>', 'a capability more than the default ones, or all; may be repeated', collect)
  .option('--seccomp <default|unconfined>', 'the filter for system calls (default: the built-in allow-list)')
  .option('--new-privileges', 'let set-user-ID files and file capabilities have an effect')
  .option('--no-mask', 'show all of /proc, writable')
  .option('--env <name=value>', 'a variable for PRE and INIT, NAME alone passes on its value; may be repeated', collect)
  .option('--best-effort', 'drop a limit that this host cannot enforce, and say so, instead of refusing')
  .passThroughOptions()
  .action(async (pre: string, root: string, init: string, words: readonly string[], given: NsArguments) => {
    process.exitCode = await run({ pre, root, init, ...idsAndArguments(words) }, given)
  })

/** Every signal that somebody sends to a program to tell it something; SIGWINCH among them for an INIT without a terminal of its own. */
const PASSED_ON = ['SIGINT', 'SIGTERM', 'SIGHUP', 'SIGQUIT', 'SIGUSR1', 'SIGUSR2', 'SIGWINCH'] as const

/** Those that end a program that says nothing about them. */
const ENDING: readonly string[] = ['SIGINT', 'SIGTERM', 'SIGHUP', 'SIGQUIT', 'SIGUSR1', 'SIGUSR2']

type Words = Pick<NsOptions, 'pre' | 'root' | 'init' | 'args' | 'ids'>

async function run(words: Words, { env = [], verbose = 0, explain, ...given }: NsArguments): Promise<number> {
  const level = explain ? 2 : verbose
  const passed = new PassedSignals()
  try {
    const { parseNsOptions } = await import('../ns/settings.ts')
    const { runNs } = await import('../ns/run-ns.ts')
    const facts = readHostFacts()
    const settings = parseNsOptions({ ...words, ...given, env: variables(env) }, facts)
    const terminal = isatty(0) && isatty(1)
    const streams = terminal ? 'terminal' : ([inheritedStream(0), inheritedStream(1), inheritedStream(2)] as const)
    const observer = { ...printer(level), signals: passed.to, connect: connect(terminal) }
    const result = await runNs({ settings, facts, streams, observer, stop: passed.stop })
    explainEnd(words, result)
    return result.exitCode
  } catch (error) {
    const reason: unknown = passed.stop.reason
    if (error !== reason || !(reason instanceof Stopped)) return report(error)
    process.stderr.write(`carrel: ns was ended by ${reason.signal} before INIT ran\n`)
    return 128 + signalNumber(reason.signal)
  } finally {
    passed.close()
  }
}

/** What stands before `--` are the ids, what stands behind it INIT’s arguments. */
function idsAndArguments(words: readonly string[]): {
  readonly ids: readonly string[]
  readonly args: readonly string[]
} {
  const end = words.indexOf('--')
  const ids = end < 0 ? words : words.slice(0, end)
  const option = ids.find((word) => word.startsWith('-'))
  if (option !== undefined) {
    throw new InvalidInputError(`${option} stands after INIT: options come before PRE, arguments of INIT after --`, {
      field: 'words',
    })
  }
  if (ids.length > 2) {
    throw new InvalidInputError(`${JSON.stringify(ids[2])} is one word too many: arguments of INIT follow after --`, {
      field: 'words',
    })
  }
  return { ids, args: end < 0 ? [] : words.slice(end + 1) }
}

function printer(level: number): Pick<NsObserver, 'step' | 'notApplied'> {
  return {
    step(text, listing) {
      if (level > 0) process.stderr.write(`ns: ${text}\n`)
      if (level > 1 && listing !== undefined) process.stderr.write(`${listing}\n`)
    },
    notApplied(limits) {
      for (const { limit, reason } of limits) process.stderr.write(`carrel: ${limit} is not enforced: ${reason}\n`)
    },
  }
}

function connect(terminal: boolean): NsObserver['connect'] {
  return (init) => {
    if (!terminal) return connectPipes(init)
    init.resize(windowSize())
    return connectTerminal(init)
  }
}

/** An exit code of INIT speaks for itself; what else ended the container is said. */
function explainEnd({ pre, init }: Words, { program, exit, exitCode }: NsResult): void {
  if (program === 'pre') {
    const how = exit.kind === 'exited' ? `exited with ${exitCode}` : `was ended by ${exit.signal}`
    process.stderr.write(`carrel: ${pre} ${how}, so INIT was not run: PRE must exit 0\n`)
  } else if (exit.kind === 'signaled') {
    process.stderr.write(`carrel: ${init} was ended by ${exit.signal}\n`)
  }
}

/** Why a container was given up before INIT ran. */
class Stopped extends Error {
  readonly signal: string

  constructor(signal: string) {
    super(`${signal} came`)
    this.signal = signal
  }
}

/** The signals of this process: passed on to whoever runs; before INIT does, those that would end this process end the making. */
class PassedSignals {
  readonly #stop = new AbortController()
  readonly #handlers = PASSED_ON.map((signal) => [signal, () => this.#came(signal)] as const)
  #target: Process | null = null
  /** Came when nobody ran */
  #early: string[] = []

  constructor() {
    for (const [signal, handler] of this.#handlers) process.on(signal, handler)
  }

  get stop(): AbortSignal {
    return this.#stop.signal
  }

  readonly to = (target: Process | null): void => {
    this.#target = target
    if (target) for (const signal of this.#early.splice(0)) target.kill(signal)
  }

  #came(signal: (typeof PASSED_ON)[number]): void {
    if (this.#target) this.#target.kill(signal)
    else this.#early.push(signal)
    if (ENDING.includes(signal)) this.#stop.abort(new Stopped(signal))
  }

  close(): void {
    for (const [signal, handler] of this.#handlers) process.off(signal, handler)
  }
}
