import { once } from 'node:events'
import { connect, type Socket } from 'node:net'
import type { Writable } from 'node:stream'
import { AgentError, InvalidInputError } from '../base/errors.ts'
import { type Address, showAddress } from './address.ts'
import {
  CLIENT_FRAMES,
  decodeCredit,
  encodeData,
  encodeFrame,
  encodeSize,
  type Frame,
  FrameReader,
  LARGEST_DATA,
  SERVER_FRAMES,
} from './wire/frames.ts'
import { AnswerReader, encodeHello, type Ending, type Hello } from './wire/hello.ts'

/** Where the output goes. */
export interface RemoteOutput {
  readonly stdout: Writable
  readonly stderr: Writable
}

/** How it ended, and what the server said about it. */
export interface RemoteEnding extends Ending {
  /** What a person should read; undefined when the command ended by itself */
  readonly message: string | undefined
}

/** A server that has vanished without a word is noticed after this, by the kernel's probes. */
const TCP = { noDelay: true, keepAlive: true, keepAliveInitialDelay: 60_000 } as const

/** The client's side: a command in a container of a server. */
export class Remote implements Disposable {
  /** Resolves when the server has answered the hello, or is gone */
  readonly answered: Promise<void>
  /** @throws (rejects) AgentError when the server goes away, or never was one */
  readonly ended: Promise<RemoteEnding>
  readonly #socket: Socket
  readonly #output: RemoteOutput
  readonly #answer = new AnswerReader()
  readonly #frames = new FrameReader(SERVER_FRAMES)
  #isAnswered = false
  #message: string | undefined
  #ending: Ending | undefined
  readonly #slow = new Set<Writable>()
  #credit = 0
  #onAnswer: () => void = () => {}
  #onCredit: (() => void) | undefined

  private constructor(socket: Socket, output: RemoteOutput) {
    this.#socket = socket
    this.#output = output
    this.answered = new Promise((resolve) => (this.#onAnswer = resolve))
    this.ended = this.#follow()
    this.ended.catch(() => {})
  }

  /** Connects and says hello. @throws InvalidInputError when nobody is there */
  static async connect(address: Address, hello: Hello, output: RemoteOutput): Promise<Remote> {
    const socket = connect(address.kind === 'unix' ? { path: address.path } : { ...address, ...TCP })
    try {
      await once(socket, 'connect')
    } catch (error) {
      const code = (error as NodeJS.ErrnoException).code ?? String(error)
      throw new InvalidInputError(`Nobody answers at ${showAddress(address)}: ${code}`, {
        field: address.kind,
        cause: error,
      })
    }
    const remote = new Remote(socket, output)
    socket.write(encodeHello(hello))
    return remote
  }

  /** Whether there is a command to talk to */
  get isAnswered(): boolean {
    return this.#isAnswered
  }

  /** Sends input; resolves when more may be sent, false once nobody takes it. */
  async send(data: Uint8Array): Promise<boolean> {
    for (let at = 0; at < data.length;) {
      while (this.#credit === 0 && this.#socket.writable)
        await new Promise<void>((resolve) => (this.#onCredit = resolve))
      if (!this.#socket.writable) return false
      const piece = data.subarray(at, at + Math.min(this.#credit, LARGEST_DATA))
      this.#credit -= piece.length
      at += piece.length
      for (const frame of encodeData(CLIENT_FRAMES.data, piece)) await this.#write(frame)
    }
    return this.#socket.writable
  }

  /** A server that grants much and reads nothing must not fill this process. */
  async #write(frame: Uint8Array): Promise<void> {
    if (this.#socket.write(frame) || !this.#socket.writable) return
    await new Promise<void>((resolve) => {
      const goOn = () => {
        this.#socket.off('drain', goOn).off('close', goOn)
        resolve()
      }
      this.#socket.on('drain', goOn).on('close', goOn)
    })
  }

  /** The input ends here. */
  eof(): void {
    this.#tell(encodeFrame(CLIENT_FRAMES.eof, new Uint8Array(0)))
  }

  resize(size: { readonly columns: number; readonly rows: number }): void {
    this.#tell(encodeFrame(CLIENT_FRAMES.resize, encodeSize(size)))
  }

  /** Sends a signal to the command's process group. */
  signal(name: string): void {
    this.#tell(encodeFrame(CLIENT_FRAMES.signal, Buffer.from(name)))
  }

  /** Goes away; the server ends the command. */
  [Symbol.dispose](): void {
    this.#socket.destroy()
  }

  #tell(frame: Uint8Array): void {
    if (this.#socket.writable) this.#socket.write(frame)
  }

  #follow(): Promise<RemoteEnding> {
    return new Promise((resolve, reject) => {
      this.#socket.on('error', () => {})
      this.#socket.on('close', () => {
        this.#onAnswer()
        this.#onCredit?.()
        if (this.#ending) resolve({ ...this.#ending, message: this.#message })
        else reject(this.#goneError())
      })
      this.#socket.on('data', (chunk: Uint8Array) => {
        try {
          this.#receive(chunk)
        } catch (error) {
          reject(error as Error)
          this.#socket.destroy()
        }
      })
    })
  }

  /** One that refuses, or is something else, has said so in text. */
  #goneError(): Error {
    const said = this.#answer.text.trim().split('\n').at(-1) ?? ''
    if (this.#isAnswered) return new AgentError('The server went away before the command ended')
    return new AgentError(said === '' ? 'The server closed the connection' : `The server says: ${said.slice(0, 200)}`)
  }

  #receive(chunk: Uint8Array): void {
    const bytes = this.#isAnswered ? chunk : this.#answer.push(chunk)
    if (!bytes) return
    this.#isAnswered = true
    this.#onAnswer()
    for (const frame of this.#frames.push(bytes)) {
      this.#take(frame)
      if (this.#ending) return void this.#socket.destroy()
    }
  }

  #take({ kind, payload }: Frame<keyof typeof SERVER_FRAMES>): void {
    switch (kind) {
      case 'stdout':
      case 'stderr':
        return this.#show(this.#output[kind], Buffer.from(payload))
      case 'credit':
        this.#credit += decodeCredit(payload)
        return this.#onCredit?.()
      case 'error':
        this.#message = textOf(payload)
        return
      case 'exit':
        // Whatever the server does then, it is over.
        this.#ending = parseEnding(textOf(payload))
    }
  }

  /** Nothing more is taken from the server while the reader here is slow. */
  #show(to: Writable, bytes: Uint8Array): void {
    if (to.write(bytes) || this.#slow.has(to)) return
    this.#slow.add(to)
    this.#socket.pause()
    to.once('drain', () => {
      this.#slow.delete(to)
      if (this.#slow.size === 0) this.#socket.resume()
    })
  }
}

const textOf = (bytes: Uint8Array): string => new TextDecoder().decode(bytes)

/** @throws InvalidInputError */
function parseEnding(text: string): Ending {
  try {
    const { code, signal, outcome } = JSON.parse(text) as Record<string, unknown>
    const isCode = typeof code === 'number' && Number.isInteger(code) && code >= 0 && code <= 255
    const isSignal = signal === null || typeof signal === 'string'
    if (isCode && isSignal && typeof outcome === 'string') return { code, signal, outcome }
  } catch {
    // Told below.
  }
  throw new InvalidInputError('The end of the command came in a form that is not carrel/1', { field: 'exit' })
}
