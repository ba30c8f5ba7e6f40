/** How long nothing may be heard, in milliseconds. */
export interface QuietLimits {
  /** In either direction; undefined: as long as it likes */
  readonly idleMs: number | undefined
  /** After the client has closed its direction: it may wait for an answer, or be gone, TCP does not tell (RFC 9293 3.6) */
  readonly lingerMs: number
}

/** Watches for a connection on which nothing happens. */
export class Quiet {
  readonly #limits: QuietLimits
  readonly #onQuiet: () => void
  #timer: NodeJS.Timeout | undefined
  #isRunning = false
  #isHalfClosed = false

  constructor(limits: QuietLimits, onQuiet: () => void) {
    this.#limits = limits
    this.#onQuiet = onQuiet
  }

  /** The limit that counts now, in milliseconds; Infinity for none */
  get ms(): number {
    const { idleMs = Infinity, lingerMs } = this.#limits
    return this.#isHalfClosed ? Math.min(idleMs, lingerMs) : idleMs
  }

  /** There is somebody to talk to: waiting for a container is no silence of the client's. */
  start(): void {
    this.#isRunning = true
    this.#renew()
  }

  heard(): void {
    this.#timer?.refresh()
  }

  /** The client says nothing more. */
  halfClosed(): void {
    this.#isHalfClosed = true
    if (this.#isRunning) this.#renew()
  }

  stop(): void {
    this.#isRunning = false
    clearTimeout(this.#timer)
    // A timer that was cleared would run again when it is refreshed.
    this.#timer = undefined
  }

  #renew(): void {
    clearTimeout(this.#timer)
    if (this.ms !== Infinity) this.#timer = setTimeout(this.#onQuiet, this.ms)
  }
}
