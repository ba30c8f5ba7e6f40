/**
 * Does something one time at a time. However often it is asked for meanwhile, it is done once more: what a client asks for in a flood
 * neither queues up nor is forgotten.
 */
export class Again {
  readonly #work: () => Promise<unknown>
  #isBusy = false
  #isWanted = false

  /** @param work what must not reject */
  constructor(work: () => Promise<unknown>) {
    this.#work = work
  }

  /** Resolves when nothing is wanted any more; at once when it is busy. */
  async ask(): Promise<void> {
    this.#isWanted = true
    if (this.#isBusy) return
    this.#isBusy = true
    while (this.#isWanted) {
      this.#isWanted = false
      await this.#work()
    }
    this.#isBusy = false
  }
}
