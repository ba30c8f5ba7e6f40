import type { CallOptions } from '../../linux/call-options.ts'
import { waitFor } from '../connection/waiting.ts'
import { native } from '../../kernel/native.ts'
import { type Exit, exitOf, NO_RUSAGE } from './exit.ts'
import type { Member } from './member.ts'

/** How the end of a process is waited for, and what that means for the event loop: an idle agent alone does not keep it alive. */
export class EndWatch {
  readonly #member: Member
  /** Lets the event loop end before the process has */
  #release: (() => void) | undefined
  #watchers = 0
  #reaper: NodeJS.Timeout | undefined

  constructor(member: Member) {
    this.#member = member
  }

  /** Keeps the event loop alive until the process has ended, or is let go. */
  hold(): void {
    const { isLetGo } = this.#member
    const child = this.#member.known()
    if (this.#release || child.exit || child.kept || isLetGo) return
    const { channel } = this.#teller
    channel.hold()
    this.#release = () => channel.release()
    const release = (): void => this.release()
    child.told.then(release, release)
  }

  /** Its end is not waited for any more. */
  release(): void {
    this.#release?.()
    this.#release = undefined
  }

  /** Its end, with the event loop kept alive. @throws StateError when nobody will tell; TimeoutError, the signal's reason */
  async watch(options?: CallOptions): Promise<Exit> {
    const { pid, told } = this.#member.known()
    const { channel } = this.#teller
    channel.hold()
    this.#watchers++
    this.#reaper?.ref()
    try {
      return await waitFor(told, `Process ${pid} did not end`, options, () => {})
    } finally {
      this.#watchers--
      channel.release()
    }
  }

  /** The root has no agent above it that reaps it: this process does. It mostly ends at once, and may live for days. */
  reapRoot(pidfd: number, againMs = 1): void {
    const { child, isLetGo } = this.#member
    const status = native().reap(pidfd)
    if (status) return child?.ended(exitOf(status.status, NO_RUSAGE))
    this.#reaper = setTimeout(() => this.reapRoot(pidfd, Math.min(2 * againMs, MOST_MS)), againMs)
    if (isLetGo && this.#watchers === 0) this.#reaper.unref()
  }

  /** Who tells the end. */
  get #teller(): Member {
    return this.#member.parent ?? this.#member
  }
}

/** How often at least a root is looked at that was let go, or is a program */
const MOST_MS = 50
