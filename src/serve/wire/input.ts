import type { Socket } from 'node:net'
import { signalNumber } from '../../linux/signal.ts'
import { Again } from '../again.ts'
import type { Room } from '../room.ts'
import { Feeder } from './feeder.ts'
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
  /** So many bytes of data have been used up; resolves when the client has been told, and reads */
  grant(bytes: number): Promise<unknown>
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
  readonly #feeder: Feeder
  readonly #signals = new Map<string, Again>()
  readonly #grants: Again
  #window = WINDOW_BYTES
  #used = 0
  #isOver = false
  #isLineOpen = false

  constructor(room: Room, handlers: FramedHandlers) {
    this.#room = room
    this.#handlers = handlers
    this.#feeder = new Feeder(room.stdin, WINDOW_BYTES + VEOF.length, (bytes) => this.#taken(bytes))
    this.#grants = new Again(() => this.#grant())
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
    this.#feeder.push(payload)
  }

  #taken(bytes: number): void {
    this.#used += bytes
    if (this.#used >= GRANT_BYTES) void this.#grants.ask()
  }

  /** One at a time: a client that sends, and never reads what it is granted, must not fill this process with grants. */
  #grant(): Promise<unknown> {
    const bytes = this.#used
    this.#used = 0
    this.#window += bytes
    return this.#handlers.grant(bytes)
  }

  #signal(name: string): void {
    if (!SIGNALS.has(name) || signalNumber(name) <= 0) throw malformed(`the signal ${JSON.stringify(name)}`)
    const again = this.#signals.get(name) ?? new Again(() => this.#room.signal(name))
    this.#signals.set(name, again)
    void again.ask()
  }

  /** Closing a terminal would hang up on the command: its end of input is a character, twice after half a line (termios(3), VEOF). */
  #eof(): void {
    if (this.#isOver) throw malformed('a second end of data')
    this.#isOver = true
    if (!this.#room.hello?.tty) this.#feeder.end()
    else this.#feeder.push(this.#isLineOpen ? VEOF : VEOF.subarray(1))
  }
}

const NEWLINE = 0x0a
const VEOF = Uint8Array.of(4, 4)
