import { Readable } from 'node:stream'
import type { Addon, Channel } from '../../kernel/addon.ts'
import { native } from '../../kernel/native.ts'
import { type OutputStream, readThere, received } from './program-streams.ts'

/** Bytes that are read ahead of the consumer */
const AHEAD = 256 * 1024

/**
 * The reading end of a pipe as a stream. Node's own reads 64 KiB at a time, which makes a pipe half as fast as a socket; this
 * one takes all that is there, up to 256 KiB, and never more than its credit.
 */
export class PipeReader extends Readable implements OutputStream {
  readonly #addon: Addon
  readonly #watch: Channel
  readonly #fd: number
  #credit = Infinity
  #over = false
  #settled = false
  /** Bytes that came out of the pipe so far */
  bytesRead = 0

  /** @param fd belongs to the stream from now on */
  constructor(fd: number) {
    super({ highWaterMark: AHEAD })
    this.#fd = fd
    this.#addon = native()
    this.#addon.nonblock(fd)
    this.#watch = this.#addon.watch(fd, (bytes, _, size) => this.#receive(received(bytes, size)), true)
    this.#addon.pause(this.#watch)
    this.#addon.ref(this.#watch)
  }

  get over(): boolean {
    return this.#over
  }

  /** Bytes that may still be read; what comes beyond stays in the pipe, and the kernel stops its writer when that is full */
  get credit(): number {
    return this.#credit
  }

  set credit(bytes: number) {
    this.#credit = bytes
    if (!this.#isClosed) this.#addon.limit(this.#watch, bytes === Infinity ? -1 : bytes)
  }

  gather(): void {
    if (this.#isClosed) return
    const size = Math.min(this.#addon.pending(this.#watch), this.#credit)
    if (size > 0) {
      this.#receive(readThere(this.#fd, size))
      this.credit = this.#credit
    }
    if (!this.#isClosed && this.#addon.pending(this.#watch) < 0) this.#receive(null)
  }

  /** What is there is kept for a late reader; whatever still holds the pipe is waited for only when somebody wants its output. */
  settle(): void {
    this.#settled = true
    this.gather()
    this.read(0)
    this.#addon.unref(this.#watch)
  }

  override on(event: string | symbol, listener: (...args: never[]) => void): this {
    if (event === 'data' || event === 'readable') this.#addon.ref(this.#watch)
    return super.on(event, listener as (...args: unknown[]) => void)
  }

  override addListener(event: string | symbol, listener: (...args: never[]) => void): this {
    return this.on(event, listener)
  }

  override _read(): void {
    if (!this.#isClosed) this.#addon.resume(this.#watch)
  }

  override _destroy(error: Error | null, done: (error: Error | null) => void): void {
    this.#addon.close(this.#watch)
    done(error)
  }

  get #isClosed(): boolean {
    return this.#over || this.destroyed
  }

  #receive(bytes: Uint8Array | null): void {
    if (bytes === null) {
      // Whether or not somebody comes for the chunks that are left, the descriptor has done its work.
      this.#over = true
      this.#addon.close(this.#watch)
      this.push(null)
      // An end that nobody asks for is not told: who held the pipe may let go of it after the program's own end.
      if (this.#settled) this.read(0)
      return
    }
    this.bytesRead += bytes.length
    this.#credit -= bytes.length
    if (!this.push(bytes) && !this.#isClosed) this.#addon.pause(this.#watch)
  }
}
