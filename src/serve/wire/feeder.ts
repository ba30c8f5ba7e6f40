import type { Writable } from 'node:stream'

/**
 * Gives a command its input, one write at a time. What comes meanwhile is kept in one piece: frames of a byte each would take hundreds of
 * times their size.
 */
export class Feeder {
  readonly #to: Writable
  readonly #most: number
  readonly #onTaken: (bytes: number) => void
  #kept: Buffer | undefined
  #keptBytes = 0
  #isBusy = false
  #isOver = false

  /**
   * @param most bytes that are ever pushed ahead of what was taken
   * @param onTaken told how many bytes are with the kernel, or of no use to anybody
   */
  constructor(to: Writable, most: number, onTaken: (bytes: number) => void) {
    this.#to = to
    this.#most = most
    this.#onTaken = onTaken
  }

  push(bytes: Uint8Array): void {
    // A copy either way: a frame is a view of what came with it, which may be used again.
    if (!this.#isBusy) return this.#write(Buffer.from(bytes))
    this.#kept ??= Buffer.allocUnsafeSlow(this.#most)
    this.#kept.set(bytes, this.#keptBytes)
    this.#keptBytes += bytes.length
  }

  /** Closes the command's input after all that was pushed. */
  end(): void {
    this.#isOver = true
    if (!this.#isBusy) this.#to.end()
  }

  #write(bytes: Uint8Array): void {
    this.#isBusy = true
    const onTaken = () => {
      this.#isBusy = false
      this.#onTaken(bytes.length)
      this.#next()
    }
    if (this.#to.writable) this.#to.write(bytes, onTaken)
    else onTaken()
  }

  #next(): void {
    if (this.#isBusy) return
    if (this.#keptBytes > 0) {
      const bytes = Buffer.from(this.#kept?.subarray(0, this.#keptBytes) ?? [])
      this.#keptBytes = 0
      return this.#write(bytes)
    }
    if (this.#isOver) this.#to.end()
  }
}
