import type { Socket } from 'node:net'
import { signalNumber } from '../../linux/signal.ts'
import type { Room } from '../room.ts'
import { CLIENT_FRAMES, decodeSize, type Frame, FrameReader, malformed, WINDOW_BYTES } from './frames.ts'

/** What becomes of the bytes of a client. */
export interface Input {
  /** @throws InvalidInputError for a client that does not keep to the protocol */
  push(bytes: Uint8Array): void
  /** The client has closed its direction */
  end(): void
}

/** Of a plain client everything is input; while the command does not read, nothing more is taken from the socket. */
export function plainInput({ stdin }: Room, socket: Socket): Input {
  const goOn = () => void socket.resume()
  stdin.on('drain', goOn)
  // A command that has closed its input has no use for the rest, but the end of the connection is still to be seen.
  stdin.on('close', goOn)
  return {
    push(bytes) {
      if (stdin.writable && !stdin.write(bytes)) socket.pause()
    },
    end() {
      stdin.end()
    },
  }
}

/** How frames of a client are answered. */
export interface FramedHandlers {
  /** So many bytes of data have been used up */
  grant(bytes: number): void
  /** The client is gone */
  gone(): void
  /** What the client typed, or piped */
  data(bytes: Uint8Array): void
}

/** Bytes that are granted at once: fewer would be a frame for each key. */
const GRANT_BYTES = 32 * 1024

/** Signals that a client may send, by the names that it gives. */
const SIGNALS = new Set([
  'SIGHUP',
  'SIGINT',
  'SIGQUIT',
  'SIGTERM',
  'SIGKILL',
  'SIGUSR1',
  'SIGUSR2',
  'SIGCONT',
  'SIGTSTP',
])

/** Input in frames, for a client that has said hello. */
export class FramedInput implements Input {
  readonly #reader = new FrameReader(CLIENT_FRAMES)
  readonly #room: Room
  readonly #handlers: FramedHandlers
  #window = WINDOW_BYTES
  #used = 0
  #isOver = false
  #isLineOpen = false

  constructor(room: Room, handlers: FramedHandlers) {
    this.#room = room
    this.#handlers = handlers
  }

  push(bytes: Uint8Array): void {
    for (const frame of this.#reader.push(bytes)) this.#take(frame)
  }

  end(): void {
    this.#handlers.gone()
  }

  #take({ kind, payload }: Frame<keyof typeof CLIENT_FRAMES>): void {
    switch (kind) {
      case 'data':
        return this.#data(payload)
      case 'resize':
        return this.#room.resize(decodeSize(payload))
      case 'signal':
        return this.#signal(Buffer.from(payload).toString('latin1'))
      case 'eof':
        return this.#eof()
    }
  }

  #data(payload: Uint8Array): void {
    this.#window -= payload.length
    if (this.#window < 0 || this.#isOver) throw malformed(this.#isOver ? 'data after its end' : 'data without credit')
    this.#handlers.data(payload)
    this.#isLineOpen = payload.at(-1) !== NEWLINE
    const { stdin } = this.#room
    const { length } = payload
    // A copy: the frame is a view of what came with it, which may be used again.
    if (stdin.writable) stdin.write(Buffer.from(payload), () => this.#grant(length))
    else this.#grant(length)
  }

  #grant(bytes: number): void {
    this.#used += bytes
    if (this.#used < GRANT_BYTES) return
    this.#window += this.#used
    this.#handlers.grant(this.#used)
    this.#used = 0
  }

  #signal(name: string): void {
    if (!SIGNALS.has(name) || signalNumber(name) <= 0) throw malformed(`the signal ${JSON.stringify(name)}`)
    this.#room.signal(name)
  }

  /** Closing a terminal would hang up on the command: its end of input is a character, twice after half a line (termios(3), VEOF). */
  #eof(): void {
    if (this.#isOver) throw malformed('a second end of data')
    this.#isOver = true
    const { stdin, hello } = this.#room
    if (!hello?.tty) stdin.end()
    else if (stdin.writable) stdin.write(this.#isLineOpen ? '\u0004\u0004' : '\u0004')
  }
}

const NEWLINE = 0x0a
