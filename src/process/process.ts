import type { Readable, Writable } from 'node:stream'
import { InvalidInputError, StateError } from '../base/errors.ts'
import type { CallOptions } from '../linux/call-options.ts'
import { checkWord } from './check-options.ts'
import type { Child } from './tree/child.ts'
import { type Credit, creditLeft, creditOf, type CreditOption } from './streams/credit.ts'
import type { Exit } from './tree/exit.ts'
import {
  checkMessageOptions,
  type MessageOptions,
  Messages,
  type OutputName,
  type ProcessMessage,
  readNow,
} from './streams/messages.ts'
import { link } from './tree/link.ts'
import type { Member } from './tree/member.ts'
import { native } from '../kernel/native.ts'
import { type InputStream, isConsumed, type OutputStream } from './streams/program-streams.ts'
import { TerminalStream } from './streams/terminal-stream.ts'
import { givenAway, type ProcessRights, Rights } from './tree/rights.ts'

/** Streams and terminal of a program. */
export interface ProcessStreams {
  readonly stdin: InputStream | null
  readonly stdout: OutputStream | null
  readonly stderr: OutputStream | null
  /** Master side of its terminal */
  readonly terminal?: number
}

/** A program that was executed: no longer an agent. Whoever holds it may write to it, grant it credit and signal it. */
export class Process implements AsyncDisposable {
  /** Its pid as its parent sees it */
  readonly pid: number
  /**
   * How it ended; resolves once the kernel has reported it, and keeps the event loop alive until then, unless it was detached. Never
   * resolves after a process above it was let go: `watch()` says so.
   */
  readonly exited: Promise<Exit>
  readonly #member: Member
  readonly #child: Child
  readonly #streams: ProcessStreams
  readonly #rights: Rights | undefined
  #givenAway = false

  /** @param member what became the program */
  constructor(member: Member, streams: ProcessStreams, rights?: Rights) {
    this.#member = member
    this.#child = member.known()
    this.#streams = streams
    this.#rights = rights
    this.pid = this.#child.pid
    this.exited = this.#child.exited
    if (streams.stdout instanceof TerminalStream) streams.stdout.keepFor(this.#child.told)
    void this.exited.then(() => this.#letStreamsEnd())
  }

  /** Its standard input, or null when it is not a pipe; end() it to give end of file */
  get stdin(): Writable | null {
    return this.#use('write').stdin
  }

  /** Its standard output (everything, with a terminal), or null when it is not a pipe */
  get stdout(): Readable | null {
    return this.#use('read').stdout
  }

  get stderr(): Readable | null {
    return this.#use('read').stderr
  }

  /** Its pid as this process sees it; undefined when it has ended */
  get hostPid(): number | undefined {
    return this.#child.hostPid
  }

  /** Pids from the root of the tree to it, each as its parent sees it */
  get path(): readonly number[] {
    return this.#member.path.map((member) => member.known().pid)
  }

  /** Sends a signal; false when the process is already gone. @throws SyscallError when the kernel forbids it */
  kill(signal: string | number = 'SIGTERM'): boolean {
    this.#use()
    this.#rights?.assertSignal(signal)
    return this.#child.kill(signal)
  }

  /** A handle on the same program with fewer rights: what is not named, its holder may not. @throws StateError when this one may not either */
  restrict(rights: ProcessRights): Process {
    this.#use()
    const given = new Rights('process', rights)
    this.#rights?.assertIncludes(rights)
    return new Process(this.#member, this.#streams, given)
  }

  /** Gives this handle away: what it could do, only the one that is returned can from now on. Streams that were taken out stay usable. */
  handOver(): Process {
    this.#use()
    const heir = new Process(this.#member, this.#streams, this.#rights)
    if (this.#member.process === this) this.#member.process = heir
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

  /** Ties this program and a controller to each other: see link.ts. @throws InvalidInputError */
  link(controller: AbortController): void {
    this.#use('signal')
    link(this.#child, controller, () => this.#child.kill('SIGKILL'))
  }

  /**
   * Lets go of the program: from now on neither close() of its tree nor the end of this process ends it. The agents above it stay until
   * it has ended.
   * @throws SyscallError EOPNOTSUPP when one of them sees no /proc of its own
   */
  async detach(options?: CallOptions): Promise<void> {
    this.#use('signal')
    await this.#member.detachProgram(options)
  }

  /**
   * Everything that the program tells, in order: output as it comes, the closing of its streams, its end. Output that was written
   * before the end comes before it; a stream that something else still holds does not hold the end back (see `until`).
   * @throws StateError while another iteration is under way; InvalidInputError
   */
  messages(options: MessageOptions = {}): AsyncIterableIterator<ProcessMessage> {
    checkMessageOptions(options)
    const streams = this.#use('read')
    if (this.#member.messages) {
      const why = 'Messages are being read by somebody else: leave that iteration first, each message comes once'
      throw new StateError(why, { state: 'read', wanted: 'unread' })
    }
    const messages = new Messages({ ...streams, exited: this.#child.told }, options, () => {
      this.#member.messages = undefined
    })
    this.#member.messages = messages
    return messages
  }

  /**
   * What is there of its output now, empty when there is nothing; waits for something up to `timeoutMs` (default 0). Null once
   * the stream has ended.
   * @throws StateError when the stream is not a pipe; the signal's reason
   */
  async read(name: OutputName = 'stdout', options?: CallOptions): Promise<Uint8Array | null> {
    checkWord(name, ['stdout', 'stderr'], 'name')
    return readNow(this.#output(name), options)
  }

  /**
   * Writes to its standard input as one piece: pieces of several callers are never mixed. Resolves with the number of bytes that
   * the kernel has taken: all, once the program has made room for them. After `timeoutMs` that may be fewer; the rest is not sent
   * later, so the caller can go on from there.
   * @throws SyscallError EPIPE when the program has ended or closed its end; StateError after eof() or without a pipe; the
   *   signal's reason, the rest is not sent then either
   */
  async write(data: string | Uint8Array, options?: CallOptions): Promise<number> {
    const { stdin } = this.#use('write')
    if (!stdin) throw notAPipe('stdin')
    return stdin.deliver(data, options)
  }

  /**
   * Closes this side of a stream: the program reads end of file, or gets SIGPIPE when it writes. What was written to its stdin
   * before still arrives.
   * @throws StateError when it is closed already, or not a pipe
   */
  eof(name: 'stdin' | OutputName = 'stdin'): void {
    checkWord(name, ['stdin', 'stdout', 'stderr'], 'name')
    const stream = this.#use(name === 'stdin' ? 'write' : 'read')[name]
    if (!stream) throw notAPipe(name)
    if (this.#streams.terminal !== undefined) {
      const why = "A terminal has one end for both directions: write '\\x04' at the begin of a line for an end of file"
      throw new StateError(why, { state: 'terminal', wanted: 'pipe' })
    }
    if (stream.destroyed || (name === 'stdin' && this.#streams.stdin?.writableEnded)) {
      throw new StateError(`${name} is closed already`, { state: 'closed', wanted: 'open' })
    }
    if (name === 'stdin') this.#streams.stdin?.end()
    else stream.destroy()
  }

  /** Bytes that are still read of each stream; Infinity without a limit, nothing for a stream that is not a pipe */
  get credit(): Credit {
    return creditLeft(this.#use('read'))
  }

  /**
   * Lets so many more bytes be read; a number counts for each stream. What is not read stays in the pipe, and the kernel stops
   * the program when that is full.
   * @throws InvalidInputError
   */
  grant(more: CreditOption): void {
    for (const [pipe, bytes] of creditOf(more, this.#use('read'))) pipe.credit += bytes
  }

  /** Sets how many bytes may be read from now on: 0 none, Infinity all. @throws InvalidInputError */
  setCredit(credit: CreditOption): void {
    for (const [pipe, bytes] of creditOf(credit, this.#use('read'))) pipe.credit = bytes
  }

  /** Bytes that are still read of its output, as the option of that name: -1 for all. */
  get flowcontrol(): number {
    const { stdout = Infinity, stderr = Infinity } = creditLeft(this.#streams)
    const left = Math.min(stdout, stderr)
    return left === Infinity ? -1 : left
  }

  /** Tells the program the size of its terminal (TIOCSWINSZ, SIGWINCH follows). @throws StateError without a terminal */
  resize(size: { columns: number; rows: number }): void {
    const { terminal, stdout } = this.#use('write')
    if (terminal === undefined) {
      throw new StateError('Process has no terminal', { state: 'pipes', wanted: "stdio: 'pty'" })
    }
    for (const [name, value] of Object.entries(size)) {
      if (!Number.isInteger(value) || value < 1 || value > 0xffff) {
        throw new InvalidInputError(`${name} is an integer from 1 to 65535, not ${value}`, { field: name })
      }
    }
    if (!this.#child.exit && !stdout?.over && !stdout?.destroyed) native().winsize(terminal, size.rows, size.columns)
  }

  /** Kills the program when it still runs, and waits for its end, unless it was detached, or this handle given away or restricted. */
  async [Symbol.asyncDispose](): Promise<void> {
    if (this.#givenAway || this.#rights) return
    if (!this.#child.kept && !this.#child.isLost) {
      this.#child.kill('SIGKILL')
      await this.exited
    }
    for (const stream of [this.#streams.stdin, this.#streams.stdout, this.#streams.stderr]) stream?.destroy()
  }

  #use(right?: keyof ProcessRights): ProcessStreams {
    if (this.#givenAway) throw givenAway()
    if (right) this.#rights?.assert(right)
    return this.#streams
  }

  #output(name: OutputName): OutputStream {
    const stream = this.#use('read')[name]
    if (!stream) throw notAPipe(name)
    return stream
  }

  /** Output that nobody reads would keep the event loop alive for ever. */
  #letStreamsEnd(): void {
    const { terminal, stdin, stdout, stderr } = this.#streams
    // With a terminal both are one stream, which may hold output that nobody has read yet.
    if (terminal === undefined) stdin?.destroy()
    for (const stream of [stdout, stderr]) if (stream && !isConsumed(stream)) stream.settle()
  }
}

const notAPipe = (name: string): StateError =>
  new StateError(`${name} is not a pipe of this process: it went elsewhere, or nowhere`, {
    state: 'elsewhere',
    wanted: "stdio: 'pipe'",
  })

/** A program whose three standard streams are pipes: the default. */
export type PipedProcess = Process & { readonly stdin: Writable; readonly stdout: Readable; readonly stderr: Readable }
