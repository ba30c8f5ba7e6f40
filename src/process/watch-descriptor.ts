import { AgentError } from '../base/errors.ts'
import { errnoName } from '../linux/errno.ts'
import type { Channel } from '../kernel/addon.ts'
import { native } from '../kernel/native.ts'

/** What is read from a descriptor, as it comes. */
export interface DescriptorListener {
  /** All that one read(2) gave */
  readonly onData: (bytes: Uint8Array) => void
  /** Nothing more comes: read(2) failed, or gave nothing */
  readonly onEnd: (error: AgentError) => void
}

/**
 * A descriptor that becomes readable when something happens: an eventfd, an inotify instance, the end of a pipe. Waiting for it costs
 * nothing; the event loop is kept alive between `hold` and `release` alone.
 */
export class DescriptorWatch {
  readonly #channel: Channel
  #isClosed = false

  /** @param fd of this process, nonblocking; belongs to the watch from now on */
  constructor(fd: number, { onData, onEnd }: DescriptorListener) {
    const receive = (bytes: Uint8Array | null, size: number): void => {
      if (bytes && size > 0) return onData(bytes.subarray(0, size))
      onEnd(new AgentError(`Watched descriptor ended: ${size < 0 ? errnoName(-size) : 'end of file'}`))
    }
    this.#channel = native().watch(fd, (bytes, _, size) => receive(bytes, size), true)
  }

  hold(): void {
    if (!this.#isClosed) native().ref(this.#channel)
  }

  release(): void {
    if (!this.#isClosed) native().unref(this.#channel)
  }

  /** Closes the descriptor; nothing is told afterwards. */
  close(): void {
    if (this.#isClosed) return
    this.#isClosed = true
    native().close(this.#channel)
  }
}
