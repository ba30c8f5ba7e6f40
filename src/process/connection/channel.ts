import { closeSync } from 'node:fs'
import { AgentError, SyscallError, TimeoutError } from '../../base/errors.ts'
import type { CallOptions } from '../../linux/call-options.ts'
import { errnoName } from '../../linux/errno.ts'
import { FRAMES } from '../../protocol/wire.ts'
import type { Addon, Channel as Watch } from '../../kernel/addon.ts'
import { faultError, type Frame, FrameReader, helloFrame, isAnswer, stampHeader } from '../../protocol/frames.ts'
import { checkLimits } from '../check-options.ts'
import { waitFor } from './waiting.ts'

/** What a channel tells its owner. */
export interface ChannelEvents {
  /** A frame that answers nothing: EXITED, CAUGHT */
  onEvent(frame: Frame): void
  /** The connection ended; every pending request has been failed with this error */
  onEnd(error: AgentError): void
}

interface Pending {
  resolve(frame: Frame): void
  reject(error: unknown): void
  /** When to give up (performance.now()), for one without a limit of its caller's */
  readonly deadline: number
  readonly patienceMs: number
}

/** How long an answer is waited for. */
export interface Patience extends CallOptions {
  /** Milliseconds when the caller gave no `timeoutMs`; default: for ever */
  readonly patienceMs?: number | undefined
  /** Nothing is sent after it before its answer */
  readonly last?: boolean
}

interface Outgoing {
  /** 0 for a frame that gets no answer */
  readonly id: number
  readonly bytes: Uint8Array
  /** Nothing follows it before its answer */
  readonly last: boolean
  at: number
  descriptors: readonly number[]
}

/**
 * One connection to one process. Requests carry ids, answers that nobody waits for any more are dropped. It keeps the event loop
 * alive only while somebody waits.
 */
export class Channel {
  readonly #addon: Addon
  readonly #watch: Watch
  readonly #events: ChannelEvents
  readonly #reader = new FrameReader()
  readonly #pending = new Map<number, Pending>()
  readonly #queue: Outgoing[] = []
  #nextId = 1
  #sweep: NodeJS.Timeout | undefined
  #sweepAt = Infinity
  /** Id of the request before whose answer nothing is sent; 0: none */
  #alone = 0
  #holds = 0
  #ended: AgentError | undefined
  #closedByPeer = false

  constructor(addon: Addon, socket: number, events: ChannelEvents) {
    this.#addon = addon
    this.#events = events
    this.#watch = addon.watch(socket, (bytes, descriptors) => this.#onData(bytes, descriptors ?? []))
  }

  /** The error that ended the connection, or undefined while it is open. */
  get ended(): AgentError | undefined {
    return this.#ended
  }

  /** Whether the other side closed the connection without a complaint: what an exec looks like from here. */
  get closedByPeer(): boolean {
    return this.#closedByPeer
  }

  /** Says HELLO and waits for the answer; for processes whose birth nobody else reports. */
  hello(options?: CallOptions): Promise<Frame> {
    return this.request(FRAMES.HELLO, helloFrame(), [], options)
  }

  /** Sends a frame that gets no answer. */
  post(type: number, frame: Uint8Array, descriptors: readonly number[] = []): void {
    if (this.#ended) return
    stampHeader(frame, 0, type, descriptors.length)
    this.#send(0, frame, descriptors)
  }

  /**
   * Sends a frame and waits for its answer. The descriptors stay the caller's, the kernel holds copies once this returns.
   * @throws InvalidInputError; AgentError when the connection ends first, TimeoutError, the signal's reason (aborted before: nothing is sent)
   */
  async request(
    type: number,
    frame: Uint8Array,
    descriptors: readonly number[],
    options: Patience = {},
  ): Promise<Frame> {
    if (this.#ended) throw this.#ended
    checkLimits(options)
    options.signal?.throwIfAborted()
    const id = this.#nextId
    this.#nextId = (id % 0xffff_ffff) + 1
    const answer = new Promise<Frame>((resolve, reject) => {
      this.#pending.set(id, { resolve, reject, deadline: this.#deadline(options), patienceMs: options.patienceMs ?? 0 })
      this.hold()
      stampHeader(frame, id, type, descriptors.length)
      this.#send(id, frame, descriptors, options.last)
    })
    return waitFor(answer, 'The agent did not answer', options, () => this.#forget(id))
  }

  /**
   * As `request`, and nothing is sent between it and its answer, a late one too: what others send meanwhile follows that.
   */
  requestAlone(type: number, frame: Uint8Array, descriptors: readonly number[], options?: Patience): Promise<Frame> {
    return this.request(type, frame, descriptors, { ...options, last: true })
  }

  /** One timer for all that wait with the usual patience: most answers come before a timer of their own would be set up. */
  #deadline({ timeoutMs, patienceMs }: Patience): number {
    if (timeoutMs !== undefined || patienceMs === undefined) return Infinity
    const deadline = performance.now() + patienceMs
    if (deadline < this.#sweepAt) this.#sweepAgain(deadline, patienceMs)
    return deadline
  }

  #sweepAgain(at: number, inMs: number): void {
    clearTimeout(this.#sweep)
    this.#sweepAt = at
    this.#sweep = setTimeout(() => this.#giveUp(), Math.ceil(inMs)).unref()
  }

  #giveUp(): void {
    const now = performance.now()
    let next = Infinity
    for (const [id, { deadline, patienceMs, ...pending }] of this.#pending) {
      if (deadline <= now) {
        this.#forget(id)
        pending.reject(new TimeoutError('The agent did not answer', patienceMs))
      } else next = Math.min(next, deadline)
    }
    this.#sweepAt = Infinity
    if (next < Infinity) this.#sweepAgain(next, next - now)
  }

  /** Keeps the event loop alive until a matching `release`. */
  hold(): void {
    if (this.#holds++ === 0 && !this.#ended) this.#addon.ref(this.#watch)
  }

  release(): void {
    if (--this.#holds === 0 && !this.#ended) this.#addon.unref(this.#watch)
  }

  /** Tells the agent that no order follows: it ends what it owns, then itself; `onEnd` follows. */
  shutdown(): void {
    if (!this.#ended) this.#addon.shutdown(this.#watch)
  }

  /** Ends the connection now and fails what is pending. */
  destroy(error: AgentError): void {
    if (this.#ended) return
    this.#ended = error
    this.#addon.close(this.#watch)
    for (const descriptor of this.#reader.leftOver()) closeSync(descriptor)
    for (const pending of this.#pending.values()) pending.reject(error)
    this.#pending.clear()
    clearTimeout(this.#sweep)
    this.#queue.length = 0
    this.#events.onEnd(error)
  }

  #forget(id: number): void {
    if (!this.#pending.delete(id)) return
    this.release()
    // Its caller may close the descriptors now, and their numbers then mean something else. What has begun must be finished.
    const waiting = this.#queue.findIndex((outgoing) => outgoing.id === id && outgoing.at === 0)
    if (waiting >= 0) this.#queue.splice(waiting, 1)
  }

  #send(id: number, bytes: Uint8Array, descriptors: readonly number[], last = false): void {
    const outgoing: Outgoing = { id, bytes, last, at: 0, descriptors }
    if (this.#queue.length === 0 && this.#alone === 0 && this.#write(outgoing)) return
    if (this.#ended) return
    // The frame may be a program's cached bytes, which the next run stamps anew.
    this.#queue.push({ ...outgoing, bytes: bytes.slice() })
    if (this.#queue.length === 1 && this.#alone === 0) this.#addon.onWritable(this.#watch, () => this.#drain())
  }

  /** Writes as much as the socket takes; true when nothing is left. */
  #write(outgoing: Outgoing): boolean {
    while (outgoing.at < outgoing.bytes.length) {
      const written = this.#addon.send(this.#watch, outgoing.bytes.subarray(outgoing.at), outgoing.descriptors)
      if (written === -EAGAIN) return false
      if (written < 0) {
        // EPIPE: what the agent said before it went (a FAULT) is still to be read; the end of the stream follows it.
        if (written !== -EPIPE && written !== -ECONNRESET) this.#refuse(outgoing, -written)
        return true
      }
      outgoing.at += written
      outgoing.descriptors = []
    }
    if (outgoing.last) this.#alone = outgoing.id
    return true
  }

  /** The kernel did not take a frame: no byte of it has gone, and only its own caller is concerned. */
  #refuse(outgoing: Outgoing, errno: number): void {
    const args = `${outgoing.bytes.length} bytes, descriptors [${outgoing.descriptors.join(', ')}]`
    const error = new SyscallError({ call: 'sendmsg', args, errno: errnoName(errno), step: 0, steps: 1 })
    if (outgoing.at > 0) return this.destroy(new AgentError('Agent cannot be reached', { cause: error }))
    const pending = this.#pending.get(outgoing.id)
    if (!pending) return
    this.#pending.delete(outgoing.id)
    this.release()
    pending.reject(error)
  }

  #drain(): void {
    for (let next = this.#queue[0]; next && this.#alone === 0; next = this.#queue[0]) {
      if (!this.#write(next)) return this.#addon.onWritable(this.#watch, () => this.#drain())
      this.#queue.shift()
    }
  }

  #goOn(): void {
    this.#alone = 0
    this.#drain()
  }

  #onData(bytes: Uint8Array | null, descriptors: readonly number[]): void {
    if (this.#ended) return
    if (bytes === null) {
      this.#closedByPeer = true
      return this.destroy(new AgentError('Agent is gone: its connection ended'))
    }
    try {
      for (const frame of this.#reader.push(bytes, descriptors)) this.#dispatch(frame)
    } catch (error) {
      this.destroy(
        error instanceof AgentError ? error : new AgentError('Agent sent what cannot be read', { cause: error }),
      )
    }
  }

  #dispatch(frame: Frame): void {
    if (frame.type === FRAMES.FAULT) throw faultError(frame.payload)
    if (!isAnswer(frame.type)) return this.#events.onEvent(frame)
    if (this.#alone !== 0 && frame.id === this.#alone) this.#goOn()
    const pending = this.#pending.get(frame.id)
    if (!pending) {
      for (const descriptor of frame.descriptors) closeSync(descriptor)
      return
    }
    this.#pending.delete(frame.id)
    this.release()
    pending.resolve(frame)
  }
}

/** asm-generic/errno-base.h and errno.h, the same on every architecture here */
const EAGAIN = 11
const EPIPE = 32
const ECONNRESET = 104
