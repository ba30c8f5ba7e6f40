import { InvalidInputError } from '../base/errors.ts'
import { type CallOptions, LIMIT_OPTIONS } from '../linux/call-options.ts'
import type { Fd, Ref } from '../linux/ref.ts'
import { type Program, program } from '../program/builder.ts'
import { execSteps } from '../program/exec-steps.ts'
import { descriptorsStep, type DescriptorMove } from '../program/special.ts'
import type { Agent } from './agent.ts'
import { checkOptions, checkWord, shown } from './check-options.ts'
import { creditOf, type CreditOption } from './streams/credit.ts'
import type { Process, ProcessStreams } from './process.ts'
import { openStdio, type Stdio } from './streams/stdio.ts'
import { openTerminal, type TerminalSize } from './streams/terminal.ts'
import { TerminalStream } from './streams/terminal-stream.ts'
import { limitsOf } from './connection/waiting.ts'

/** How a program is executed. */
export interface ExecOptions extends CallOptions {
  /** argv[0], when it is to differ from the first element of argv */
  readonly argv0?: string
  /** The whole environment; default: the agent's (`agent.environment`), which is empty unless something was set */
  readonly env?: Readonly<Record<string, string>>
  /** Working directory; default: the agent's */
  readonly cwd?: string
  /** Standard streams; default: pipes. `pty`: a terminal of its own, whose output is `stdout` */
  readonly stdio?: Stdio | 'pty'
  /** Size of the terminal; default 80 x 24 */
  readonly size?: TerminalSize
  /** More descriptors by the number the program finds them at: of this process, or numbers of the agent's own */
  readonly descriptors?: Readonly<Record<number, number | { readonly agent: number }>>
  /**
   * Adds steps to the program that ends in the execve: limits, ids, a root, what leaves the process unable to carry out another
   * order. They run last, with the program's descriptors in place and no signal blocked. A descriptor that they open without
   * O_CLOEXEC reaches the program. When one fails the agent stays usable, with what the steps before it have done.
   */
  readonly prepare?: (p: Program) => void
  /** Bytes that are read of stdout and stderr until the next `grant()`; default: all. Not with `pty` */
  readonly credit?: CreditOption
  /** What becomes of the children that the agent has: `refuse` (default, StateError), or `close`: they end with all below them */
  readonly children?: 'refuse' | 'close'
  /** `detached`: neither close() of the tree nor the end of this process ends it; default `attached` */
  readonly lifetime?: 'attached' | 'detached'
  /** As `Process.link()` */
  readonly linked?: AbortController
}

const EXEC_OPTIONS = `
  argv0 env cwd stdio size descriptors prepare credit children lifetime linked
`

/** @throws InvalidInputError for an unknown name or word */
export function checkExecOptions(options: ExecOptions): void {
  checkOptions(options, [...LIMIT_OPTIONS, ...EXEC_OPTIONS.trim().split(' ')], 'exec()')
  checkWord(options.children, ['refuse', 'close'], 'children')
  checkWord(options.lifetime, ['attached', 'detached'], 'lifetime')
}

/** The streams are pipes, all three. */
export interface PipedExecOptions extends ExecOptions {
  readonly stdio?: 'pipe'
}

interface Execute {
  readonly agent: Agent
  readonly path: string
  readonly argv: readonly string[]
  readonly options: ExecOptions
}

/** Executes a program in the agent's process. @throws SyscallError, the agent stays usable */
export async function executeProgram(what: Execute): Promise<Process> {
  const { stdio = 'pipe', credit } = what.options
  if (stdio !== 'pty') return withStdio(what, stdio)
  if (credit !== undefined) {
    const why = 'credit is for pipes: what a terminal holds back would be its echo and its control characters too'
    throw new InvalidInputError(why, { field: 'credit' })
  }
  return withTerminal(what)
}

async function withStdio(what: Execute, stdio: Stdio): Promise<Process> {
  const ends = openStdio(stdio)
  try {
    for (const [pipe, bytes] of creditOf(what.options.credit ?? Infinity, ends)) pipe.credit = bytes
    const p = program()
    const streams = [0, 1, 2].map((target): DescriptorMove => [p.attached(target), target])
    return await replace(what, p, { moves: streams, own: ends.theirs, streams: ends })
  } catch (error) {
    ends.destroy()
    throw error
  } finally {
    ends.release()
  }
}

async function withTerminal(what: Execute): Promise<Process> {
  const { master, slave } = await openTerminal(what.agent, { ...what.options })
  const stream = terminalStream(master)
  try {
    const p = program()
    p.because('terminal', 'A session of its own: no other terminal can be reached, TIOCSTI included (CVE-2017-5226)')
    p.tolerate('EPERM').setsid()
    p.ioctl(slave, 'TIOCSCTTY', 0)
    const streams: ProcessStreams = { stdin: stream, stdout: stream, stderr: null, terminal: master }
    return await replace(what, p, {
      moves: [0, 1, 2].map((target): DescriptorMove => [slave, target]),
      own: [],
      streams,
    })
  } catch (error) {
    void leaveTerminal(what.agent, slave).finally(() => stream.destroy())
    throw error
  }
}

/** The end of a controlling terminal sends SIGHUP: the agent gives it up first, or the next program that it becomes would get it. */
async function leaveTerminal(agent: Agent, slave: number): Promise<void> {
  const p = program()
  p.tolerate('ENOTTY', 'EIO').ioctl(slave, 'TIOCNOTTY')
  // Giving it up sends SIGHUP too, to this very process: taken out of the queue, where the exec would find it.
  p.tolerate('EAGAIN', 'EINTR').syscall('rt_sigtimedwait', SIGHUP_SET, 0, new Uint8Array(16), SIGHUP_SET.length)
  p.close(slave)
  await agent.run(p, { timeoutMs: LEAVE_MS }).catch(() => {})
}

/** The master side of a terminal as a stream. */
export const terminalStream = (master: number): TerminalStream => new TerminalStream(master)

/** A kernel signal set with SIGHUP alone */
const SIGHUP_SET = Uint8Array.of(1, 0, 0, 0, 0, 0, 0, 0)

/** An agent that does not answer is not waited for: its end takes the terminal with it */
const LEAVE_MS = 5000

interface Streams {
  readonly moves: readonly DescriptorMove[]
  readonly own: readonly number[]
  readonly streams: ProcessStreams
}

async function replace(
  { agent, path, argv, options }: Execute,
  p: Program,
  { moves, own, streams }: Streams,
): Promise<Process> {
  const descriptors = [...own]
  const extra = Object.entries(options.descriptors ?? {}).map(([target, source]): DescriptorMove => {
    return [typeof source === 'number' ? attach(p, descriptors, source) : source.agent, targetNumber(target)]
  })
  if (options.cwd !== undefined) p.chdir(options.cwd)
  p.because('exec', 'Only the named descriptors reach the program')
  descriptorsStep(p, [...moves, ...extra])
  p.because('exec', 'The agent blocks signals for its signalfd; a program starts with none blocked')
  p.rt_sigprocmask('SIG_SETMASK', [])
  p.because('prepare', 'Asked for by the caller of exec')
  prepare(p, options.prepare)
  p.because('exec', 'The program itself; the agent ends here')
  const named = options.argv0 === undefined ? argv : [options.argv0, ...argv.slice(1)]
  execSteps(p, { path, argv: named, env: options.env ?? agent.environment.variables() })
  return agent.become(p, streams, { ...limitsOf(options), descriptors })
}

/** @throws InvalidInputError */
function prepare(p: Program, add: ExecOptions['prepare']): void {
  if (add !== undefined && typeof add !== 'function') {
    throw new InvalidInputError(`prepare is a function that adds steps, not ${shown(add)}`, { field: 'prepare' })
  }
  const result: unknown = add?.(p)
  // What it adds after its first await would come too late, a seccomp filter for instance.
  if (result instanceof Promise) {
    result.catch(() => {})
    throw new InvalidInputError('prepare adds its steps at once: it is no async function', { field: 'prepare' })
  }
}

function attach(p: Program, descriptors: number[], source: number): Ref<Fd> {
  descriptors.push(source)
  return p.attached(descriptors.length - 1)
}

/** @throws InvalidInputError */
function targetNumber(text: string): number {
  const target = Number(text)
  if (Number.isInteger(target) && target >= 3 && target < 1024) return target
  throw new InvalidInputError(`descriptors has the key ${text}: a descriptor number from 3 to 1023 is wanted`, {
    field: 'descriptors',
  })
}
