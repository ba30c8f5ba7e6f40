import { closeSync } from 'node:fs'
import { AgentError, InvalidInputError, StateError, SyscallError } from '../../base/errors.ts'
import type { CallOptions } from '../../linux/call-options.ts'
import type { Pid, Ref } from '../../linux/ref.ts'
import { type Program, program } from '../../program/builder.ts'
import { searchFailure } from '../../program/exec-steps.ts'
import { ProgramResult, succeeded } from '../../program/result.ts'
import { CLEANUP, FRAME, OPTIONS } from '../../protocol/layout.ts'
import { FRAMES, LIMITS } from '../../protocol/wire.ts'
import { type AgentOption, AgentOptions } from './agent-options.ts'
import type { RunOptions } from '../caller.ts'
import { decodeCaught, type CaughtSignal } from './caught.ts'
import { Channel } from '../connection/channel.ts'
import { Children } from './children.ts'
import { EndWatch } from './end-watch.ts'
import { EventSource } from './event-queue.ts'
import { decodeExited, decodeStopped, type Exit, exitOf, NO_RUSAGE } from './exit.ts'
import { encodeWithinLimit } from '../connection/frame-limit.ts'
import { type Frame, frameOf, helloFrame } from '../../protocol/frames.ts'
import { CALL_MS } from '../connection/waiting.ts'
import { native } from '../../kernel/native.ts'
import { Child } from './child.ts'
import { Process, type ProcessStreams } from '../process.ts'
import { orphanPayload, unlessGone } from './orphan-order.ts'
import { tellReaped } from './reaped.ts'
import { SignalActions } from './signal-actions.ts'
import { WAKE } from './wake.ts'
import type { Launched } from '../connection/start.ts'

/** What an agent tells without being asked. */
export type AgentEvent =
  | { readonly type: 'exited'; readonly pid: number; readonly exit: Exit }
  /** A child that the process traces (ptrace(2)) was stopped by a signal, or at `event` (PTRACE_EVENT_*) when that is not 0 */
  | { readonly type: 'stopped'; readonly pid: number; readonly signal: string; readonly event: number }
  | { readonly type: 'signal'; readonly signal: CaughtSignal }

export type MemberState = 'unborn' | 'ready' | 'spent' | 'closing' | 'closed' | 'detached'

/**
 * A process of the tree that carries out orders, and what is known of it: its connection, its children, its end. Handles on it
 * (`Agent`) come and go; it knows nothing of them.
 */
export class Member {
  readonly channel: Channel
  readonly parent: Member | undefined
  /** 1 for the root */
  readonly depth: number
  readonly children = new Children()
  readonly events = new EventSource<AgentEvent>()
  readonly options: AgentOptions
  readonly signals = new SignalActions(this)
  readonly end = new EndWatch(this)
  /** What it became by an exec */
  process: Process | undefined
  /** Who reads the program's messages: one at a time */
  messages: unknown
  state: MemberState = 'unborn'
  /** It lives on by itself: neither its end nor that of its children is waited for */
  isLetGo = false
  readonly ended: Promise<AgentError>
  readonly birth: Promise<Child>
  #child: Child | undefined
  #reportEnd!: (error: AgentError) => void
  #reportBirth!: (child: Child) => void
  #reportNoBirth!: (error: AgentError) => void
  #launched: Launched | undefined
  /** Children that are on their way */
  #expected = 0
  /** An exec is under way */
  #becoming = false
  #asksForTime = false

  constructor(socket: number, parent?: Member) {
    this.parent = parent
    this.depth = parent ? parent.depth + 1 : 1
    this.options = new AgentOptions(parent?.options)
    this.ended = new Promise((resolve) => (this.#reportEnd = resolve))
    this.birth = new Promise((resolve, reject) => {
      this.#reportBirth = resolve
      this.#reportNoBirth = reject
    })
    this.birth.catch(() => {})
    this.channel = new Channel(native(), socket, {
      onEvent: (frame) => this.#onEvent(frame),
      onEnd: (error) => this.#onEnd(error),
    })
  }

  /** The root of a tree, whose process this one has started. */
  static root(launched: Launched): Member {
    const member = new Member(launched.socket)
    member.#launched = launched
    member.born(new Child(launched.pid, launched.pidfd))
    void member.ended.then(() => member.end.reapRoot(launched.pidfd))
    void launched.command?.ended.then((error) => member.channel.destroy(error))
    return member
  }

  get command(): Launched['command'] {
    return this.#launched?.command
  }

  /** How many children it has that have not ended, those on their way included */
  get offspring(): number {
    return this.children.size + this.#expected
  }

  /** Whether something below it was detached: it stays until that has ended. */
  get keeps(): boolean {
    return this.children.list().some(({ child, member }) => child.kept || member?.keeps)
  }

  get child(): Child | undefined {
    return this.#child
  }

  /** Members above it, the root first, and itself */
  get path(): readonly Member[] {
    return this.parent ? [...this.parent.path, this] : [this]
  }

  /** @throws StateError before it is born */
  known(): Child {
    if (this.#child) return this.#child
    throw new StateError('Agent is not born yet', { state: this.state, wanted: 'ready' })
  }

  born(child: Child): void {
    this.#child = child
    this.state = 'ready'
    this.#reportBirth(child)
  }

  /** What failed to be born, or to start. */
  fail(error: AgentError): void {
    this.state = 'closed'
    this.#reportNoBirth(error)
    this.channel.destroy(error)
  }

  assertReady(): void {
    if (this.state === 'ready' || this.state === 'unborn') {
      if (this.channel.ended) throw this.channel.ended
      return
    }
    const why = this.state === 'spent' ? 'has executed a program and takes no more orders' : `is ${this.state}`
    throw new StateError(`Agent ${why}`, { state: this.state, wanted: 'ready' })
  }

  /**
   * The other end of a new child's socket, and the child, once limits allow one more. `settle` says that the child is no longer on its
   * way, and closes the socket; once more does nothing.
   * @throws SyscallError EAGAIN
   */
  conceive(): { readonly child: Member; readonly socket: number; readonly settle: () => void } {
    this.assertReady()
    if (this.offspring >= this.options.get('maxchild')) {
      throw tooMany(`it has ${this.offspring} children: the limit of its option maxchild`)
    }
    if (this.depth >= this.options.get('maxforkdepth')) {
      throw tooMany(`it stands ${this.depth} deep: the limit of its option maxforkdepth`)
    }
    const [mine, theirs] = native().socketpair()
    const child = new Member(mine, this)
    child.channel.post(FRAMES.HELLO, helloFrame())
    this.#expected++
    let isExpected = true
    const settle = (): void => {
      if (!isExpected) return
      isExpected = false
      this.#expected--
      closeSync(theirs)
    }
    return { child, socket: theirs, settle }
  }

  /** The child that a program's reply tells about. */
  adopt(result: ProgramResult, pid: Ref<Pid>, member: Member): void {
    const [pidfd] = result.descriptors
    if (pidfd === undefined) throw new AgentError('Agent sent no pidfd for a new child')
    member.born(this.children.adopt(result.get(pid), pidfd, result.sequence, member))
  }

  /** Waits for the end of a child that a failed program made all the same. */
  async stillborn(result: ProgramResult, pid: Ref<Pid>): Promise<void> {
    const number = result.reached(pid) ? result.get(pid) : 0
    if (number <= 0) return
    this.channel.hold()
    await this.children.adopt(number, -1, result.sequence).exited
    this.channel.release()
  }

  /** Runs a program; one that the kernel stopped is a result too. */
  async attempt(p: Program, options: RunOptions = {}): Promise<ProgramResult> {
    this.assertReady()
    const { frame, attached } = encodeWithinLimit(p)
    const descriptors = options.descriptors ?? []
    if (attached > descriptors.length) {
      const why = `Program refers to ${attached} attached descriptors, ${descriptors.length} were given`
      throw new InvalidInputError(why, { field: 'descriptors' })
    }
    const answer = await this.channel.request(FRAMES.RUN, frame, descriptors, {
      ...options,
      patienceMs: p.waits ? undefined : CALL_MS,
    })
    const result = new ProgramResult(p, answer.payload, answer.descriptors, answer.sequence)
    if (p.waits) tellReaped(p, result, this.children)
    if (result.failure) this.#closeLeftOpen(result)
    return result
  }

  /** @throws SyscallError for the first error that its step does not tolerate */
  async run(p: Program, options?: RunOptions): Promise<ProgramResult> {
    return succeeded(await this.attempt(p, options))
  }

  /** Nothing is half-made: what a failed program had opened is closed. */
  #closeLeftOpen(result: ProgramResult): void {
    const open = result.leftOpen()
    if (open.length === 0) return
    const p = program()
    for (const fd of open) p.tolerate('EBADF').close(fd)
    this.channel.post(FRAMES.RUN, p.encode().frame)
  }

  /** An order that is no program. @throws SyscallError with the name of what was wanted */
  async order(type: number, payload: Uint8Array, name: string, options: CallOptions = {}): Promise<void> {
    this.assertReady()
    const answer = await this.channel.request(type, frameOf(payload), [], { ...options, patienceMs: CALL_MS })
    const { failure } = new ProgramResult(NOTHING, answer.payload, answer.descriptors, answer.sequence)
    if (failure) throw new SyscallError({ ...failure, call: name })
  }

  /** Registers a program that the agent runs when the connection ends; an empty one forgets the key. */
  onEnd(key: number, p: Program | null): void {
    this.assertReady()
    if (!Number.isInteger(key) || key < 0 || key > 0xffff_ffff) {
      throw new InvalidInputError(`key is an integer from 0 to 4294967295, not ${String(key)}`, { field: 'key' })
    }
    const body = p !== null ? encodeWithinLimit(p, CLEANUP.size).frame.subarray(FRAME.size) : new Uint8Array(0)
    const payload = new Uint8Array(CLEANUP.size + body.length)
    new DataView(payload.buffer).setUint32(CLEANUP.key, key, true)
    payload.set(body, CLEANUP.size)
    this.channel.post(FRAMES.CLEANUP, frameOf(payload))
    this.askForTime()
  }

  /**
   * At the end of Node every process hears of it, and those above kill what is below at once, unless it was said that a process has
   * something to do then: it is only woken up, and has the `grace` of the one above it.
   */
  askForTime(): void {
    const { parent } = this
    if (!parent || this.#asksForTime) return
    this.#asksForTime = true
    const post = ({ pid }: Child): void => parent.channel.post(FRAMES.ORPHAN, frameOf(orphanPayload(pid, WAKE)))
    this.birth.then(post, () => {})
    parent.askForTime()
  }

  /** Sets an option; one that could not be sent stays as it was. @throws InvalidInputError */
  async setOption(name: AgentOption, value: number, options?: CallOptions): Promise<void> {
    const before = this.options.get(name)
    this.options.set(name, value, this.offspring)
    if (name !== 'signaloneof' && name !== 'grace') return
    try {
      await this.#sendOptions(options)
    } catch (error) {
      this.options.set(name, before)
      throw error
    }
    this.askForTime()
  }

  /** Has the agent know the options that count when this process is gone. */
  #sendOptions(options?: CallOptions): Promise<void> {
    const payload = new Uint8Array(OPTIONS.size)
    const view = new DataView(payload.buffer)
    view.setUint32(OPTIONS.signal, this.options.get('signaloneof'), true)
    view.setUint32(OPTIONS.grace_ms, this.options.get('grace'), true)
    return this.order(FRAMES.OPTIONS, payload, 'setopt', options)
  }

  /** What one child gets at the end of the connection: a signal, 0 for nothing. False when there is none. @throws SyscallError EOPNOTSUPP */
  orphan(pid: number, signal: number, options?: CallOptions): Promise<boolean> {
    return unlessGone(this.order(FRAMES.ORPHAN, orphanPayload(pid, signal), 'detach', options))
  }

  /** Has a child stay when this process is gone, and so every process above it, down from the root. @throws SyscallError */
  async keep(child: Child, options?: CallOptions): Promise<void> {
    if (this.parent) await this.parent.keep(this.known(), options)
    await this.orphan(child.pid, 0, options)
  }

  /**
   * Runs a program that ends in an exec; its success is the end of the connection.
   * @throws SyscallError; StateError when another exec, or close(), is under way
   */
  async become(p: Program, streams: ProcessStreams, options: RunOptions = {}): Promise<Process> {
    if (this.#becoming) throw busy('is executing a program already', 'spent')
    this.#becoming = true
    try {
      throw searchFailure(p, await this.run(p, options))
    } catch (error) {
      if (!this.channel.closedByPeer) throw error
    } finally {
      this.#becoming = false
    }
    const child = await this.birth
    // The end of the connection was not, or not only, that of an exec.
    if (this.state !== 'ready') throw busy(`is ${this.state}, before its exec was through`, this.state)
    this.state = 'spent'
    // The signal that wakes an agent up is not one for programs.
    if (this.#asksForTime)
      this.parent?.channel.post(FRAMES.ORPHAN, frameOf(orphanPayload(child.pid, LIMITS.NOTHING_ELSE)))
    this.end.hold()
    this.process = new Process(this, streams)
    return this.process
  }

  /** Lets go of the program that it became. */
  async detachProgram(options?: CallOptions): Promise<void> {
    const child = this.known()
    if (!this.parent) {
      const why = 'The root cannot be detached once it is a program: nothing above it would stay to reap it'
      throw new StateError(why, { state: 'spent', wanted: 'agent' })
    }
    await this.parent.keep(child, options)
    child.kept = true
    this.end.release()
  }

  #onEvent(frame: Frame): void {
    if (frame.type === FRAMES.CAUGHT) {
      const signal = decodeCaught(frame.payload)
      this.signals.came(signal)
      return this.events.emit({ type: 'signal', signal })
    }
    if (frame.type !== FRAMES.EXITED) return
    const stop = decodeStopped(frame.payload)
    if (stop) return this.events.emit({ type: 'stopped', ...stop })
    const { pid, exit } = decodeExited(frame.payload)
    this.children.ended(pid, exit, frame.sequence)
    if (this.options.get(exit.kind === 'exited' ? 'exit_status' : 'termsig')) {
      this.events.emit({ type: 'exited', pid, exit })
    }
  }

  #onEnd(error: AgentError): void {
    this.events.end()
    this.#reportEnd(error)
    if (this.state === 'spent' || this.isLetGo || this.children.size === 0) return
    const lose = (): void => this.#loseChildren()
    this.end.watch().then(lose, lose)
  }

  /** Who reported its children is gone, and with it they are or will be: their end is only known as a kill. */
  #loseChildren(): void {
    for (const { child, member } of this.children.list()) if (!child.kept) endOrphan(child, member)
    this.children.lost(KILLED)
  }
}

const busy = (why: string, state: string): StateError => new StateError(`Agent ${why}`, { state, wanted: 'ready' })

const tooMany = (because: string): SyscallError =>
  new SyscallError({ call: 'clone3', args: 'a child', errno: 'EAGAIN', step: 0, steps: 1, because })

/** What an order that is no program is answered like */
const NOTHING = program()

/** What the process above it could not end itself: it may have given up the rights to. */
function endOrphan(child: Child, member: Member | undefined): void {
  member?.channel.shutdown()
  if (member?.state !== 'spent') return
  try {
    child.kill('SIGKILL')
  } catch {
    // Another user's: nobody here may end it.
  }
}

const KILLED: Exit = exitOf(9, NO_RUSAGE)
