import { setTimeout as sleep } from 'node:timers/promises'
import { TimeoutError } from '../base/errors.ts'
import type { CallOptions } from '../linux/call-options.ts'
import { checkLimits } from '../process/check-options.ts'

/** How long the kernel may take for what it does behind a write, in milliseconds, unless the caller says otherwise */
export const PATIENCE_MS = 5000

const MOST_MS = 20

/** Waits between looks at what the kernel tells nobody: 1 ms at first, then longer, as long as the caller allows. */
export class Patience {
  readonly #what: () => string
  readonly #options: CallOptions
  readonly #end: number
  #pauseMs = 1

  /** @param what as in "Group did not freeze" */
  constructor(what: () => string, options: CallOptions) {
    checkLimits(options)
    this.#what = what
    this.#options = options
    this.#end = performance.now() + this.#timeoutMs
  }

  get #timeoutMs(): number {
    return this.#options.timeoutMs ?? PATIENCE_MS
  }

  /** What is left of it, for a wait of another kind. */
  left(): CallOptions {
    const timeoutMs = Math.max(1, Math.ceil(this.#end - performance.now()))
    const { signal } = this.#options
    return { timeoutMs, ...(signal ? { signal } : {}) }
  }

  /** @throws TimeoutError when there was enough time, the signal's reason */
  async pause(): Promise<void> {
    this.#options.signal?.throwIfAborted()
    const left = this.#end - performance.now()
    if (left <= 0) throw new TimeoutError(this.#what(), this.#timeoutMs)
    await sleep(Math.min(this.#pauseMs, left))
    this.#pauseMs = Math.min(2 * this.#pauseMs, MOST_MS)
  }
}
