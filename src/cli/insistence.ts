const TIMES = 3
const WITHIN_MS = 1000

/** Tells somebody who wants out from somebody who typed a key: three times within a second, as systemd-run and machinectl have it. */
export class Insistence {
  #times: readonly number[] = []

  /** Counts one more. @param now milliseconds of a clock that only goes on */
  isThird(now = performance.now()): boolean {
    this.#times = [...this.#times, now].slice(-TIMES)
    const [first = now] = this.#times
    return this.#times.length === TIMES && now - first <= WITHIN_MS
  }
}
