import type { GroupPlace } from '../../features/cgroups/group-place.ts'
import { type EventCounters, eventSources, readEvents } from '../../features/cgroups/readings/event-sources.ts'
import { attempt, call, cString } from '../../kernel/call.ts'
import { close, O, open } from '../../kernel/descriptors.ts'
import { writeExisting } from '../../kernel/files.ts'
import type { Kernel } from '../../kernel/kernel.ts'
import { exists } from './group-spot.ts'
import { timespec } from './patience.ts'
import { readGroupFile } from './processes.ts'

/** sys/inotify.h, sys/eventfd.h, poll.h: the numbers that O_NONBLOCK and O_CLOEXEC have are theirs too. */
const IN_MODIFY = 2
const NONBLOCK_CLOEXEC = O.NONBLOCK | O.CLOEXEC
const POLLIN = 1
/** struct pollfd: fd, events, revents */
const POLLFD = { size: 8, events: 4, revents: 6 } as const

/** What a watch tells: memory ran out; the first process has ended; nothing happened for as long as was to be waited. */
export type Notice = 'oom' | 'ended' | 'time'

/**
 * Watches a container without asking again and again: v2 tells by inotify(7) that `memory.events` has changed, v1 by an eventfd that
 * memory ran out (cgroup-v1/memory.rst), a pidfd that the first process has ended.
 */
export class GroupWatch {
  readonly #kernel: Kernel
  readonly #descriptors: readonly number[]
  readonly #files: readonly string[]
  readonly #control: string | undefined
  #counters: EventCounters

  /** @param pidfd of the first process; the caller's. @throws SyscallError */
  constructor(kernel: Kernel, places: readonly GroupPlace[], pidfd: number) {
    const { files, oom } = eventSources(places)
    this.#kernel = kernel
    this.#files = files.filter((path) => path.endsWith('/memory.events') && exists(kernel, path))
    this.#control = oom?.control
    const inotify = this.#files.length > 0 ? watchFiles(kernel, this.#files) : -1
    const eventfd = oom && exists(kernel, oom.control) ? notifyBy(kernel, oom) : -1
    this.#descriptors = [pidfd, inotify, eventfd]
    this.#counters = this.#look(null).counters
  }

  /** The next thing that happens. @param us at most so long, in microseconds; undefined for ever. @throws SyscallError */
  next(us?: number): Notice {
    const end = us === undefined ? undefined : performance.now() + us / 1000
    for (;;) {
      const left = end === undefined ? undefined : Math.max(0, (end - performance.now()) * 1000)
      const [ended, changed, ran] = this.#poll(left)
      if (changed || ran) {
        const isOom = this.#isOom(changed === true, ran === true)
        if (isOom) return 'oom'
      }
      if (ended) return 'ended'
      if (!changed && !ran) return 'time'
    }
  }

  close(): void {
    for (const fd of this.#descriptors.slice(1)) if (fd >= 0) close(this.#kernel, fd)
  }

  #poll(us: number | undefined): boolean[] {
    const view = new DataView(new ArrayBuffer(POLLFD.size * this.#descriptors.length))
    this.#descriptors.forEach((fd, i) => {
      view.setInt32(POLLFD.size * i, fd, true)
      view.setInt16(POLLFD.size * i + POLLFD.events, POLLIN, true)
    })
    const time = us === undefined ? null : timespec(us)
    call(
      this.#kernel,
      'ppoll',
      { args: 'events of a group' },
      new Uint8Array(view.buffer),
      this.#descriptors.length,
      time,
      null,
      0,
    )
    return this.#descriptors.map((_, i) => view.getInt16(POLLFD.size * i + POLLFD.revents, true) !== 0)
  }

  /** v1's eventfd also becomes readable when the group is removed. */
  #isOom(changed: boolean, ran: boolean): boolean {
    const [, inotify = -1, eventfd = -1] = this.#descriptors
    if (ran) drain(this.#kernel, eventfd)
    if (changed) drain(this.#kernel, inotify)
    const { events, counters } = this.#look(this.#counters)
    this.#counters = counters
    if (ran) return this.#control !== undefined && exists(this.#kernel, this.#control)
    return events.some(({ kind }) => kind === 'oom-kill')
  }

  #look(before: EventCounters | null): ReturnType<typeof readEvents> {
    const texts = this.#files.map((path) => [path, readGroupFile(this.#kernel, path) ?? null] as const)
    return readEvents(before, new Map(texts))
  }
}

function watchFiles(kernel: Kernel, files: readonly string[]): number {
  const inotify = call(kernel, 'inotify_init1', { args: 'IN_NONBLOCK|IN_CLOEXEC' }, NONBLOCK_CLOEXEC)
  for (const path of files) {
    call(kernel, 'inotify_add_watch', { args: `${inotify}, "${path}", IN_MODIFY` }, inotify, cString(path), IN_MODIFY)
  }
  return inotify
}

function notifyBy(
  kernel: Kernel,
  { control, eventControl }: { readonly control: string; readonly eventControl: string },
): number {
  const eventfd = call(kernel, 'eventfd2', { args: '0, EFD_NONBLOCK|EFD_CLOEXEC' }, 0, NONBLOCK_CLOEXEC)
  const file = open(kernel, control, O.RDONLY)
  writeExisting(kernel, eventControl, `${eventfd} ${file}`)
  close(kernel, file)
  return eventfd
}

function drain(kernel: Kernel, fd: number): void {
  const bytes = new Uint8Array(4096)
  let size: number
  do size = attempt(kernel, 'read', fd, bytes, bytes.length)
  while (size > 0 && size !== 8)
}
