import { TimeoutError } from '../../base/errors.ts'
import { attempt } from '../../kernel/call.ts'
import type { Kernel } from '../../kernel/kernel.ts'

/** How long a wait may take when nobody says: processes that end or freeze need microseconds, but for those in uninterruptible calls */
export const PATIENCE_MS = 10_000
const FIRST_US = 50
const MOST_US = 10_000

/** Repeated looks at what the kernel tells nobody, with longer and longer pauses between them, for a time. */
export class Patience {
  readonly #kernel: Kernel
  readonly #what: () => string
  readonly #timeoutMs: number
  readonly #end: number
  #pauseUs = FIRST_US

  /** @param what of the error: "The group did not freeze" */
  constructor(kernel: Kernel, what: () => string, timeoutMs: number = PATIENCE_MS) {
    this.#kernel = kernel
    this.#what = what
    this.#timeoutMs = timeoutMs
    this.#end = performance.now() + timeoutMs
  }

  /** @throws TimeoutError when there was enough time */
  pause(): void {
    if (performance.now() >= this.#end) throw new TimeoutError(this.#what(), this.#timeoutMs)
    pauseFor(this.#kernel, this.#pauseUs)
    this.#pauseUs = Math.min(2 * this.#pauseUs, MOST_US)
  }
}

/** Waits, in microseconds; ppoll(2) of nothing. */
export function pauseFor(kernel: Kernel, us: number): void {
  attempt(kernel, 'ppoll', null, 0, timespec(us), null, 0)
}

/** struct timespec of a duration in microseconds. */
export function timespec(us: number): Uint8Array {
  const words = new BigInt64Array([BigInt(Math.floor(us / 1e6)), BigInt(Math.floor((us % 1e6) * 1000))])
  return new Uint8Array(words.buffer)
}
