import { setTimeout as sleep } from 'node:timers/promises'
import type { Exit } from './exit.ts'
import type { Member } from './member.ts'
import { Child } from './child.ts'

/** Ends that nobody claimed yet are kept for so many processes: orphans that were reaped fill the rest. */
const KEPT = 1024

/** How long a process may take to end that was killed: it may be another user's, who only could end it. In milliseconds */
const GONE_MS = 2000

/** A living child and, unless it was made by somebody else's program, what orders go to. */
export interface Offspring {
  readonly child: Child
  readonly member: Member | undefined
}

/**
 * The children of one process. The end of a child may be read from the socket together with the reply that tells its pid, and
 * before anybody has seen that reply: such ends are kept, with their position, so that a recycled pid is never mistaken.
 */
export class Children {
  readonly #alive = new Map<number, Offspring>()
  readonly #unclaimed = new Map<number, { readonly exit: Exit; readonly sequence: number }>()

  get size(): number {
    return this.#alive.size
  }

  /** Those that have not ended, oldest first. */
  list(): readonly Offspring[] {
    return [...this.#alive.values()]
  }

  get(pid: number): Offspring | undefined {
    return this.#alive.get(pid)
  }

  /** Takes on the child that the reply at `sequence` told about. */
  adopt(pid: number, pidfd: number, sequence: number, member?: Member): Child {
    const child = new Child(pid, pidfd)
    const end = this.#unclaimed.get(pid)
    if (end && end.sequence > sequence) {
      this.#unclaimed.delete(pid)
      child.ended(end.exit)
    } else {
      this.#alive.set(pid, { child, member })
    }
    return child
  }

  ended(pid: number, exit: Exit, sequence: number): void {
    const offspring = this.#alive.get(pid)
    if (offspring) {
      this.#alive.delete(pid)
      offspring.child.ended(exit)
      return
    }
    this.#unclaimed.delete(pid)
    this.#unclaimed.set(pid, { exit, sequence })
    const [oldest] = this.#unclaimed.keys()
    if (this.#unclaimed.size > KEPT && oldest !== undefined) this.#unclaimed.delete(oldest)
  }

  /** The process that reported them is gone: their end is told once they are gone too, or nearly. */
  lost(exit: Exit): void {
    for (const { child } of this.#alive.values()) void whenGone(child).then(() => child.ended(exit))
    this.#alive.clear()
  }
}

async function whenGone(child: Child): Promise<void> {
  const until = performance.now() + GONE_MS
  for (let pauseMs = 1; child.runs && performance.now() < until; pauseMs *= 2) await sleep(pauseMs)
}
