import { AgentError } from '../base/errors.ts'
import { type CallOptions, LIMIT_OPTIONS } from '../linux/call-options.ts'
import type { Flags } from '../linux/flags.ts'
import type { Pid, Ref } from '../linux/ref.ts'
import type { CloneFlag } from '../linux/tables/clone.ts'
import { type Program, program } from '../program/builder.ts'
import type { ProgramResult } from '../program/result.ts'
import { cloneStep } from '../program/special.ts'
import { FRAMES } from '../protocol/wire.ts'
import type { AgentOption } from './tree/agent-options.ts'
import { checkOptions } from './check-options.ts'
import { Caller, type CallerOrigin, type RunOptions } from './caller.ts'
import { childRecords, type ChildOption, type ChildRecord, setChild } from './tree/child-records.ts'
import { closeMember, detachMember, endChild, exitMember, hasChildren } from './tree/ending.ts'
import { Environment } from './calls/environment.ts'
import { checkExecOptions, executeProgram, type ExecOptions, type PipedExecOptions } from './exec.ts'
import type { Exit } from './tree/exit.ts'
import { type CallFilter, filterPayload } from './tree/filter.ts'
import { checkHello } from '../protocol/frames.ts'
import { link } from './tree/link.ts'
import { type AgentEvent, Member } from './tree/member.ts'
import type { PipedProcess, Process, ProcessStreams } from './process.ts'
import { reexecMember } from './tree/reexec.ts'
import { type AgentRights, givenAway, Rights } from './tree/rights.ts'
import type { SignalAction, SignalArg } from './tree/signal-actions.ts'
import { launchAgent, START_OPTIONS, type StartOptions } from './connection/start.ts'
import { ownVersion, type Version } from './version.ts'

const FORK_OPTIONS = [...LIMIT_OPTIONS, 'linked']

/** How a child is made. */
export interface ForkOptions extends CallOptions {
  /** As `link()`, from the child's first moment on */
  readonly linked?: AbortController
}

/**
 * A process that stands still and makes system calls on command. It forks children that do the same, until one executes a
 * program. Closing it ends everything below it. Holding it is the right to act: `restrict()` makes handles with fewer rights,
 * `handOver()` gives it away.
 */
export class Agent extends Caller implements AsyncDisposable {
  readonly #member: Member
  readonly #rights: Rights | undefined
  #givenAway = false

  private constructor(member: Member, origin: CallerOrigin, rights?: Rights) {
    super(origin)
    this.#member = member
    this.#rights = rights
  }

  /**
   * Starts the root of a new tree as a child of this process, or by a command such as sudo(8).
   * @throws AgentError with what the command printed when it ends before the agent answers, InvalidInputError, UnsupportedError,
   *   SyscallError when the command or the agent cannot be executed, TimeoutError
   */
  static async start(options: StartOptions & ForkOptions = {}): Promise<Agent> {
    checkOptions(options, START_OPTIONS, 'Agent.start()')
    const launched = launchAgent(options)
    const member = Member.root(launched)
    const agent = new Agent(member, { env: options.env })
    try {
      checkHello((await member.channel.hello(options)).payload)
      await launched.command?.connect(member)
      if (options.linked) agent.link(options.linked)
      return agent
    } catch (error) {
      if (!launched.command) member.known().kill('SIGKILL')
      member.fail(new AgentError('Agent did not start', { cause: error }))
      throw launched.command ? await launched.command.explain(error, member.known()) : error
    }
  }

  /** What it and this package speak */
  get version(): Version {
    return ownVersion()
  }

  /**
   * Its pid as its parent sees it (the host's number for the root). Of a root that a wrapper started, and stays beside, it is the
   * wrapper's: the process that this one made, reaps and signals
   */
  get pid(): number {
    return this.#member.known().pid
  }

  /** Its pid as this process sees it; undefined when it has ended */
  get hostPid(): number | undefined {
    return this.#member.child?.hostPid
  }

  /** How many children it has that have not ended */
  get children(): number {
    return this.#member.children.size
  }

  /** Pids from the root to it, each as its parent sees it */
  get path(): readonly number[] {
    return this.#member.path.map((member) => member.known().pid)
  }

  /** Pid of the process that made it, as that one's parent sees it; undefined for the root */
  get parent(): number | undefined {
    return this.#member.parent?.known().pid
  }

  /** Whether it has executed a program, and takes no more orders */
  get execed(): boolean {
    return this.#member.state === 'spent'
  }

  /**
   * How it ended; resolves when it has. Who asks for it waits: it keeps the event loop alive until then, unless the process was
   * detached (`watch()` waits for that too). Never resolves after a process above it was let go, detached for instance.
   */
  get exited(): Promise<Exit> {
    this.#member.end.hold()
    return this.#member.known().exited
  }

  /** Calls a function when it has ended; the event loop is not kept alive for that. */
  onExit(listener: (exit: Exit) => void): void {
    void this.#member.known().exited.then(listener)
  }

  protected override get over(): boolean {
    return this.#member.channel.closedByPeer
  }

  /** Makes a child in new namespaces (clone3(2)); it is again an agent, with a socket of its own. @throws SyscallError EAGAIN at a limit */
  override async clone(flags: Flags<CloneFlag>, options: ForkOptions = {}): Promise<Agent> {
    const p = program()
    checkOptions(options, FORK_OPTIONS, 'fork()')
    const { pid, pidfd } = cloneStep(p, { flags, control: p.attached(0) })
    p.send(pidfd)
    const birth = this.conceive()
    try {
      birth.born(await this.#member.run(p, { ...options, descriptors: [birth.socket] }), pid)
    } catch (error) {
      birth.fail(error)
      throw error
    }
    if (options.linked) birth.agent.link(options.linked)
    return birth.agent
  }

  /**
   * A child that a program of the caller's is going to make, one with a clone step that sends the pidfd first. Until it is born,
   * orders to it wait in its socket. It counts as a child from now on: `born` or `fail` must follow, once.
   */
  conceive(): Birth {
    const member = this.#use('fork')
    const { child, socket, settle } = member.conceive()
    const agent = new Agent(child, { parent: this })
    return {
      agent,
      socket,
      born: (result, pid) => {
        settle()
        member.adopt(result, pid, child)
        return agent
      },
      fail: (error) => {
        settle()
        child.fail(error instanceof AgentError ? error : new AgentError('Process was not made', { cause: error }))
      },
      stillborn: (result, pid) => member.stillborn(result, pid),
    }
  }

  override async attempt(p: Program, options?: RunOptions): Promise<ProgramResult> {
    const member = this.#use()
    this.#rights?.assertSteps(p.steps)
    return member.attempt(p, options)
  }

  /**
   * Registers a program that the agent runs when the connection ends, however it ends; an empty one forgets the key.
   * It must not refer to attached descriptors.
   */
  onEnd(key: number, p: Program | null): void {
    this.#use('manage').onEnd(key, p)
  }

  /** Has signals come as events instead of taking effect, these and no others. @throws InvalidInputError for an unknown name */
  watchSignals(signals: readonly (SignalArg | (string & {}))[]): void {
    const member = this.#use('manage')
    member.assertReady()
    member.signals.watch(signals)
  }

  /**
   * Sets what a signal does in this process, and is inherited by a program that it executes as far as it is ignored: a function is
   * called with each one that came, which is an event too. Gives what it did before; null only asks.
   * @throws SyscallError EINVAL for SIGKILL and SIGSTOP; InvalidInputError
   */
  async sigaction(signal: SignalArg, action: SignalAction | null, options?: CallOptions): Promise<SignalAction> {
    return this.#use('manage').signals.set(signal, action, options)
  }

  /** What happens below from now on: children that ended, signals that came. Ends with the agent or the signal. */
  events(options: { signal?: AbortSignal } = {}): AsyncIterableIterator<AgentEvent> {
    return this.#use('events').events.subscribe(options.signal)
  }

  /**
   * Replaces this agent by a program (execve(2)); the handle is spent. When it fails the agent stays usable.
   * @param path of the program, resolved in the agent's mount namespace and working directory
   * @param argv arguments; argv[0] first
   * @throws SyscallError, StateError, InvalidInputError
   */
  override async exec(path: string, argv?: readonly string[], options?: PipedExecOptions): Promise<PipedProcess>
  override async exec(path: string, argv?: readonly string[], options?: ExecOptions): Promise<Process>
  override async exec(path: string, argv: readonly string[] = [path], options: ExecOptions = {}): Promise<Process> {
    const member = this.#use('exec')
    member.assertReady()
    checkExecOptions(options)
    if (options.children === 'close') {
      this.#use('manage')
      await Promise.all(member.children.list().map(({ child, member: below }) => endChild(child, below)))
    }
    if (member.offspring > 0) throw hasChildren(member)
    const flowcontrol = member.options.get('flowcontrol')
    const credit = flowcontrol < 0 || options.stdio === 'pty' ? {} : { credit: flowcontrol }
    // What an exec takes beside it, a terminal for instance, is part of the right to it.
    const agent = this.#rights ? new Agent(member, { same: this }) : this
    const process = await executeProgram({ agent, path, argv, options: { ...credit, ...this.#bounded(options) } })
    if (options.lifetime === 'detached') await process.detach()
    if (options.linked) process.link(options.linked)
    return process
  }

  /** An exec that fails leaves behind what its preparation did: a right to those calls is needed too. */
  #bounded(options: ExecOptions): ExecOptions {
    const [rights, prepare] = [this.#rights, options.prepare]
    if (!rights || !prepare) return options
    return {
      ...options,
      prepare: (p) => {
        const before = p.length
        const result: unknown = prepare(p)
        rights.assertSteps(p.steps.slice(before))
        return result as void
      },
    }
  }

  /** Runs a program of the caller's that ends in an exec, whose success is the end of the connection. @throws SyscallError, StateError */
  async become(p: Program, streams: ProcessStreams, options: RunOptions = {}): Promise<Process> {
    const member = this.#use('exec')
    this.#rights?.assertSteps(p.steps)
    return member.become(p, streams, options)
  }

  /** Becomes a fresh image of the agent: see `reexecMember` in reexec.ts. @throws SyscallError, it stays as it was */
  async reexec(options?: CallOptions): Promise<void> {
    const member = this.#use('manage')
    await reexecMember(member, options)
    await member.command?.connect(member)
  }

  /**
   * Forbids system calls in this process for good, and in the children that it will have (default: the same). The agent itself
   * refuses them, with a StateError here; it survives reexec(), and programs that it executes are not bound by it (that is what
   * seccomp(2) is for).
   * @throws InvalidInputError for a name that is no call
   */
  async filter(
    own: CallFilter,
    { children = own, ...options }: { children?: CallFilter } & CallOptions = {},
  ): Promise<void> {
    await this.#use('manage').order(FRAMES.FILTER, filterPayload(own, children), 'filter', options)
  }

  /** The value of an option. @throws InvalidInputError for an unknown name */
  getopt(name: AgentOption): number {
    return this.#member.options.get(name)
  }

  /** Sets an option of this process; children that it makes from now on begin with it. @throws InvalidInputError, AgentError */
  async setopt(name: AgentOption, value: number, options?: CallOptions): Promise<void> {
    const member = this.#use('manage')
    await member.setOption(name, value, options)
  }

  /** Its children that have not ended. */
  cpid(): readonly ChildRecord[] {
    return childRecords(this.#member)
  }

  /** One of them, or undefined. */
  getcpid(pid: number): ChildRecord | undefined {
    return this.cpid().find((record) => record.pid === pid)
  }

  /**
   * Sets something for one child: `signaloneof`, what it gets when the connection to this process ends, or `flowcontrol`, the bytes
   * that are read of its output (-1: all). False when there is no such child.
   * @throws InvalidInputError; SyscallError EOPNOTSUPP when the process sees no /proc of its own to tell its children apart
   */
  async setcpid(pid: number, name: ChildOption, value: number, options?: CallOptions): Promise<boolean> {
    return setChild(this.#use('manage'), pid, { name, value }, options)
  }

  /**
   * A handle on the same process with fewer rights: what is not named, its holder may not. What is known of the process is no secret:
   * pids, options, children, its end. The environment is shared with a handle that may manage, copied for one that may run programs,
   * and empty for others.
   * @throws StateError when this one may not either
   */
  restrict(rights: AgentRights): Agent {
    this.#use()
    const given = new Rights('agent', rights)
    this.#rights?.assertIncludes(rights)
    const { manage, exec, fork } = rights
    const environment = manage ? this.environment : exec || fork ? this.environment.child() : new Environment()
    return new Agent(this.#member, { same: this, environment }, given)
  }

  /** Gives this handle away: what it could do, only the one that is returned can from now on. */
  handOver(): Agent {
    this.#use()
    const heir = new Agent(this.#member, { same: this }, this.#rights)
    this.#givenAway = true
    return heir
  }

  /**
   * Waits for its end, without owning it; keeps the event loop alive until then.
   * @throws StateError when a process above it was let go, nobody tells its end then; TimeoutError, the signal's reason
   */
  watch(options?: CallOptions): Promise<Exit> {
    return this.#member.end.watch(options)
  }

  /** Ties this process and a controller to each other: see link.ts. @throws InvalidInputError */
  link(controller: AbortController): void {
    const member = this.#use('manage')
    link(member.known(), controller, () => closeMember(member))
  }

  /** Ends this process with a status. @throws StateError while it has children */
  exit(status = 0, options?: CallOptions): Promise<Exit> {
    return exitMember(this.#use('manage'), status, options)
  }

  /**
   * Ends everything below this process, then the process; what was detached stays. Resolves when it is gone. After `timeoutMs` (default
   * 5000) it is killed: clean-up programs that have not run by then never do. What has become a program is killed at once.
   * @throws InvalidInputError; AgentError when it does not end, and is another user's
   */
  async close(options: { timeoutMs?: number } = {}): Promise<void> {
    if (this.#givenAway) return
    await closeMember(this.#use('manage'), options)
  }

  /** Closes it, unless this handle was given away or restricted. */
  async [Symbol.asyncDispose](): Promise<void> {
    if (!this.#rights) await this.close()
  }

  /** Sends a signal to this process. False when it is gone. */
  kill(signal: string | number): boolean {
    const member = this.#use()
    this.#rights?.assertSignal(signal)
    return member.known().kill(signal)
  }

  /**
   * Lets go of this process and of all that runs below it: from now on neither close() nor the end of this process ends it. The agent
   * stays as the reaper, runs the clean-up programs when the last process has ended, and exits; so do the agents above it.
   * @throws SyscallError EOPNOTSUPP when a process above it sees no /proc of its own
   */
  detach(options?: CallOptions): Promise<void> {
    return detachMember(this.#use('manage'), options)
  }

  #use(right?: keyof AgentRights): Member {
    if (this.#givenAway) throw givenAway()
    if (right) this.#rights?.assert(right)
    return this.#member
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
