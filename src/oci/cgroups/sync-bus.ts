import { TimeoutError } from '../../base/errors.ts'
import { BusError } from '../../cgroup/systemd/dbus/bus-error.ts'
import { type BusMessage, decodeMessage, encodeMessage, messageLength } from '../../cgroup/systemd/dbus/message.ts'
import type { BusValue } from '../../cgroup/systemd/dbus/value.ts'
import { attempt, call, E } from '../../kernel/call.ts'
import { close } from '../../kernel/descriptors.ts'
import type { Kernel } from '../../kernel/kernel.ts'
import { connectUnix, Messages, MSG_NOSIGNAL } from '../../kernel/socket.ts'

/** A method and its arguments. */
export interface BusRequest {
  /** Well-known name of who is asked; a connection without a bus needs none */
  readonly destination?: string
  readonly path: string
  readonly interface: string
  readonly member: string
  readonly signature?: string
  readonly body?: readonly BusValue[]
}

/** asm-generic/socket.h */
const SOL_SOCKET = 1
const SO_RCVTIMEO = 20
/** Longest line of the authentication, which the specification limits to 16 KiB */
const LONGEST_LINE = 16_384

/**
 * A connection to a message bus, or to a peer without one, that waits for each answer; as the user that this process is: the kernel tells
 * the other side. The same conversation as `BusConnection` of cgroup/systemd has, without an event loop.
 */
export class SyncBus {
  readonly #kernel: Kernel
  readonly #socket: number
  readonly #messages: Messages
  readonly #timeoutMs: number
  readonly #signals: BusMessage[] = []
  #input: Uint8Array = new Uint8Array(0)
  #serial = 0

  private constructor(kernel: Kernel, socket: number, timeoutMs: number) {
    this.#kernel = kernel
    this.#socket = socket
    this.#messages = new Messages(kernel)
    this.#timeoutMs = timeoutMs
  }

  /** @throws SyscallError ENOENT, ECONNREFUSED; BusError; TimeoutError for a silence of that long */
  static open(kernel: Kernel, path: string, timeoutMs: number): SyncBus {
    const bus = new SyncBus(kernel, connectUnix(kernel, path), timeoutMs)
    try {
      bus.#limitSilence()
      bus.#authenticate()
      return bus
    } catch (error) {
      bus.close()
      throw error
    }
  }

  /** Calls a method; its results. @throws BusError with the name of the error that came back, TimeoutError */
  call(request: BusRequest): readonly BusValue[] {
    const serial = ++this.#serial
    this.#send(encodeMessage({ kind: 'call', serial, ...request }))
    for (;;) {
      const message = this.#receive()
      if (message.kind === 'signal') this.#signals.push(message)
      if (message.replySerial !== serial) continue
      if (message.kind === 'return') return message.body ?? []
      if (message.kind === 'error') throw errorOf(message)
    }
  }

  /** The next signal, of those that came meanwhile first. @throws BusError, TimeoutError */
  signal(): BusMessage {
    for (;;) {
      const kept = this.#signals.shift()
      if (kept) return kept
      const message = this.#receive()
      if (message.kind === 'signal') return message
    }
  }

  close(): void {
    close(this.#kernel, this.#socket)
  }

  #limitSilence(): void {
    const timeval = new BigInt64Array([
      BigInt(Math.floor(this.#timeoutMs / 1000)),
      BigInt((this.#timeoutMs % 1000) * 1000),
    ])
    const bytes = new Uint8Array(timeval.buffer)
    const args = `${this.#socket}, SOL_SOCKET, SO_RCVTIMEO, ${this.#timeoutMs} ms`
    call(this.#kernel, 'setsockopt', { args }, this.#socket, SOL_SOCKET, SO_RCVTIMEO, bytes, bytes.length)
  }

  #authenticate(): void {
    // No user id is sent: in a user namespace it would not be the one that the other side sees.
    const first = this.#ask('\0AUTH EXTERNAL\r\n')
    const second = first === 'DATA' || first.startsWith('DATA ') ? this.#ask('DATA\r\n') : first
    if (!second.startsWith('OK '))
      throw new BusError('Refused', `it does not take this user: ${JSON.stringify(second)}`)
    this.#send(new TextEncoder().encode('BEGIN\r\n'))
  }

  #ask(text: string): string {
    this.#send(new TextEncoder().encode(text))
    for (;;) {
      const end = this.#input.indexOf(0x0a)
      if (end >= 0) {
        const line = String.fromCharCode(...this.#input.subarray(0, end)).trimEnd()
        this.#input = this.#input.slice(end + 1)
        return line
      }
      if (this.#input.length > LONGEST_LINE) throw new BusError('Malformed', 'the other side sent a line without end')
      this.#read()
    }
  }

  #receive(): BusMessage {
    for (;;) {
      const length = messageLength(this.#input)
      if (length === undefined || this.#input.length < length) {
        this.#read()
        continue
      }
      const message = decodeMessage(this.#input.subarray(0, length))
      this.#input = this.#input.slice(length)
      if (message) return message
    }
  }

  #read(): void {
    const chunk = new Uint8Array(16 * 1024)
    const size = attempt(this.#kernel, 'read', this.#socket, chunk, chunk.length)
    if (size === -E.EAGAIN) throw new TimeoutError('systemd did not answer', this.#timeoutMs)
    if (size <= 0) throw new BusError('Closed', 'the other side has closed the connection')
    const joined = new Uint8Array(this.#input.length + size)
    joined.set(this.#input)
    joined.set(chunk.subarray(0, size), this.#input.length)
    this.#input = joined
  }

  #send(bytes: Uint8Array): void {
    for (let at = 0; at < bytes.length;) {
      const size = this.#messages.send(this.#socket, bytes.slice(at), [], MSG_NOSIGNAL)
      if (size === -E.EINTR) continue
      if (size < 0) throw new BusError('Closed', 'the other side has closed the connection')
      at += size
    }
  }
}

function errorOf({ errorName = 'Malformed', body = [] }: BusMessage): BusError {
  const [text] = body
  return new BusError(errorName, typeof text === 'string' ? text : errorName)
}
