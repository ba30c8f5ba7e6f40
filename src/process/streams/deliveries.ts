import type { Writable } from 'node:stream'
import { InvalidInputError, StateError } from '../../base/errors.ts'
import type { CallOptions } from '../../linux/call-options.ts'
import { errnoName } from '../../linux/errno.ts'
import { describeValue } from '../../linux/show-value.ts'
import type { Addon, Channel } from '../../kernel/addon.ts'
import { brokenPipe } from './program-streams.ts'
import { timerFor } from './timer.ts'

type Done = (error?: Error | null) => void

/** A write whose caller is told how much of it the kernel took. */
interface Delivery {
  taken: number
  givenUp: boolean
}

interface Current {
  readonly bytes: Uint8Array
  readonly done: Done
  readonly delivery: Delivery
}

/**
 * What a stream writes to a descriptor, one chunk after the other. Node's own streams cannot take back what they have queued, so
 * nobody could tell how much of a write that takes too long has arrived.
 */
export class Deliveries {
  readonly #addon: Addon
  readonly #watch: Channel
  readonly #known = new WeakMap<Uint8Array, Delivery>()
  #current: Current | undefined

  constructor(addon: Addon, watch: Channel) {
    this.#addon = addon
    this.#watch = watch
  }

  /** Whether a chunk waits for room. */
  get isBusy(): boolean {
    return this.#current !== undefined
  }

  /** What `deliver` of an InputStream does; the chunk comes back through the stream's _write. */
  async send(
    stream: Writable,
    data: string | Uint8Array,
    { timeoutMs = Infinity, signal }: CallOptions,
  ): Promise<number> {
    if (stream.writableEnded) {
      throw new StateError('Input is closed: eof() was called', { state: 'closed', wanted: 'open' })
    }
    const bytes = viewOf(data)
    const delivery: Delivery = { taken: 0, givenUp: false }
    this.#known.set(bytes, delivery)
    return new Promise((resolve, reject) => {
      const settle = (action: () => void) => {
        clearTimeout(timer)
        signal?.removeEventListener('abort', onAbort)
        action()
      }
      const giveUp = (action: () => void) => {
        settle(action)
        this.#giveUp(delivery)
      }
      const onAbort = () => giveUp(() => reject(signal?.reason as Error))
      const onTime = () => giveUp(() => resolve(delivery.taken))
      if (signal?.aborted) return reject(signal.reason as Error)
      const timer = timerFor(timeoutMs, onTime)
      signal?.addEventListener('abort', onAbort, { once: true })
      stream.write(bytes, (error) =>
        settle(() => (error ? reject(brokenPipe(bytes.length, delivery.taken)) : resolve(delivery.taken))),
      )
    })
  }

  /** The _write of the stream. */
  write(bytes: Uint8Array, done: Done): void {
    const delivery = this.#known.get(bytes) ?? { taken: 0, givenUp: false }
    if (delivery.givenUp) return done()
    this.#current = { bytes, done, delivery }
    this.#writeOn()
  }

  /** Nobody is left to read, or the stream is destroyed: what waits fails. */
  fail(): void {
    this.#finish(errnoError(EPIPE))
  }

  #writeOn(): void {
    const current = this.#current
    if (!current) return
    const { bytes, delivery } = current
    while (delivery.taken < bytes.length) {
      const written = this.#addon.send(this.#watch, bytes.subarray(delivery.taken), [])
      if (written === -EAGAIN) return this.#whenWritable()
      if (written < 0) return this.#finish(errnoError(-written))
      delivery.taken += written
    }
    this.#finish(null)
  }

  #whenWritable(): void {
    this.#addon.ref(this.#watch)
    this.#addon.onWritable(this.#watch, () => this.#writeOn())
  }

  #finish(error: Error | null): void {
    const current = this.#current
    this.#current = undefined
    current?.done(error)
  }

  #giveUp(delivery: Delivery): void {
    delivery.givenUp = true
    if (this.#current?.delivery === delivery) this.#finish(null)
  }
}

/** A view of its own: it is what the stream hands to _write, and so the name of a delivery. @throws InvalidInputError */
function viewOf(data: unknown): Buffer {
  if (typeof data === 'string') return Buffer.from(data)
  if (data instanceof Uint8Array) return Buffer.from(data.buffer, data.byteOffset, data.byteLength)
  throw new InvalidInputError(`data must be text or bytes, not ${describeValue(data)}`, { field: 'data' })
}

/** In the form in which Node's streams report a failed write. */
function errnoError(errno: number): NodeJS.ErrnoException {
  const code = errnoName(errno)
  return Object.assign(new Error(`write ${code}`), { errno: -errno, code, syscall: 'write' })
}

/** asm-generic/errno-base.h, the same on every architecture here */
const EAGAIN = 11
const EPIPE = 32
