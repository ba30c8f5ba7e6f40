import { closeSync } from 'node:fs'
import { AgentError, InvalidInputError, StateError, SyscallError } from '../base/errors.ts'
import type { CallOptions } from '../linux/call-options.ts'
import type { Flags } from '../linux/flags.ts'
import type { CloneFlag } from '../linux/tables/clone.ts'
import type { Pid, Ref } from '../linux/ref.ts'
import { signalNumber } from '../linux/signal.ts'
import { type Program, program } from '../program/builder.ts'
import { searchFailure } from '../program/exec-steps.ts'
import { ProgramResult } from '../program/result.ts'
import { cloneStep } from '../program/special.ts'
import { CLEANUP, FRAME, SIGNALS } from '../protocol/layout.ts'
import { FRAMES } from '../protocol/wire.ts'
import { Channel } from './channel.ts'
import { type CaughtSignal, decodeCaught } from './caught.ts'
import { EventSource } from './event-queue.ts'
import { encodeWithinLimit } from './frame-limit.ts'
import { executeProgram, type ExecOptions, type PipedExecOptions } from './exec.ts'
import { decodeExited, type Exit, exitOf, NO_RUSAGE } from './exit.ts'
import { checkHello, type Frame, frameOf, helloFrame } from './frames.ts'
import { native, startAgentProcess } from './native.ts'
import { Children } from './children.ts'
import { Child, type PipedProcess, Process, type ProcessStreams } from './process.ts'
import { type Sys, sysOf } from './sys.ts'

/** What an agent tells without being asked. */
export type AgentEvent =
  | { readonly type: 'exited'; readonly pid: number; readonly exit: Exit }
  | { readonly type: 'signal'; readonly signal: CaughtSignal }

export interface RunOptions extends CallOptions {
  /** Descriptors of this process that the program refers to as `attached(0)`, …; they stay open here */
  readonly descriptors?: readonly number[]
}

type State = 'unborn' | 'ready' | 'spent' | 'closing' | 'closed' | 'detached'

/**
 * A process that stands still and makes system calls on command. It forks children that do the same, until one executes a
 * program. Closing it ends everything below it.
 */
export class Agent implements AsyncDisposable {
  /** Any system call of the kernel, by its name: `await agent.sys.mount('none', '/', null, ['MS_REC', 'MS_PRIVATE'], null)` */
  readonly sys: Sys
  readonly #channel: Channel
  readonly #children = new Children()
  readonly #events = new EventSource<AgentEvent>()
  readonly #ended: Promise<AgentError>
  #reportEnd!: (error: AgentError) => void
  #child: Child | undefined
  readonly #birth: Promise<Child>
  #reportBirth!: (child: Child) => void
  #parent: Agent | undefined
  #state: State = 'unborn'

  private constructor(socket: number) {
    this.sys = sysOf((p, options) => this.run(p, options))
    this.#ended = new Promise((resolve) => (this.#reportEnd = resolve))
    this.#birth = new Promise((resolve) => (this.#reportBirth = resolve))
    this.#channel = new Channel(native(), socket, {
      onEvent: (frame) => this.#onEvent(frame),
      onEnd: (error) => this.#onEnd(error),
    })
  }

  /**
   * Starts the root of a new tree as a child of this process.
   * @throws AgentError, UnsupportedError, TimeoutError
   */
  static async start(options?: CallOptions): Promise<Agent> {
    const { pid, pidfd, socket } = startAgentProcess()
    const agent = new Agent(socket)
    agent.#child = new Child(pid, pidfd)
    agent.#reportBirth(agent.#child)
    agent.#state = 'ready'
    void agent.#ended.then(() => agent.#reapRoot(pidfd))
    try {
      checkHello((await agent.#channel.hello(options)).payload)
      return agent
    } catch (error) {
      agent.#child.kill('SIGKILL')
      agent.#channel.destroy(new AgentError('Agent did not start', { cause: error }))
      throw error
    }
  }

  /** Its pid as its parent sees it (the host's number for the root) */
  get pid(): number {
    if (!this.#child) throw new StateError('Agent has no pid yet', { state: this.#state, wanted: 'ready' })
    return this.#child.pid
  }

  /** How many children it has that have not ended */
  get children(): number {
    return this.#children.size
  }

  /** Its pid as this process sees it; undefined when it has ended */
  get hostPid(): number | undefined {
    return this.#child && this.#child.hostPid
  }

  /** How it ended; resolves when it has, and does not keep the event loop alive until then */
  get exited(): Promise<Exit> {
    if (!this.#child) throw new StateError('Agent is not born yet', { state: this.#state, wanted: 'ready' })
    return this.#child.exited
  }

  /** Makes a child that shares all namespaces. @throws SyscallError, StateError */
  fork(options?: CallOptions): Promise<Agent> {
    return this.clone([], options)
  }

  /**
   * Makes a child in new namespaces (clone3(2)); it is again an agent, with a socket of its own.
   * @throws SyscallError, StateError, InvalidInputError
   */
  async clone(flags: Flags<CloneFlag>, options?: CallOptions): Promise<Agent> {
    const p = program()
    const { pid, pidfd } = cloneStep(p, { flags, control: p.attached(0) })
    p.send(pidfd)
    const birth = this.conceive()
    try {
      return birth.born(await this.run(p, { ...options, descriptors: [birth.socket] }), pid)
    } catch (error) {
      birth.fail(error)
      throw error
    }
  }

  /**
   * A child that a program of the caller's is going to make, one with a clone step that sends the pidfd first. Until it is born,
   * orders to it wait in its socket.
   */
  conceive(): Birth {
    this.#assertReady()
    const [mine, theirs] = native().socketpair()
    const child = new Agent(mine)
    child.#channel.post(FRAMES.HELLO, helloFrame())
    child.#parent = this
    return {
      agent: child,
      socket: theirs,
      born: (result, pid) => {
        closeSync(theirs)
        const [pidfd] = result.descriptors
        if (pidfd === undefined) throw new AgentError('Agent sent no pidfd for a new child')
        child.#child = this.#children.adopt(result.get(pid), pidfd, result.sequence)
        child.#state = 'ready'
        child.#reportBirth(child.#child)
        return child
      },
      fail: (error) => {
        closeSync(theirs)
        child.#state = 'closed'
        child.#channel.destroy(
          error instanceof AgentError ? error : new AgentError('Process was not made', { cause: error }),
        )
      },
      stillborn: async (result, pid) => {
        const number = result.reached(pid) ? result.get(pid) : 0
        if (number <= 0) return
        this.#channel.hold()
        await this.#children.adopt(number, -1, result.sequence).exited
        this.#channel.release()
      },
    }
  }

  /**
   * Runs a program in this process, in one message.
   * @throws SyscallError for the first error that its step does not tolerate; descriptors that the program had opened are closed
   * @throws StateError, AgentError, TimeoutError, the signal's reason
   */
  async run(p: Program, options: RunOptions = {}): Promise<ProgramResult> {
    const result = await this.attempt(p, options)
    if (result.failure) throw new SyscallError(result.failure)
    return result
  }

  /** As `run`, but a program that the kernel stopped is a result too, with its `failure`. */
  async attempt(p: Program, options: RunOptions = {}): Promise<ProgramResult> {
    this.#assertReady()
    const { frame, attached } = encodeWithinLimit(p)
    const descriptors = options.descriptors ?? []
    if (attached > descriptors.length) {
      throw new InvalidInputError(
        `Program refers to ${attached} attached descriptors, ${descriptors.length} were given`,
        {
          field: 'descriptors',
        },
      )
    }
    const answer = await this.#channel.request(FRAMES.RUN, frame, descriptors, options)
    const result = new ProgramResult(p, answer.payload, answer.descriptors, answer.sequence)
    if (result.failure) this.#closeLeftOpen(result)
    return result
  }

  /** Nothing is half-made: what a failed program had opened is closed. */
  #closeLeftOpen(result: ProgramResult): void {
    const open = result.leftOpen()
    if (open.length === 0) return
    const p = program()
    for (const fd of open) p.tolerate('EBADF').close(fd)
    this.#channel.post(FRAMES.RUN, p.encode().frame)
  }

  /**
   * Registers a program that the agent runs when the connection ends, however it ends; an empty one forgets the key.
   * It must not refer to attached descriptors.
   */
  onEnd(key: number, p: Program | null): void {
    this.#assertReady()
    const body = p ? encodeWithinLimit(p, CLEANUP.size).frame.subarray(FRAME.size) : new Uint8Array(0)
    const payload = new Uint8Array(CLEANUP.size + body.length)
    new DataView(payload.buffer).setUint32(CLEANUP.key, key, true)
    payload.set(body, CLEANUP.size)
    this.#channel.post(FRAMES.CLEANUP, frameOf(payload))
  }

  /** Has signals come as events instead of taking effect. @throws InvalidInputError for an unknown name */
  watchSignals(signals: readonly (string | number)[]): void {
    this.#assertReady()
    const payload = new Uint8Array(SIGNALS.size)
    const mask = signals.reduce((bits, name) => bits | (1n << BigInt(numberOf(name) - 1)), 0n)
    new DataView(payload.buffer).setBigUint64(SIGNALS.mask, mask, true)
    this.#channel.post(FRAMES.SIGNALS, frameOf(payload))
  }

  /** What happens below from now on: children that ended, signals that came. Ends with the agent or the signal. */
  events(options: { signal?: AbortSignal } = {}): AsyncIterableIterator<AgentEvent> {
    return this.#events.subscribe(options.signal)
  }

  /**
   * Replaces this agent by a program (execve(2)); the handle is spent. When it fails the agent stays usable.
   * @param path of the program, resolved in the agent's mount namespace and working directory
   * @param argv arguments; argv[0] first
   * @throws SyscallError, StateError, InvalidInputError
   */
  async exec(path: string, argv?: readonly string[], options?: PipedExecOptions): Promise<PipedProcess>
  async exec(path: string, argv?: readonly string[], options?: ExecOptions): Promise<Process>
  async exec(path: string, argv: readonly string[] = [path], options: ExecOptions = {}): Promise<Process> {
    this.#assertReady()
    if (this.#children.size > 0) {
      const why = `Agent has ${this.#children.size} children: they would lose the process that reports their end`
      throw new StateError(why, { state: 'parent', wanted: 'no children' })
    }
    return executeProgram({ agent: this, path, argv, options })
  }

  /**
   * Runs a program that ends in an exec. Its success is the end of the connection: every descriptor of the agent is
   * close-on-exec. A program that completes has not become anything.
   * @throws SyscallError for a step that failed, or for the exec whose search found nothing; the agent stays usable
   */
  async become(p: Program, streams: ProcessStreams, options: RunOptions = {}): Promise<Process> {
    try {
      throw searchFailure(p, await this.run(p, options))
    } catch (error) {
      if (!this.#channel.closedByPeer) throw error
    }
    const child = await this.#birth
    this.#replaced(child)
    return new Process(child, streams)
  }

  /** Keeps the event loop alive until the process that replaced this agent has ended. */
  #replaced(child: Child): void {
    this.#state = 'spent'
    const keeper = this.#parent && this.#parent.#channel
    keeper?.hold()
    void child.exited.then(() => keeper?.release())
  }

  /** Ends everything below this process, then the process; resolves when it is gone. */
  async close(options: { timeoutMs?: number } = {}): Promise<void> {
    if (this.#state === 'closed' || this.#state === 'detached' || this.#state === 'unborn') return
    const child = this.#child as Child
    let nudges: NodeJS.Timeout | undefined
    if (this.#state === 'ready') {
      this.#state = 'closing'
      this.#channel.shutdown()
      // A call that blocks would keep the agent from seeing the end: this signal makes it return, as the death of this process does.
      nudges = setInterval(() => child.kill(WAKE), NUDGE_MS)
    }
    this.#channel.hold()
    const keeper = this.#parent && this.#parent.#channel
    keeper?.hold()
    const impatience = setTimeout(() => child.kill('SIGKILL'), options.timeoutMs ?? CLOSE_MS)
    await child.exited
    clearTimeout(impatience)
    clearInterval(nudges)
    keeper?.release()
    this.#channel.release()
    this.#state = 'closed'
    this.#channel.destroy(new AgentError('Agent is closed'))
  }

  [Symbol.asyncDispose](): Promise<void> {
    return this.close()
  }

  /** Sends a signal to this process. False when it is gone. */
  kill(signal: string | number): boolean {
    if (!this.#child) throw new StateError('Agent is not born yet', { state: this.#state, wanted: 'ready' })
    return this.#child.kill(signal)
  }

  /**
   * Lets go of the whole tree: from now on neither close() nor the end of this process ends what runs in it. The agent stays as
   * its reaper, runs the clean-up programs when the last process has ended, and exits.
   * @throws StateError when this is not the root
   */
  async detach(options?: CallOptions): Promise<void> {
    this.#assertReady()
    if (this.#parent)
      throw new StateError('Only the root of a tree can be detached', { state: 'child', wanted: 'root' })
    await this.#channel.request(FRAMES.DETACH, new Uint8Array(FRAME.size), [], options)
    this.#state = 'detached'
    this.#channel.destroy(new AgentError('Agent is detached'))
  }

  #assertReady(): void {
    if (this.#state === 'ready' || this.#state === 'unborn') {
      if (this.#channel.ended) throw this.#channel.ended
      return
    }
    const why = this.#state === 'spent' ? 'has executed a program and takes no more orders' : `is ${this.#state}`
    throw new StateError(`Agent ${why}`, { state: this.#state, wanted: 'ready' })
  }

  #onEvent(frame: Frame): void {
    if (frame.type === FRAMES.EXITED) {
      const { pid, exit } = decodeExited(frame.payload)
      this.#children.ended(pid, exit, frame.sequence)
      this.#events.emit({ type: 'exited', pid, exit })
    } else if (frame.type === FRAMES.CAUGHT) {
      this.#events.emit({ type: 'signal', signal: decodeCaught(frame.payload) })
    }
  }

  #onEnd(error: AgentError): void {
    this.#events.end()
    this.#reportEnd(error)
    // Who reported its children is gone, and with it they are or will be: their end is only known as a kill.
    if (this.#state !== 'spent' && this.#state !== 'detached') {
      this.#children.lost(KILLED)
    }
  }

  /** The root has no agent above it that reaps it: this process does. */
  #reapRoot(pidfd: number): void {
    if (this.#state === 'detached') return
    const status = native().reap(pidfd)
    if (status) this.#child?.ended(exitOf(status.status, NO_RUSAGE))
    else setTimeout(() => this.#reapRoot(pidfd), 1)
  }
}

/** A child on its way: orders for it may be sent, they are carried out once it is born. */
export interface Birth {
  readonly agent: Agent
  /** The child's socket, for the program that makes it */
  readonly socket: number
  born(result: ProgramResult, pid: Ref<Pid>): Agent
  fail(error: unknown): void
  /** After `fail`, with the failed program's result: waits for the end of a child that was made all the same */
  stillborn(result: ProgramResult, pid: Ref<Pid>): Promise<void>
}

const numberOf = (signal: string | number): number => (typeof signal === 'number' ? signal : signalNumber(signal))

const KILLED: Exit = exitOf(9, NO_RUSAGE)

/** How long close() waits before it kills: well above what an agent takes to end its own */
const CLOSE_MS = 5000

/** The last real-time signal: the only one that an agent does not block, and that cannot be watched (agent/signals.c) */
const WAKE = 64

/** How long orders that were sent before close() may take before they are interrupted, one after the other */
const NUDGE_MS = 20
