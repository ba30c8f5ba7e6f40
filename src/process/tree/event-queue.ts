/** Values on their way to consumers: an async iterator per consumer, each sees everything from its beginning on. */
export class EventSource<T> {
  readonly #consumers = new Set<Consumer<T>>()
  #ended = false

  emit(value: T): void {
    for (const consumer of this.#consumers) consumer.push(value)
  }

  end(): void {
    this.#ended = true
    for (const consumer of this.#consumers) consumer.end()
  }

  /** Iterates over what is emitted from now on; ends with the source, with `return()`, or when the signal aborts. */
  subscribe(signal?: AbortSignal): AsyncIterableIterator<T> {
    const onAbort = (): void => consumer.end()
    const consumer = new Consumer<T>(() => {
      this.#consumers.delete(consumer)
      signal?.removeEventListener('abort', onAbort)
    })
    this.#consumers.add(consumer)
    signal?.addEventListener('abort', onAbort, { once: true })
    if (this.#ended || signal?.aborted) consumer.end()
    return consumer
  }
}

class Consumer<T> implements AsyncIterableIterator<T> {
  readonly #values: T[] = []
  readonly #waiting: ((result: IteratorResult<T>) => void)[] = []
  readonly #leave: () => void
  #ended = false

  constructor(leave: () => void) {
    this.#leave = leave
  }

  push(value: T): void {
    const waiting = this.#waiting.shift()
    if (waiting) waiting({ value, done: false })
    else this.#values.push(value)
  }

  end(): void {
    this.#ended = true
    this.#leave()
    for (const waiting of this.#waiting.splice(0)) waiting({ value: undefined, done: true })
  }

  async next(): Promise<IteratorResult<T>> {
    if (this.#values.length) return { value: this.#values.shift() as T, done: false }
    if (this.#ended) return { value: undefined, done: true }
    return new Promise((resolve) => this.#waiting.push(resolve))
  }

  async return(): Promise<IteratorResult<T>> {
    this.end()
    return { value: undefined, done: true }
  }

  [Symbol.asyncIterator](): AsyncIterableIterator<T> {
    return this
  }
}
