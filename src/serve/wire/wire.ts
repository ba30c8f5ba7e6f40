import type { Socket } from 'node:net'
import type { Readable } from 'node:stream'

/** Most bytes that are handed to the socket at once: a slow reader is seen to read at least so often. */
const PIECE_BYTES = 128 * 1024

/** The socket of one client: what goes through it is counted, and waits for a reader that is slow. */
export class Wire {
  readonly socket: Socket
  bytesIn = 0
  bytesOut = 0
  readonly #onActivity: () => void

  /** @param onActivity called for each piece that came, or that the kernel has taken */
  constructor(socket: Socket, onActivity: () => void) {
    this.socket = socket
    this.#onActivity = onActivity
  }

  received(bytes: Uint8Array): void {
    this.bytesIn += bytes.length
    this.#onActivity()
  }

  /** Resolves when more may be written: false once nobody is there to read it. */
  async write(bytes: Uint8Array): Promise<boolean> {
    for (let at = 0; at < bytes.length; at += PIECE_BYTES) {
      if (!this.#give(bytes.subarray(at, at + PIECE_BYTES))) await this.#drained()
      if (!this.socket.writable) return false
    }
    return true
  }

  /** Writes without waiting: for what is small and bounded in number. */
  tell(bytes: Uint8Array | string): void {
    if (this.socket.writable) this.#give(typeof bytes === 'string' ? new TextEncoder().encode(bytes) : bytes)
  }

  /** Ends this direction; resolves when the kernel has all of it, or nobody reads any more. */
  async finish(): Promise<void> {
    const { socket } = this
    if (socket.destroyed) return
    await new Promise<void>((resolve) => {
      socket.once('close', resolve)
      socket.end(() => resolve())
    })
  }

  #give(piece: Uint8Array): boolean {
    if (!this.socket.writable) return true
    this.bytesOut += piece.length
    return this.socket.write(piece, (error) => {
      if (!error) this.#onActivity()
    })
  }

  #drained(): Promise<void> {
    return new Promise((resolve) => {
      const done = () => {
        this.socket.off('drain', done)
        this.socket.off('close', done)
        resolve()
      }
      this.socket.on('drain', done)
      this.socket.on('close', done)
    })
  }
}

/**
 * Hands on what a command writes, as fast as it is taken; ends with the output, or when `write` says that nobody wants more. Then the command
 * finds its pipe closed.
 */
export async function pump(from: Readable | null, write: (bytes: Uint8Array) => Promise<boolean>): Promise<void> {
  if (!from) return
  try {
    for await (const chunk of from) if (!(await write(chunk as Uint8Array))) return
  } catch {
    // It was closed while it was read: its end, as good as any other.
  }
}
