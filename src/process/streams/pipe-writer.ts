import { Writable } from 'node:stream'
import type { CallOptions } from '../../linux/call-options.ts'
import type { Addon, Channel } from '../../kernel/addon.ts'
import { Deliveries } from './deliveries.ts'
import { native } from '../../kernel/native.ts'
import type { InputStream } from './program-streams.ts'

/** The writing end of a pipe as a stream. Unlike Node's own it hears of the end of the last reader when that happens. */
export class PipeWriter extends Writable implements InputStream {
  readonly #addon: Addon
  readonly #watch: Channel
  readonly #deliveries: Deliveries

  /** @param fd belongs to the stream from now on */
  constructor(fd: number) {
    super()
    this.#addon = native()
    this.#addon.nonblock(fd)
    this.#watch = this.#addon.watch(fd, () => this.#onHangUp(), true)
    this.#deliveries = new Deliveries(this.#addon, this.#watch)
    // EPIPE: the program closed its stdin; writing to it is not the caller's failure, as with child_process.
    this.on('error', () => {})
  }

  /** After `timeoutMs` the kernel may have taken less than all: the rest is not sent later. Nor is it when the signal aborts. */
  deliver(data: string | Uint8Array, options: CallOptions = {}): Promise<number> {
    return this.#deliveries.send(this, data, options)
  }

  override _write(chunk: Buffer, _encoding: string, done: (error?: Error | null) => void): void {
    this.#deliveries.write(chunk, (error) => {
      this.#addon.unref(this.#watch)
      done(error)
    })
  }

  override _final(done: (error?: Error | null) => void): void {
    this.#addon.close(this.#watch)
    done()
  }

  override _destroy(error: Error | null, done: (error: Error | null) => void): void {
    this.#addon.close(this.#watch)
    // Node tells the writes that wait in its queue, not the one that is under way.
    this.#deliveries.fail()
    done(error)
  }

  #onHangUp(): void {
    if (this.#deliveries.isBusy) this.#deliveries.fail()
    else this.destroy()
  }
}
