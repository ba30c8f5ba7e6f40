import type { Writable } from 'node:stream'
import { InvalidInputError } from '../../base/errors.ts'
import type { CallOptions } from '../../linux/call-options.ts'
import { describeValue } from '../../linux/show-value.ts'
import type { Exit } from '../tree/exit.ts'
import { chunkOf, isDrained, type OutputStream } from './program-streams.ts'
import { timerFor } from './timer.ts'

/** What a program writes to. */
export type OutputName = 'stdout' | 'stderr'

/** What an executed program tells. The output of a terminal is `stdout`. */
export type ProcessMessage =
  | { readonly type: 'stdout'; readonly data: Uint8Array }
  | { readonly type: 'stderr'; readonly data: Uint8Array }
  /** Everything has been told: nobody holds the writing end any more, or eof() closed ours */
  | { readonly type: 'stdout_closed' }
  | { readonly type: 'stderr_closed' }
  /** Nothing more can be written: nobody holds the reading end, the program has ended, or eof() closed ours */
  | { readonly type: 'stdin_closed' }
  | { readonly type: 'exited'; readonly exit: Exit }

export interface MessageOptions {
  /** Streams whose output is told; default both. The others are left to their readers */
  readonly streams?: readonly OutputName[]
  /** Whether the closing of streams is told; default true */
  readonly closed?: boolean
  /**
   * `exit`: the end of the program is the last message, whoever else still holds its pipes; `closed`: what those write follows,
   * until they have closed them. Default `exit`
   */
  readonly until?: 'exit' | 'closed'
  /** Ends the iteration when it aborts; what was not told yet stays in the streams */
  readonly signal?: AbortSignal
}

/** What messages are made of. */
export interface MessageSource {
  readonly stdin: Writable | null
  readonly stdout: OutputStream | null
  readonly stderr: OutputStream | null
  /** Rejects once nobody will tell */
  readonly exited: Promise<Exit>
}

interface Told {
  readonly name: OutputName
  readonly stream: OutputStream
  /** Bytes that were there when the program ended, and come before its end */
  due: number
  closed: boolean
}

type Waiting = (result: IteratorResult<ProcessMessage>) => void

/**
 * A program that ends closes its streams one by one, microseconds apart, and this process may look in between. For so long the
 * closing of one stream waits for the others and for the end, so that the order is always the same.
 */
const SETTLES_MS = 5

/**
 * One ordered iteration over everything that a program tells: its output as it comes, then the closing of stdout, stderr and stdin,
 * then its end. Nothing is read ahead of the consumer beyond the streams' own buffers.
 */
export class Messages implements AsyncIterableIterator<ProcessMessage> {
  readonly #outputs: readonly Told[]
  readonly #stdin: Writable | null
  readonly #options: MessageOptions
  readonly #onLeave: () => void
  readonly #waiting: Waiting[] = []
  readonly #wake = (): void => this.#serve()
  readonly #onAbort = (): void => void this.return()
  #stdinTold: boolean
  #exit: Exit | undefined
  #exitTold = false
  #serving = false
  #settled = false
  #settling: NodeJS.Timeout | undefined
  #ended = false

  constructor(source: MessageSource, options: MessageOptions, onLeave: () => void) {
    const { streams = NAMES } = options
    this.#outputs = NAMES.flatMap((name): Told[] => {
      const stream = source[name]
      return stream && streams.includes(name) ? [{ name, stream, due: 0, closed: false }] : []
    })
    this.#stdin = source.stdin
    this.#stdinTold = source.stdin === null
    this.#options = options
    this.#onLeave = onLeave
    this.#listen()
    source.exited.then(
      (exit) => this.#onExit(exit),
      // Nobody will tell its end: what it was part of has been let go.
      () => void this.return(),
    )
  }

  next(): Promise<IteratorResult<ProcessMessage>> {
    return new Promise((resolve) => {
      this.#waiting.push(resolve)
      this.#serve()
    })
  }

  async return(): Promise<IteratorResult<ProcessMessage>> {
    this.#leave()
    this.#serve()
    return DONE
  }

  [Symbol.asyncIterator](): AsyncIterableIterator<ProcessMessage> {
    return this
  }

  #listen(): void {
    for (const { stream } of this.#outputs) {
      for (const event of ['readable', 'end', 'close']) stream.on(event, this.#wake)
    }
    this.#stdin?.on('close', this.#wake)
    const { signal } = this.#options
    signal?.addEventListener('abort', this.#onAbort, { once: true })
    if (signal?.aborted) this.#onAbort()
  }

  #leave(): void {
    if (this.#ended) return
    this.#ended = true
    clearTimeout(this.#settling)
    for (const { stream } of this.#outputs) {
      for (const event of ['readable', 'end', 'close']) stream.off(event, this.#wake)
    }
    this.#stdin?.off('close', this.#wake)
    this.#options.signal?.removeEventListener('abort', this.#onAbort)
    this.#onLeave()
  }

  /** Whoever else holds the pipes may write on: what is there now is what comes before the end. */
  #onExit(exit: Exit): void {
    if (this.#ended) return
    for (const output of this.#outputs) {
      output.stream.gather()
      output.due = output.stream.readableLength
    }
    this.#exit = exit
    this.#serve()
  }

  #serve(): void {
    // A stream that is looked into may emit 'readable' at once: what it has is found by whoever looks.
    if (this.#serving) return
    this.#serving = true
    for (let result = this.#result(); result; result = this.#result()) this.#waiting.shift()?.(result)
    this.#serving = false
  }

  /** For the consumer that has waited longest; undefined when there is none, or nothing to tell now. */
  #result(): IteratorResult<ProcessMessage> | undefined {
    if (this.#waiting.length === 0) return undefined
    const value = this.#ended ? undefined : this.#take()
    if (value) return { value, done: false }
    if (!this.#ended && !this.#isOver()) return undefined
    this.#leave()
    return DONE
  }

  #isOver(): boolean {
    return this.#exitTold && (this.#options.until !== 'closed' || this.#outputs.every(({ closed }) => closed))
  }

  /** The program has ended, and that is still to be told. */
  get #isEnding(): boolean {
    return this.#exit !== undefined && !this.#exitTold
  }

  #take(): ProcessMessage | undefined {
    if (this.#isOver()) return undefined
    return this.#output() ?? this.#closing() ?? this.#end()
  }

  #output(): ProcessMessage | undefined {
    const [first, second] = this.#outputs
    // Which of two pipes was written first cannot be known: stdout comes first, not whichever the event loop looked at first.
    if (first && second && second.stream.readableLength > 0 && !this.#isEnding) first.stream.gather()
    for (const output of this.#outputs) {
      if (this.#isEnding && output.due <= 0) continue
      const data = chunkOf(output.stream)
      if (!data) continue
      output.due -= data.length
      return { type: output.name, data }
    }
    return undefined
  }

  #closing(): ProcessMessage | undefined {
    const closed = this.#outputs.find((output) => !output.closed && isDrained(output.stream))
    const isStdinClosed = !this.#stdinTold && isInputClosed(this.#stdin)
    if (!closed && !isStdinClosed) {
      this.#settled = false
      return undefined
    }
    if (!this.#hasSettled()) return undefined
    const late = this.#look()
    if (late) return late
    // After that look: a stream may be closed by now that comes before the one that brought us here.
    const first = this.#outputs.find((output) => !output.closed && isDrained(output.stream))
    if (first) first.closed = true
    else this.#stdinTold = true
    if (this.#options.closed === false) return this.#closing()
    return { type: first ? (`${first.name}_closed` as const) : 'stdin_closed' }
  }

  /** Output that was written before a stream was closed is told before that. */
  #look(): ProcessMessage | undefined {
    for (const { stream } of this.#outputs) if (!this.#isEnding) stream.gather()
    return this.#output()
  }

  #hasSettled(): boolean {
    if (this.#isEnding || this.#settled) return true
    this.#settling ??= setTimeout(() => {
      this.#settling = undefined
      this.#settled = true
      this.#serve()
    }, SETTLES_MS)
    return false
  }

  #end(): ProcessMessage | undefined {
    if (!this.#exit || this.#exitTold) return undefined
    if (this.#outputs.some(({ due, stream }) => due > 0 && stream.readableLength > 0)) return undefined
    this.#exitTold = true
    return { type: 'exited', exit: this.#exit }
  }
}

/** The two directions of a terminal end together. */
const isInputClosed = (stdin: Writable | null): boolean =>
  stdin?.destroyed === true || (stdin as Partial<OutputStream> | null)?.over === true

/**
 * What is there of a stream; when there is nothing, waits up to `timeoutMs` (default 0). Null at its end.
 * @throws the signal's reason
 */
export async function readNow(
  stream: OutputStream,
  { timeoutMs = 0, signal }: CallOptions = {},
): Promise<Uint8Array | null> {
  signal?.throwIfAborted()
  stream.gather()
  const chunk = chunkOf(stream)
  if (chunk) return chunk
  if (isDrained(stream)) return null
  if (timeoutMs <= 0) return NOTHING
  await changed(stream, timeoutMs, signal)
  return readNow(stream, signal ? { signal } : {})
}

/** Waits until a stream has something or is over, or the time is up. */
function changed(stream: OutputStream, timeoutMs: number, signal: AbortSignal | undefined): Promise<void> {
  return new Promise((resolve, reject) => {
    const events = ['readable', 'end', 'close']
    const settle = (): void => {
      clearTimeout(timer)
      signal?.removeEventListener('abort', onAbort)
      for (const event of events) stream.off(event, onChange)
    }
    const onChange = (): void => {
      settle()
      resolve()
    }
    const onAbort = (): void => {
      settle()
      reject(signal?.reason as Error)
    }
    const timer = timerFor(timeoutMs, onChange)
    signal?.addEventListener('abort', onAbort, { once: true })
    for (const event of events) stream.on(event, onChange)
  })
}

/** @throws InvalidInputError for what is no stream of output */
export function checkMessageOptions({ streams = [], until }: MessageOptions): void {
  const isList = Array.isArray(streams as unknown)
  const wrong = isList ? streams.find((name) => !NAMES.includes(name)) : streams
  if (wrong !== undefined) {
    throw new InvalidInputError(`streams is a list of "stdout" and "stderr", not ${describeValue(wrong)}`, {
      field: 'streams',
    })
  }
  if (until !== undefined && until !== 'exit' && until !== 'closed') {
    throw new InvalidInputError(`until is "exit" or "closed", not ${describeValue(until)}`, { field: 'until' })
  }
}

const NAMES: readonly OutputName[] = ['stdout', 'stderr']
const NOTHING = new Uint8Array(0)
const DONE = { value: undefined, done: true } as const
