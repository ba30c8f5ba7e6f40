import { linesOf } from './parse-statistics-text.ts'
import type { GroupEvent, GroupEventKind } from './group-event.ts'
import type { GroupPlace } from '../group-place.ts'

/** What has to be watched so that nothing about a group has to be asked for again and again. */
export interface EventSources {
  /** Files that inotify(7) tells changes of (IN_MODIFY). Not told by kernels to 6.18 at least: that a group was removed, it is only `empty` */
  readonly files: readonly string[]
  /** v1: how to be told that memory ran out; null where memory is not watched this way */
  readonly oom: OomNotification | null
}

/**
 * cgroup-v1/memory.rst, "OOM Control": `EVENTFD CONTROL` (both as numbers of open descriptors) written to `eventControl` makes the
 * eventfd readable when memory runs out, and once more when the group is removed. The kernel signals it *before* it kills: `oom_kill`
 * in `control` rises a moment later, so it is worth another look.
 */
export interface OomNotification {
  /** `memory.oom_control`, to be opened for reading, and to be read afterwards */
  readonly control: string
  /** `cgroup.event_control`, to be opened for writing */
  readonly eventControl: string
}

/** Counters by `path key`, as they were when they were read last. */
export type EventCounters = ReadonlyMap<string, number>

/**
 * All that tells of events in these places. On v1 only the pids controller notifies by inotify, and only before 6.11, which began to
 * notify a file that v1 groups do not have: `pids-max` is not told there.
 */
export function eventSources(places: readonly GroupPlace[]): EventSources {
  const oom = places.find(({ version, controllers }) => version === 1 && controllers.includes('memory'))
  return {
    files: places.flatMap(({ directory, version, controllers }) => [
      ...(version === 2 ? [`${directory}/cgroup.events`] : []),
      ...(version === 2 && controllers.includes('memory') ? [`${directory}/memory.events`] : []),
      ...(controllers.includes('pids') ? [`${directory}/pids.events`] : []),
    ]),
    oom: oom
      ? { control: `${oom.directory}/memory.oom_control`, eventControl: `${oom.directory}/cgroup.event_control` }
      : null,
  }
}

/** What the rise of a counter is called. */
const COUNTERS: Readonly<Record<string, Readonly<Record<string, GroupEventKind>>>> = {
  'memory.events': { oom: 'oom', oom_kill: 'oom-kill', high: 'memory-high', max: 'memory-max' },
  'memory.oom_control': { oom_kill: 'oom-kill' },
  'pids.events': { max: 'pids-max' },
}
/** What a flag is called that falls or rises. */
const STATES: Readonly<Record<string, readonly [zero: GroupEventKind, one: GroupEventKind]>> = {
  populated: ['empty', 'populated'],
  frozen: ['thawed', 'frozen'],
}

/**
 * What has happened since the last look: `texts` by path, null for a file that is gone with its group. The first look (`before` null)
 * only counts. Changes that undid each other in between cannot be seen.
 */
export function readEvents(
  before: EventCounters | null,
  texts: ReadonlyMap<string, string | null>,
): { readonly events: readonly GroupEvent[]; readonly counters: EventCounters } {
  const counters = new Map(before)
  const events: GroupEvent[] = []
  for (const [path, text] of texts) {
    for (const [key, value] of valuesOf(text ?? '')) {
      const name = `${path} ${key}`
      const event = eventOf(path, key, value, counters.get(name))
      if (before && event) events.push(event)
      counters.set(name, value)
    }
  }
  if ([...texts.values()].includes(null)) events.push({ kind: 'gone' })
  return { events, counters }
}

function eventOf(path: string, key: string, value: number, previous: number | undefined): GroupEvent | undefined {
  const file = path.slice(path.lastIndexOf('/') + 1)
  if (value === previous) return undefined
  if (file === 'cgroup.events') {
    const kind = STATES[key]?.[value === 0 ? 0 : 1]
    return kind && { kind }
  }
  const kind = COUNTERS[file]?.[key]
  return kind && value > (previous ?? 0) ? { kind, count: value } : undefined
}

function valuesOf(text: string): [string, number][] {
  return linesOf(text).flatMap((line): [string, number][] => {
    const [, key, digits] = /^(\w+) (\d+)$/.exec(line) ?? []
    return key === undefined ? [] : [[key, Number(digits)]]
  })
}
