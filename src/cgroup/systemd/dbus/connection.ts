import { createConnection, type Socket } from 'node:net'
import type { CallOptions } from '../../../linux/call-options.ts'
import { waitFor } from '../../../process/connection/waiting.ts'
import { BusError } from './bus-error.ts'
import { type BusMessage, decodeMessage, encodeMessage, messageLength } from './message.ts'
import type { BusValue } from './value.ts'

/** A method and its arguments. */
export interface BusCall {
  /** Well-known name of who is asked; a connection without a bus needs none */
  readonly destination?: string
  readonly path: string
  readonly interface: string
  readonly member: string
  readonly signature?: string
  readonly body?: readonly BusValue[]
}

interface Waiting {
  readonly resolve: (body: readonly BusValue[]) => void
  readonly reject: (error: Error) => void
}

/** Longest line of the authentication, which the specification limits to 16 KiB */
const LONGEST_LINE = 16_384

/**
 * A connection to a message bus, or to a peer without one, by a socket of the file system; as the user that this process is: the kernel tells the other side.
 *
 *   -> NUL AUTH EXTERNAL
 *   <- DATA                  (it takes the user from the socket)
 *   -> DATA
 *   <- OK GUID
 *   -> BEGIN
 *   -> messages  <- messages
 */
export class BusConnection implements AsyncDisposable {
  readonly #socket: Socket
  readonly #answers = new Map<number, Waiting>()
  readonly #listeners = new Set<(signal: BusMessage) => void>()
  #input: Uint8Array = new Uint8Array(0)
  #serial = 0
  #failure: BusError | undefined
  /** What the authentication waits for: the next line */
  #line: ((line: string) => void) | undefined

  private constructor(socket: Socket) {
    this.#socket = socket
    socket.on('data', (chunk: Uint8Array) => this.#take(chunk))
    socket.on('error', (error) => this.#fail(new BusError('Closed', error.message, { cause: error })))
    socket.on('close', () => this.#fail(new BusError('Closed', 'the other side has closed the connection')))
  }

  /**
   * @param path of the socket; with NUL at its beginning an abstract one, unix(7)
   * @throws BusError `Closed` with the errno's error as cause, `Refused`; TimeoutError, the signal's reason
   */
  static async open(path: string, options: CallOptions = {}): Promise<BusConnection> {
    const connection = new BusConnection(createConnection({ path }))
    try {
      const what = `${path} did not answer`
      await waitFor(connection.#authenticate(), what, options, () => connection.#socket.destroy())
      return connection
    } catch (error) {
      connection.#socket.destroy()
      throw error
    }
  }

  /**
   * Calls a method; its results.
   * @throws BusError with the name of the error that came back, or `Closed`; TimeoutError, the signal's reason
   */
  call(call: BusCall, options: CallOptions = {}): Promise<readonly BusValue[]> {
    const serial = ++this.#serial
    const answer = new Promise<readonly BusValue[]>((resolve, reject) => {
      if (this.#failure) return reject(this.#failure)
      const bytes = encodeMessage({ kind: 'call', serial, ...call })
      this.#answers.set(serial, { resolve, reject })
      this.#socket.write(bytes)
    })
    return waitFor(answer, `${call.member} was not answered`, options, () => this.#answers.delete(serial))
  }

  /** Calls a function for each signal that comes; the result ends that. */
  onSignal(listener: (signal: BusMessage) => void): () => void {
    this.#listeners.add(listener)
    return () => this.#listeners.delete(listener)
  }

  /** Rejects when the connection is lost: for a wait that no answer ends. */
  lost(): Promise<never> {
    return new Promise((_resolve, reject) => {
      if (this.#failure) reject(this.#failure)
      else
        this.#socket.once('close', () => reject(this.#failure ?? new BusError('Closed', 'the connection was closed')))
    })
  }

  async close(): Promise<void> {
    this.#socket.destroy()
  }

  [Symbol.asyncDispose](): Promise<void> {
    return this.close()
  }

  async #authenticate(): Promise<void> {
    // No user id is sent: in a user namespace it would not be the one that the other side sees.
    const first = await this.#ask('\0AUTH EXTERNAL\r\n')
    const second = first === 'DATA' || first.startsWith('DATA ') ? await this.#ask('DATA\r\n') : first
    if (!second.startsWith('OK '))
      throw new BusError('Refused', `it does not take this user: ${JSON.stringify(second)}`)
    this.#socket.write('BEGIN\r\n')
  }

  #ask(text: string): Promise<string> {
    return new Promise((resolve, reject) => {
      if (this.#failure) return reject(this.#failure)
      const failed = () => reject(this.#failure ?? new BusError('Closed', 'the connection was closed'))
      this.#socket.once('close', failed)
      this.#line = (line) => {
        this.#socket.off('close', failed)
        resolve(line)
      }
      this.#socket.write(text)
    })
  }

  #take(chunk: Uint8Array): void {
    this.#input = this.#input.length === 0 ? chunk : Buffer.concat([this.#input, chunk])
    try {
      if (this.#line) this.#takeLine(this.#line)
      else while (this.#takeMessage());
    } catch (error) {
      this.#fail(error instanceof BusError ? error : new BusError('Malformed', String(error), { cause: error }))
    }
  }

  #takeLine(give: (line: string) => void): void {
    const end = this.#input.indexOf(0x0a)
    if (end < 0) {
      if (this.#input.length > LONGEST_LINE) throw new BusError('Malformed', 'the other side sent a line without end')
      return
    }
    const line = Buffer.from(this.#input.subarray(0, end)).toString('latin1').trimEnd()
    this.#input = this.#input.subarray(end + 1)
    this.#line = undefined
    give(line)
  }

  #takeMessage(): boolean {
    const length = messageLength(this.#input)
    if (length === undefined || this.#input.length < length) return false
    const message = decodeMessage(this.#input.subarray(0, length))
    this.#input = this.#input.subarray(length)
    if (message) this.#give(message)
    return true
  }

  #give(message: BusMessage): void {
    if (message.kind === 'signal') for (const listener of this.#listeners) listener(message)
    if (message.replySerial === undefined) return
    const waiting = this.#answers.get(message.replySerial)
    this.#answers.delete(message.replySerial)
    if (message.kind === 'return') waiting?.resolve(message.body ?? [])
    if (message.kind === 'error') waiting?.reject(errorOf(message))
  }

  #fail(error: BusError): void {
    this.#failure ??= error
    this.#socket.destroy()
    for (const { reject } of this.#answers.values()) reject(this.#failure)
    this.#answers.clear()
  }
}

function errorOf({ errorName = 'Malformed', body = [] }: BusMessage): BusError {
  const [text] = body
  return new BusError(errorName, typeof text === 'string' ? text : errorName)
}
