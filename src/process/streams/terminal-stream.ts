import { Duplex } from 'node:stream'
import type { CallOptions } from '../../linux/call-options.ts'
import type { Addon, Channel } from '../../kernel/addon.ts'
import { Deliveries } from './deliveries.ts'
import { native } from '../../kernel/native.ts'
import { type InputStream, type OutputStream, readThere, received } from './program-streams.ts'

/**
 * The master side of a terminal as a stream. Node's own writes to it without O_NONBLOCK: a program that does not read what is typed
 * would stop this process.
 */
export class TerminalStream extends Duplex implements InputStream, OutputStream {
  readonly #addon: Addon
  readonly #watch: Channel
  readonly #master: number
  readonly #deliveries: Deliveries
  #over = false
  #inUse = false
  #settled = false

  /** @param master belongs to the stream from now on */
  constructor(master: number) {
    super({ allowHalfOpen: false })
    this.#master = master
    this.#addon = native()
    this.#addon.nonblock(master)
    this.#watch = this.#addon.watch(master, (bytes, _, size) => this.#receive(received(bytes, size)), true)
    this.#addon.pause(this.#watch)
    this.#addon.ref(this.#watch)
    this.#deliveries = new Deliveries(this.#addon, this.#watch)
    this.on('error', () => {})
  }

  get over(): boolean {
    return this.#over
  }

  /** Resolves with fewer bytes than all when the terminal ends meanwhile. */
  deliver(data: string | Uint8Array, options: CallOptions = {}): Promise<number> {
    return this.#deliveries.send(this, data, options)
  }

  /**
   * A program has the terminal. Until its end is told (or that nobody will tell it), the end of the output closes nothing: a program that
   * closes its three descriptors before it ends, as cat(1) does, would be hung up on.
   */
  keepFor(told: Promise<unknown>): void {
    this.#inUse = true
    const letGo = (): void => {
      this.#inUse = false
      if (this.#over) this.#close()
    }
    told.then(letGo, letGo)
  }

  gather(): void {
    if (this.#over || this.destroyed) return
    const size = this.#addon.pending(this.#watch)
    if (size > 0) this.#receive(readThere(this.#master, size))
    if (!this.#over && !this.destroyed && this.#addon.pending(this.#watch) < 0) this.#receive(null)
  }

  /** What is there is kept for a late reader. */
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
    if (!this.#over) this.#addon.resume(this.#watch)
  }

  override _write(chunk: Buffer, _encoding: string, done: (error?: Error | null) => void): void {
    // Not an error of the stream: what is typed after the end of the terminal goes nowhere, its output is still to be read.
    if (this.#over) done()
    else this.#deliveries.write(chunk, () => done())
  }

  override _destroy(error: Error | null, done: (error: Error | null) => void): void {
    this.#close()
    // Node tells the writes that wait in its queue, not the one that is under way.
    this.#deliveries.fail()
    done(error)
  }

  /** EIO is how the master of a terminal says that the last slave end was closed: the end of the output, not a failure of it. */
  #receive(bytes: Uint8Array | null): void {
    if (bytes === null) {
      this.#over = true
      this.#close()
      if (this.#deliveries.isBusy) this.#deliveries.fail()
      if (!this.destroyed) this.push(null)
      // An end that nobody asks for is not told: who held the terminal may let go of it after the program's own end.
      if (this.#settled) this.read(0)
      return
    }
    if (!this.push(bytes) && !this.#over && !this.destroyed) this.#addon.pause(this.#watch)
  }

  #close(): void {
    if (this.#over && this.#inUse) this.#addon.pause(this.#watch)
    else this.#addon.close(this.#watch)
  }
}
