import type { Readable } from 'node:stream'
import { drained } from './drained.ts'

/** How much the streams of one command may still bring, together. */
export interface OutputLimit {
  left: number
  /** Called when they brought more */
  over(): void
}

/** Everything that comes out of a stream, up to a limit; what exceeds it is dropped, so that the writer is never blocked for ever. */
export class Collector {
  readonly #chunks: Uint8Array[] = []
  readonly #stream: Readable | null
  readonly #ended: Promise<void>

  constructor(stream: Readable | null, limit: OutputLimit) {
    this.#stream = stream
    this.#ended = new Promise((resolve) => {
      if (!stream) return resolve()
      stream.once('close', resolve).once('end', resolve).once('error', resolve)
      stream.on('data', (chunk: Uint8Array) => this.#take(chunk, limit))
    })
  }

  #take(chunk: Uint8Array, limit: OutputLimit): void {
    const kept = chunk.subarray(0, limit.left)
    limit.left -= kept.length
    if (kept.length > 0) this.#chunks.push(kept)
    if (kept.length < chunk.length) limit.over()
  }

  /** What came, once the stream has ended, or has been given time to after the command's end. */
  async finish(): Promise<Uint8Array> {
    if (this.#stream) await drained(this.#stream, this.#ended)
    return Buffer.concat(this.#chunks)
  }
}
