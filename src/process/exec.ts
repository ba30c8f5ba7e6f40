import { ReadStream } from 'node:tty'
import { InvalidInputError, SyscallError } from '../base/errors.ts'
import type { CallOptions } from '../linux/call-options.ts'
import type { Fd, Ref } from '../linux/ref.ts'
import { type Program, program } from '../program/builder.ts'
import { execSteps, searchError } from '../program/exec-steps.ts'
import { descriptorsStep, type DescriptorMove } from '../program/special.ts'
import type { Agent } from './agent.ts'
import { type Child, Process, type ProcessStreams } from './process.ts'
import { openStdio, type Stdio } from './stdio.ts'
import { openTerminal, type TerminalSize } from './terminal.ts'

/** How a program is executed. */
export interface ExecOptions extends CallOptions {
  /** argv[0], when it is to differ from the first element of argv */
  readonly argv0?: string
  /** The whole environment; default: empty */
  readonly env?: Readonly<Record<string, string>>
  /** Working directory; default: the agent's */
  readonly cwd?: string
  /** Standard streams; default: pipes. `pty`: a terminal of its own, whose output is `stdout` */
  readonly stdio?: Stdio | 'pty'
  /** Size of the terminal; default 80 x 24 */
  readonly size?: TerminalSize
  /** More descriptors by the number the program finds them at: of this process, or numbers of the agent's own */
  readonly descriptors?: Readonly<Record<number, number | { readonly agent: number }>>
}

interface Execute {
  readonly agent: Agent
  readonly child: Child
  readonly path: string
  readonly argv: readonly string[]
  readonly options: ExecOptions
  replaced(): void
}

/** Executes a program in the agent's process. @throws SyscallError, the agent stays usable */
export async function executeProgram(what: Execute): Promise<Process> {
  return what.options.stdio === 'pty' ? withTerminal(what) : withStdio(what, what.options.stdio ?? 'pipe')
}

async function withStdio(what: Execute, stdio: Stdio): Promise<Process> {
  const ends = openStdio(stdio)
  try {
    const p = program()
    const streams = [0, 1, 2].map((target): DescriptorMove => [p.attached(target), target])
    await replace(what, p, streams, ends.theirs)
    return new Process(what.child, ends)
  } catch (error) {
    for (const stream of [ends.stdin, ends.stdout, ends.stderr]) stream?.destroy()
    throw error
  } finally {
    ends.release()
  }
}

async function withTerminal(what: Execute): Promise<Process> {
  const { master, slave } = await openTerminal(what.agent, what.options.size, what.options)
  const stream = new ReadStream(master)
  // EIO is how the master of a terminal says that the last slave end was closed.
  stream.on('error', (error: NodeJS.ErrnoException) => error.code === 'EIO' && stream.push(null))
  try {
    const p = program()
    p.because('terminal', 'A session of its own: no other terminal can be reached, TIOCSTI included (CVE-2017-5226)')
    p.tolerate('EPERM').setsid()
    p.ioctl(slave, TIOCSCTTY, 0)
    await replace(what, p, [0, 1, 2].map((target): DescriptorMove => [slave, target]), [])
    const streams: ProcessStreams = { stdin: stream, stdout: stream, stderr: null, terminal: master }
    return new Process(what.child, streams)
  } catch (error) {
    stream.destroy()
    throw error
  }
}

/** asm-generic/ioctls.h */
const TIOCSCTTY = 0x540e

/** Runs the program that ends in an exec. Its success is the end of the connection: every descriptor of the agent is close-on-exec. */
async function replace(what: Execute, p: Program, streams: readonly DescriptorMove[], own: readonly number[]): Promise<void> {
  const { agent, path, options } = what
  const descriptors = [...own]
  const extra = Object.entries(options.descriptors ?? {}).map(([target, source]): DescriptorMove => {
    return [typeof source === 'number' ? attach(p, descriptors, source) : source.agent, targetNumber(target)]
  })
  if (options.cwd !== undefined) p.chdir(options.cwd)
  p.because('exec', 'Only the named descriptors reach the program')
  descriptorsStep(p, [...streams, ...extra])
  p.because('exec', 'The agent blocks signals for its signalfd; a program starts with none blocked')
  p.rt_sigprocmask('SIG_SETMASK', [])
  p.because('exec', 'The program itself; the agent ends here')
  const argv = options.argv0 === undefined ? what.argv : [options.argv0, ...what.argv.slice(1)]
  execSteps(p, { path, argv, env: options.env ?? {} })

  const { timeoutMs, signal } = options
  const limits = { ...(timeoutMs === undefined ? {} : { timeoutMs }), ...(signal ? { signal } : {}) }
  try {
    const result = await agent.run(p, { ...limits, descriptors })
    throw new SyscallError({ call: 'execve', args: JSON.stringify(path), errno: searchError(p, result), step: 0, steps: 1 })
  } catch (error) {
    if (!agent.letGo) throw error
    what.replaced()
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
  throw new InvalidInputError(`descriptors has the key ${text}: a descriptor number from 3 to 1023 is wanted`, { field: 'descriptors' })
}
