/**
 * Lets a few do something at once and the others wait in line. Containers that are made all at the same time are all late; a few at a time,
 * the first ones are ready while the last wait.
 */
export class Turns {
  readonly #waiting: (() => void)[] = []
  #free: number

  /** @param count how many at once */
  constructor(count: number) {
    this.#free = count
  }

  /** How many stand in line. */
  get waiting(): number {
    return this.#waiting.length
  }

  /** Does the work when it is its turn; who gives up leaves the line. @throws the signal's reason, whatever the work throws */
  async take<T>(work: () => Promise<T>, signal: AbortSignal): Promise<T> {
    await this.#enter(signal)
    try {
      return await work()
    } finally {
      this.#leave()
    }
  }

  #enter(signal: AbortSignal): Promise<void> {
    if (signal.aborted) return Promise.reject(signal.reason as Error)
    if (this.#free > 0) {
      this.#free--
      return Promise.resolve()
    }
    return new Promise((resolve, reject) => {
      const go = () => {
        signal.removeEventListener('abort', giveUp)
        resolve()
      }
      const giveUp = () => {
        this.#waiting.splice(this.#waiting.indexOf(go), 1)
        reject(signal.reason as Error)
      }
      signal.addEventListener('abort', giveUp, { once: true })
      this.#waiting.push(go)
    })
  }

  #leave(): void {
    const next = this.#waiting.shift()
    if (next) next()
    else this.#free++
  }
}
