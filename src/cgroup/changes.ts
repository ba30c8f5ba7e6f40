import { closeSync } from 'node:fs'
import type { AgentError } from '../base/errors.ts'
import type { CallOptions } from '../linux/call-options.ts'
import { waitFor } from '../process/connection/waiting.ts'
import { DescriptorWatch } from '../process/watch-descriptor.ts'

/** What one read(2) gave. */
export interface Change {
  /** Position of the descriptor; -1 for a poke */
  readonly source: number
  readonly bytes: Uint8Array
}

/** Waits for what descriptors tell, one chunk after the other; nothing is asked for in between. */
export class Changes implements Disposable {
  readonly #watches: DescriptorWatch[] = []
  readonly #chunks: Change[] = []
  #error: AgentError | undefined
  #wake: (() => void) | undefined
  #waiting = 0

  /** @param descriptors of this process, nonblocking; they belong to it from now on */
  constructor(descriptors: readonly number[]) {
    descriptors.forEach((fd, source) => {
      const listener = {
        onData: (bytes: Uint8Array) => this.#tell(() => this.#chunks.push({ source, bytes })),
        onEnd: (error: AgentError) => this.#tell(() => (this.#error ??= error)),
      }
      try {
        this.#watches.push(new DescriptorWatch(fd, listener))
      } catch (error) {
        this[Symbol.dispose]()
        descriptors.slice(source).forEach((left) => closeSync(left))
        throw error
      }
    })
  }

  /**
   * What came since the last time, at least one chunk; keeps the event loop alive until then.
   * @throws TimeoutError, the signal's reason, AgentError
   */
  async next(what: string, options: CallOptions = {}): Promise<readonly Change[]> {
    if (this.#chunks.length === 0 && !this.#error) {
      const woken = new Promise<void>((resolve) => (this.#wake = resolve))
      if (this.#waiting++ === 0) this.#watches.forEach((watch) => watch.hold())
      try {
        await waitFor(woken, what, options, () => {})
      } finally {
        if (--this.#waiting === 0) this.#watches.forEach((watch) => watch.release())
      }
    }
    if (this.#error) throw this.#error
    return this.#chunks.splice(0)
  }

  /** Has `next` come back though no descriptor told anything. */
  poke(): void {
    this.#tell(() => this.#chunks.push({ source: -1, bytes: new Uint8Array(0) }))
  }

  /** Closes the descriptors; a pending `next` comes back with nothing. */
  [Symbol.dispose](): void {
    this.#watches.forEach((watch) => watch.close())
    this.#wake?.()
  }

  #tell(note: () => unknown): void {
    note()
    this.#wake?.()
  }
}
