import { Readable } from 'node:stream'
import type { Addon, Channel } from './addon.ts'
import { native } from './native.ts'

/** Bytes that are read ahead of the consumer */
const AHEAD = 256 * 1024

/**
 * The reading end of a pipe as a stream. Node's own reads 64 KiB at a time, which makes a pipe half as fast as a socket; this
 * one takes all that is there, up to 256 KiB.
 */
export class PipeReader extends Readable {
  readonly #addon: Addon
  readonly #watch: Channel
  /** Bytes that came out of the pipe so far */
  bytesRead = 0

  /** @param fd belongs to the stream from now on */
  constructor(fd: number) {
    super({ highWaterMark: AHEAD })
    this.#addon = native()
    this.#addon.nonblock(fd)
    this.#watch = this.#addon.watch(
      fd,
      (bytes, _, size) => this.#take(size > 0 ? (bytes?.subarray(0, size) ?? null) : null),
      true,
    )
    this.#addon.pause(this.#watch)
    this.#addon.ref(this.#watch)
  }

  #take(bytes: Uint8Array | null): void {
    this.bytesRead += bytes?.length ?? 0
    if (!this.push(bytes) || bytes === null) this.#addon.pause(this.#watch)
  }

  override _read(): void {
    this.#addon.resume(this.#watch)
  }

  override _destroy(error: Error | null, done: (error: Error | null) => void): void {
    this.#addon.close(this.#watch)
    done(error)
  }
}
