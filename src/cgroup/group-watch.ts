import { type EventCounters, readEvents } from '../features/cgroups/readings/event-sources.ts'
import type { GroupEvent } from '../features/cgroups/readings/group-event.ts'
import type { GroupPlace } from '../features/cgroups/group-place.ts'
import { decodeInotify } from '../linux/event-params.ts'
import type { Caller } from '../process/caller.ts'
import { type Change, Changes } from './changes.ts'
import { readFiles } from './read-files.ts'
import { openSources, type WatchSources } from './watch-sources.ts'

/** Position of the eventfd among the descriptors. */
const EVENTFD = 1

/** After v1 said that memory ran out, the count of kills is looked at so much later, in milliseconds: it says so before it kills. */
const LATER_LOOKS_MS = [5, 25, 100, 400] as const

interface Watching {
  readonly sources: WatchSources
  readonly changes: Changes
}

/**
 * What happens to a group from now on, as the kernel tells it: nothing is read while nothing happens. Ends after `gone`, when the group
 * was removed, when the loop is left or the signal aborts, and holds nothing from then on. Waiting for the next event keeps the event loop
 * alive.
 */
export class GroupWatch implements AsyncIterableIterator<GroupEvent>, AsyncDisposable {
  readonly #caller: Caller
  readonly #watching: Promise<Watching>
  readonly #events: GroupEvent[] = []
  readonly #timers = new Set<NodeJS.Timeout>()
  readonly #forgetSignal: () => void
  #counters: EventCounters = new Map()
  #isOver = false
  #turn: Promise<unknown> = Promise.resolve()

  constructor(caller: Caller, places: readonly GroupPlace[], { signal }: { readonly signal?: AbortSignal } = {}) {
    this.#caller = caller
    this.#watching = openSources(caller, places).then((sources) => this.#begin(sources))
    this.#watching.catch(() => {})
    const onAbort = (): void => void this.return()
    this.#forgetSignal = () => signal?.removeEventListener('abort', onAbort)
    if (signal?.aborted) onAbort()
    else signal?.addEventListener('abort', onAbort, { once: true })
  }

  /** Resolves when everything is in place. What the caller of the group does after the watch was asked for is seen in any case. */
  async ready(): Promise<void> {
    await this.#watching
  }

  /** @throws SyscallError EMFILE, ENOSPC (limits of inotify(7)), ENOENT; AgentError when the process of the group ends */
  next(): Promise<IteratorResult<GroupEvent, undefined>> {
    const result = this.#turn.then(() => this.#take())
    this.#turn = result.catch(() => {})
    return result
  }

  async return(): Promise<IteratorResult<GroupEvent, undefined>> {
    this.#isOver = true
    this.#forgetSignal()
    this.#timers.forEach((timer) => clearTimeout(timer))
    const watching = await this.#watching.catch(() => undefined)
    watching?.changes[Symbol.dispose]()
    return { done: true, value: undefined }
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.return()
  }

  [Symbol.asyncIterator](): this {
    return this
  }

  #begin(sources: WatchSources): Watching {
    this.#counters = sources.counters
    const changes = new Changes(sources.descriptors)
    // It may have been left while it was being made.
    if (this.#isOver) changes[Symbol.dispose]()
    return { sources, changes }
  }

  async #take(): Promise<IteratorResult<GroupEvent, undefined>> {
    try {
      const watching = await this.#watching
      while (this.#events.length === 0 && !this.#isOver) await this.#look(watching)
    } catch (error) {
      await this.return()
      throw error
    }
    const value = this.#events.shift()
    if (value?.kind === 'gone') await this.return()
    return value === undefined ? { done: true, value } : { done: false, value }
  }

  async #look({ sources, changes }: Watching): Promise<void> {
    const news = await changes.next('Nothing happened to the group')
    if (this.#isOver) return
    const { isOom, isGone, isOther } = newsOf(news, sources)
    if (!isOom && !isGone && !isOther) return
    const texts = await readFiles(this.#caller, sources.paths)
    const { events, counters } = readEvents(this.#counters, texts)
    this.#counters = counters
    const isRemoved = isGone || events.some(({ kind }) => kind === 'gone')
    // The eventfd is also raised when the group is removed.
    if (isOom && !isRemoved) {
      this.#events.push({ kind: 'oom' })
      if (!events.some(({ kind }) => kind === 'oom-kill')) this.#lookLater(changes)
    }
    this.#events.push(...events.filter(({ kind }) => kind !== 'gone'))
    if (isRemoved) this.#events.push({ kind: 'gone' })
  }

  #lookLater(changes: Changes): void {
    for (const ms of LATER_LOOKS_MS) {
      const timer = setTimeout(() => {
        this.#timers.delete(timer)
        changes.poke()
      }, ms)
      timer.unref()
      this.#timers.add(timer)
    }
  }
}

interface News {
  readonly isOom: boolean
  readonly isGone: boolean
  readonly isOther: boolean
}

function newsOf(changes: readonly Change[], { name }: WatchSources): News {
  const events = changes.filter(({ source }) => source === 0).flatMap(({ bytes }) => decodeInotify(bytes))
  return {
    isOom: changes.some(({ source }) => source === EVENTFD),
    isGone: events.some((event) => event.mask.includes('IN_DELETE') && event.name === name),
    // Groups beside this one come and go: their names are none of ours. A queue that ran over may have held anything.
    isOther: changes.some(({ source }) => source < 0) || events.some(({ mask }) => !mask.includes('IN_DELETE')),
  }
}
