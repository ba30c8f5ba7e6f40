import { AgentError, SyscallError } from '../base/errors.ts'
import { faultError, type Frame, FrameReader } from '../protocol/frames.ts'
import { FRAMES } from '../protocol/wire.ts'
import { attempt, callError, E } from './call.ts'
import { close } from './descriptors.ts'
import type { Kernel } from './kernel.ts'
import { Messages, MSG_DONTWAIT } from './socket.ts'

/** poll(2) */
const POLLIN = 1
const POLLOUT = 4

/** Most that one read takes; a longer frame comes in parts. */
const CHUNK = 64 * 1024

interface Outgoing {
  readonly bytes: Uint8Array
  readonly descriptors: readonly number[]
}

/** What `receive` gives when the other side has closed the connection, and when time was up. */
export type NoFrame = 'ended' | 'late'

/**
 * One blocking connection to one agent: frames out, frames in. While it waits to write it reads, so that two sides with full sockets
 * never wait for each other.
 */
export class Connection {
  readonly socket: number
  readonly #kernel: Kernel
  readonly #messages: Messages
  readonly #reader = new FrameReader()
  readonly #inbox: Frame[] = []
  readonly #held: Outgoing[] = []
  #unborn: boolean
  #closed = false
  #ended = false

  /** @param unborn whether nobody reads the other end yet: what the socket does not hold is kept until `born` */
  constructor(kernel: Kernel, socket: number, unborn = false) {
    this.#kernel = kernel
    this.socket = socket
    this.#messages = messagesOf(kernel)
    this.#unborn = unborn
  }

  /**
   * Sends whole frames; once it returns, the descriptors may be closed.
   * @throws SyscallError for descriptors that cannot be sent. That the other side is gone is told by `receive`
   */
  send(bytes: Uint8Array, descriptors: readonly number[]): void {
    if (this.#closed) throw new AgentError('The connection to the agent was closed')
    if (this.#held.length > 0) {
      if (descriptors.length > 0) throw callError('sendmsg', { args: 'descriptors behind a full socket' }, E.EAGAIN)
      this.#held.push({ bytes: bytes.slice(), descriptors })
      return
    }
    this.#write({ bytes, descriptors })
  }

  /** From now on somebody reads the other end. */
  born(): void {
    this.#unborn = false
    for (const outgoing of this.#held.splice(0)) this.#write(outgoing)
  }

  /**
   * The next frame.
   * @param timeoutMs for ever when it is undefined
   * @throws AgentError for a FAULT, and for what no agent says
   */
  receive(timeoutMs?: number): Frame | NoFrame {
    const deadline = timeoutMs === undefined ? undefined : performance.now() + timeoutMs
    for (;;) {
      const frame = this.#inbox.shift()
      if (frame?.type === FRAMES.FAULT) throw this.#fail(faultError(frame.payload))
      if (frame) return frame
      if (this.#ended) return 'ended'
      if (deadline !== undefined && !this.#wait(POLLIN, Math.max(0, deadline - performance.now()))) return 'late'
      this.#read(0)
    }
  }

  /** Ends the connection: the agent kills what it owns, then itself. Nothing happens the second time. */
  close(): void {
    if (this.#closed) return
    this.#closed = true
    this.#ended = true
    close(this.#kernel, this.socket)
    for (const fd of [...this.#reader.leftOver(), ...this.#inbox.flatMap((frame) => frame.descriptors)]) {
      close(this.#kernel, fd)
    }
    this.#inbox.length = 0
  }

  #write({ bytes, descriptors }: Outgoing): void {
    let rest = bytes
    let unsent = descriptors
    while (rest.length > 0) {
      const size = this.#messages.send(this.socket, rest, unsent, MSG_DONTWAIT)
      if (size === -E.EAGAIN) {
        if (this.#unborn) return this.#hold(rest, unsent)
        if (this.#wait(POLLIN | POLLOUT) & POLLIN) this.#read(MSG_DONTWAIT)
        // Nobody reads any more.
        if (this.#ended) return
      } else if (size < 0) {
        // What the agent said before it went is still to be read.
        if (size === -E.EPIPE || size === -E.ECONNRESET) return
        throw callError('sendmsg', { args: `${bytes.length} bytes, descriptors [${descriptors.join(', ')}]` }, -size)
      } else {
        unsent = []
        rest = rest.subarray(size)
      }
    }
  }

  #hold(rest: Uint8Array, unsent: readonly number[]): void {
    // The caller may close them, and their numbers mean something else by then.
    if (unsent.length > 0) throw callError('sendmsg', { args: 'descriptors behind a full socket' }, E.EAGAIN)
    this.#held.push({ bytes: rest.slice(), descriptors: [] })
  }

  #read(flags: number): void {
    const buffer = bufferOf()
    const { size, descriptors } = this.#messages.receive(this.socket, buffer, flags)
    if (size === -E.EAGAIN) return
    if (size === 0 || size === -E.ECONNRESET) {
      this.#ended = true
      return
    }
    if (size < 0) throw this.#fail(callError('recvmsg', { args: String(this.socket) }, -size))
    try {
      this.#inbox.push(...this.#reader.push(buffer.slice(0, size), descriptors))
    } catch (error) {
      throw this.#fail(error)
    }
  }

  /** The events that there are; 0 when time was up. */
  #wait(events: number, ms?: number): number {
    const poll = new DataView(new ArrayBuffer(8))
    poll.setInt32(0, this.socket, true)
    poll.setInt16(4, events, true)
    const result = attempt(this.#kernel, 'ppoll', new Uint8Array(poll.buffer), 1, timespec(ms), null, 0)
    if (result < 0) throw callError('ppoll', { args: String(this.socket) }, -result)
    return result === 0 ? 0 : poll.getInt16(6, true)
  }

  #fail(error: unknown): unknown {
    this.close()
    return error instanceof AgentError || error instanceof SyscallError
      ? error
      : new AgentError('Agent sent what cannot be read', { cause: error })
  }
}

function timespec(ms: number | undefined): Uint8Array | null {
  if (ms === undefined || ms === Infinity) return null
  const view = new DataView(new ArrayBuffer(16))
  view.setBigInt64(0, BigInt(Math.floor(ms / 1000)), true)
  view.setBigInt64(8, BigInt(Math.floor((ms % 1000) * 1e6)), true)
  return new Uint8Array(view.buffer)
}

let buffer: Uint8Array | undefined
const bufferOf = (): Uint8Array => (buffer ??= new Uint8Array(CHUNK))

const known = new WeakMap<Kernel, Messages>()

function messagesOf(kernel: Kernel): Messages {
  let messages = known.get(kernel)
  if (!messages) {
    messages = new Messages(kernel)
    known.set(kernel, messages)
  }
  return messages
}
