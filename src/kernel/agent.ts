import { AgentError, InvalidInputError, StateError, SyscallError, TimeoutError } from '../base/errors.ts'
import type { Flags } from '../linux/flags.ts'
import type { Fd, Pid, Ref } from '../linux/ref.ts'
import type { CloneFlag } from '../linux/tables/clone.ts'
import type { Signal } from '../linux/tables/signals.ts'
import { type Program, program } from '../program/builder.ts'
import { searchFailure } from '../program/exec-steps.ts'
import { ProgramResult, succeeded } from '../program/result.ts'
import { type CloneStep, cloneStep } from '../program/special.ts'
import { type Frame, frameOf, helloFrame, stampHeader } from '../protocol/frames.ts'
import { CLEANUP, FOLLOW, FRAME, OPTIONS, REPLY, SIGNALS } from '../protocol/layout.ts'
import { FRAMES, LIMITS } from '../protocol/wire.ts'
import { eventOf, hasEnded, type RawReply, rawReply, type SyncEvent } from './answers.ts'
import { Connection, type NoFrame } from './connection.ts'
import { close } from './descriptors.ts'
import type { Kernel } from './kernel.ts'
import { waitChild } from './process.ts'
import { socketPair } from './socket.ts'

/** How a program is run. */
export interface SyncRunOptions {
  /** Descriptors of this process that the program knows as `attached(0)`, …; they stay open here */
  readonly descriptors?: readonly number[]
  /** Milliseconds; without it for ever */
  readonly timeoutMs?: number
}

/** A child to stand in for. */
export interface FollowOrder {
  readonly pid: number
  readonly terminal: boolean
  readonly command: readonly string[]
}

/** A program that was sent and whose answer has not been read. */
export interface Posted {
  readonly id: number
  readonly program: Program
}

/** An agent that is still to be made: `socket` is the far end, which a clone step takes as its control socket. */
export interface Conceived {
  readonly agent: SyncAgent
  readonly socket: number
  /** To be called once the clone step was answered, with the pid that it gave, or without: lets go of the far end */
  readonly born: (pid?: number) => void
}

/** An agent without an event loop: every order is answered before the next line, unless it was posted. */
export class SyncAgent {
  readonly #kernel: Kernel
  readonly #connection: Connection
  readonly #answers = new Map<number, Frame>()
  readonly #events: SyncEvent[] = []
  #pid: number | undefined
  #greeted: boolean
  #lastId = 0

  private constructor(kernel: Kernel, connection: Connection, { pid, greeted }: { pid?: number; greeted: boolean }) {
    this.#kernel = kernel
    this.#connection = connection
    this.#pid = pid
    this.#greeted = greeted
  }

  /** Starts a root agent as a child of this process. @throws SyscallError, UnsupportedError */
  static start(kernel: Kernel): SyncAgent {
    const { pid, socket } = kernel.startAgent()
    return new SyncAgent(kernel, new Connection(kernel, socket), { pid, greeted: false })
  }

  /** The agent at the other end of a socket that somebody else has spoken on. */
  static attach(kernel: Kernel, socket: number): SyncAgent {
    return new SyncAgent(kernel, new Connection(kernel, socket), { greeted: true })
  }

  /** An agent that a clone step is going to make; orders to it wait in its socket. @throws SyscallError */
  static conceive(kernel: Kernel): Conceived {
    const [ours, theirs] = socketPair(kernel)
    const connection = new Connection(kernel, ours, true)
    const agent = new SyncAgent(kernel, connection, { greeted: false })
    let open = true
    const born = (pid?: number): void => {
      if (!open) return
      open = false
      agent.#pid = pid
      close(kernel, theirs)
      connection.born()
    }
    return { agent, socket: theirs, born }
  }

  /** An agent that nobody has spoken to yet, at the other end of a socket. */
  static fresh(kernel: Kernel, socket: number): SyncAgent {
    return new SyncAgent(kernel, new Connection(kernel, socket, true), { greeted: false })
  }

  /**
   * Makes a child of `parent` by a program of the caller's: `build` adds the steps and gives the pid of its clone step (cloneStep),
   * which takes `control` as its control socket. Descriptors of the options are `attached(0)`, ….
   * @throws SyscallError; there is no child then
   */
  static child(
    parent: SyncAgent,
    build: (p: Program, control: Ref<Fd>) => Ref<Pid>,
    options: SyncRunOptions = {},
  ): { readonly agent: SyncAgent; readonly result: ProgramResult } {
    const { descriptors = [] } = options
    const p = program()
    const pid = build(p, p.attached(descriptors.length))
    const { agent, socket, born } = SyncAgent.conceive(parent.#kernel)
    try {
      const result = parent.run(p, { ...options, descriptors: [...descriptors, socket] })
      born(Number(result.get(pid)))
      return { agent, result }
    } catch (error) {
      agent.close()
      born()
      throw error
    }
  }

  /** Makes a child in new namespaces (clone3(2)); its pid is the one that this agent sees. @throws SyscallError */
  clone(flags: Flags<CloneFlag>, options: Pick<CloneStep, 'keep' | 'cgroup'> & SyncRunOptions = {}): SyncAgent {
    const { keep, cgroup, ...rest } = options
    const how = { flags, ...(keep ? { keep } : {}), ...(cgroup ? { cgroup } : {}) }
    const build = (p: Program, control: Ref<Fd>): Ref<Pid> => {
      const { pid, pidfd } = cloneStep(p, { ...how, control })
      p.close(pidfd)
      return pid
    }
    return SyncAgent.child(this, build, rest).agent
  }

  /** Makes a child that shares all namespaces. @throws SyscallError */
  fork(options?: SyncRunOptions): SyncAgent {
    return this.clone([], options)
  }

  /** As its parent sees it; undefined for one that was attached to, or conceived */
  get pid(): number | undefined {
    return this.#pid
  }

  /** Number of its socket in this process */
  get socket(): number {
    return this.#connection.socket
  }

  /**
   * Sends a program and does not wait. Its answer is read by `answer` or `awaitExec`, or thrown away when `answered` is false.
   * @throws InvalidInputError, SyscallError for descriptors that cannot be sent
   */
  post(p: Program, { descriptors = [] }: Pick<SyncRunOptions, 'descriptors'> = {}, answered = true): Posted {
    const { frame, attached } = p.encode()
    const answer = REPLY.size + 8 * p.length + p.replySize + p.returnedSize
    if (frame.length - FRAME.size > LIMITS.FRAME || answer > LIMITS.FRAME) {
      throw new InvalidInputError(`Program or its answer is longer than a frame (${LIMITS.FRAME}): run it in parts`, {
        field: 'program',
      })
    }
    if (attached > descriptors.length) {
      const rule = `Program wants ${attached} descriptors and ${descriptors.length} were given`
      throw new InvalidInputError(rule, { field: 'descriptors' })
    }
    const id = answered ? ++this.#lastId : 0
    this.#send(FRAMES.RUN, frame, { id, descriptors })
    return { id, program: p }
  }

  /** The result of a program that was posted. @throws as `run` */
  answer(posted: Posted, timeoutMs?: number): ProgramResult {
    return succeeded(this.#result(posted, this.#wanted(posted.id, timeoutMs)))
  }

  /**
   * Runs a program in the process. What it had opened when it fails stays open there: an agent that failed is ended.
   * @throws SyscallError for the first error that its step does not tolerate; StateError for a call that its filter forbids;
   *   AgentError when it is gone, TimeoutError
   */
  run(p: Program, options: SyncRunOptions = {}): ProgramResult {
    return this.answer(this.post(p, options), options.timeoutMs)
  }

  /** The same, and a program that the kernel stopped is a result too, with its `failure`. */
  attempt(p: Program, options: SyncRunOptions = {}): ProgramResult {
    const posted = this.post(p, options)
    return this.#result(posted, this.#wanted(posted.id, options.timeoutMs))
  }

  /**
   * Runs a program that ends in execve(2) or exit(2): returns when the connection has ended, which is their success. That an agent was
   * killed looks the same.
   * @throws SyscallError for the step that failed, or for a command that no directory of PATH has
   */
  become(p: Program, options: SyncRunOptions = {}): void {
    this.awaitExec(this.post(p, options), options.timeoutMs)
  }

  /** As `become`, with the kernel's no as its value: the agent is still there then. @throws AgentError and what else is no answer */
  exec(p: Program, descriptors: readonly number[] = []): SyscallError | undefined {
    try {
      this.become(p, { descriptors })
      return undefined
    } catch (error) {
      if (error instanceof SyscallError) return error
      throw error
    }
  }

  /** As `become`, of a program that was posted. */
  awaitExec(posted: Posted, timeoutMs?: number): void {
    const frame = this.#answerTo(posted.id, timeoutMs)
    if (frame === undefined) return this.close()
    const result = succeeded(this.#result(posted, frame))
    throw searchFailure(posted.program, result)
  }

  /** The next answer to whatever program; undefined when the connection has ended. @throws AgentError, TimeoutError */
  nextReply(timeoutMs?: number): RawReply | undefined {
    const frame = this.#answerTo(undefined, timeoutMs)
    return frame && rawReply(frame.payload)
  }

  /** The next event; undefined when there was none in time. @throws AgentError when the agent is gone */
  nextEvent(timeoutMs?: number): SyncEvent | undefined {
    const deadline = timeoutMs === undefined ? undefined : performance.now() + timeoutMs
    while (this.#events.length === 0) {
      const frame = this.#receive(deadline)
      if (frame === 'late') return undefined
      if (frame === 'ended') throw gone()
      if (frame !== 'event') this.#answers.set(frame.id, frame)
    }
    return this.#events.shift()
  }

  /** Waits until a child of this process has ended; its status as wait4(2) gives it, undefined when it has not in time. */
  waitFor(pid: number, timeoutMs?: number): number | undefined {
    const deadline = timeoutMs === undefined ? undefined : performance.now() + timeoutMs
    const others: SyncEvent[] = []
    try {
      for (;;) {
        const left = deadline === undefined ? undefined : Math.max(0, deadline - performance.now())
        const event = this.nextEvent(left)
        if (event === undefined) return undefined
        if (event.type === 'exited' && event.pid === pid && hasEnded(event.status)) return event.status
        others.push(event)
      }
    } finally {
      this.#events.unshift(...others)
    }
  }

  /** Sends a signal to a process as this one sees it, which must be a child of it: nobody else reaps it meanwhile. @throws SyscallError */
  kill(pid: number, signal: Signal = 'SIGKILL'): void {
    const p = program()
    p.tolerate('ESRCH').kill(pid, signal)
    this.run(p)
  }

  /** Registers a program that the agent runs when the connection ends, however it ends; null forgets the key. */
  cleanup(key: number, p: Program | null): void {
    const payload = p ? p.encode().frame.subarray(FRAME.size) : new Uint8Array(0)
    const head = new Uint8Array(CLEANUP.size + payload.length)
    new DataView(head.buffer).setUint32(CLEANUP.key, key, true)
    head.set(payload, CLEANUP.size)
    this.#send(FRAMES.CLEANUP, frameOf(head))
  }

  /** What its children get when the connection ends: a signal by number (0: they are waited for), SIGKILL after `graceMs`. */
  options({ signal, graceMs }: { readonly signal: number; readonly graceMs: number }): void {
    const payload = new DataView(new ArrayBuffer(OPTIONS.size))
    payload.setUint32(OPTIONS.signal, signal, true)
    payload.setUint32(OPTIONS.grace_ms, graceMs, true)
    this.#send(FRAMES.OPTIONS, frameOf(new Uint8Array(payload.buffer)))
  }

  /** Has the signals of a mask (bit n-1 is signal n) come as events instead of taking effect, these and no others. */
  watchSignals(mask: bigint): void {
    const payload = new DataView(new ArrayBuffer(SIGNALS.size))
    payload.setBigUint64(SIGNALS.mask, mask, true)
    this.#send(FRAMES.SIGNALS, frameOf(new Uint8Array(payload.buffer)))
  }

  /**
   * Has it stand in for one of its children once the connection has ended: it passes signals on, relays the terminal whose master is
   * its descriptor 4, and ends with the child's status (agent/follow.c). `command` is executed at the end with the status as one more
   * word, when no clean-up program is registered or one fails.
   */
  follow({ pid, terminal, command }: FollowOrder): void {
    const words = new TextEncoder().encode(command.map((word) => `${word}\0`).join(''))
    const payload = new Uint8Array(FOLLOW.size + words.length)
    const view = new DataView(payload.buffer)
    view.setInt32(FOLLOW.pid, pid, true)
    view.setUint32(FOLLOW.terminal, terminal ? 1 : 0, true)
    payload.set(words, FOLLOW.size)
    this.#send(FRAMES.FOLLOW, frameOf(payload))
  }

  /** From now on the end of the connection is not the end of its children. */
  detach(): void {
    this.#send(FRAMES.DETACH, frameOf(new Uint8Array(0)))
  }

  /** Ends the connection: the agent kills what it owns, runs what was registered, and exits. */
  close(): void {
    this.#connection.close()
  }

  /** Ends the connection and waits until a root agent is gone; its status as wait4(2) gives it, undefined for no child of this process. */
  end(): number | undefined {
    this.close()
    return this.#pid === undefined ? undefined : waitChild(this.#kernel, this.#pid)
  }

  #send(
    type: number,
    frame: Uint8Array,
    { id, descriptors }: { readonly id: number; readonly descriptors: readonly number[] } = UNANSWERED,
  ): void {
    stampHeader(frame, id, type, descriptors.length)
    if (this.#greeted) return this.#connection.send(frame, descriptors)
    this.#greeted = true
    const hello = helloFrame()
    stampHeader(hello, 0, FRAMES.HELLO, 0)
    const both = new Uint8Array(hello.length + frame.length)
    both.set(hello)
    both.set(frame, hello.length)
    this.#connection.send(both, descriptors)
  }

  #result(posted: Posted, frame: Frame): ProgramResult {
    try {
      return new ProgramResult(posted.program, frame.payload, frame.descriptors, frame.sequence)
    } catch (error) {
      for (const fd of frame.descriptors) close(this.#kernel, fd)
      this.close()
      throw error
    }
  }

  #wanted(id: number, timeoutMs: number | undefined): Frame {
    const frame = this.#answerTo(id, timeoutMs)
    if (frame === undefined) throw gone()
    return frame
  }

  /** Undefined at an orderly end of the connection. */
  #answerTo(id: number | undefined, timeoutMs: number | undefined): Frame | undefined {
    if (id === 0) throw new StateError('No answer was asked for', { state: 'unanswered', wanted: 'answer' })
    const deadline = timeoutMs === undefined ? undefined : performance.now() + timeoutMs
    for (;;) {
      const key = id ?? this.#answers.keys().next().value
      const answer = key === undefined ? undefined : this.#answers.get(key)
      if (answer) {
        this.#answers.delete(answer.id)
        return answer
      }
      const frame = this.#receive(deadline)
      if (frame === 'late') throw new TimeoutError('The agent did not answer', timeoutMs ?? 0)
      if (frame === 'ended') return undefined
      if (frame !== 'event') this.#answers.set(frame.id, frame)
    }
  }

  /** The next answer, or word that an event was added to those that `nextEvent` gives. */
  #receive(deadline: number | undefined): Frame | NoFrame | 'event' {
    const left = deadline === undefined ? undefined : Math.max(0, deadline - performance.now())
    const frame = this.#connection.receive(left)
    if (typeof frame === 'string' || frame.type === FRAMES.REPLY) return frame
    this.#events.push(eventOf(frame))
    return 'event'
  }
}

const UNANSWERED = { id: 0, descriptors: [] as readonly number[] }

const gone = (): AgentError => new AgentError('Agent is gone: its connection ended')
