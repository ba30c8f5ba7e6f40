import { InvalidInputError, StateError } from '../../base/errors.ts'
import { close } from '../../kernel/descriptors.ts'
import { openPidfd } from '../../kernel/process.ts'
import { statisticsForEvents } from '../cgroups/statistics.ts'
import { GroupWatch } from '../cgroups/watch-group.ts'
import type { Given } from '../command-line/definitions.ts'
import type { Context } from '../context.ts'
import { print } from '../print.ts'
import type { ContainerRecord } from '../state/container-record.ts'

const DEFAULT_INTERVAL = '5s'

/**
 * `events [--stats] [--interval TIME] ID`: an object of JSON a line, in the form that containerd and docker read. Statistics at every
 * interval and `oom` when memory runs out, until the container has stopped; with `--stats` statistics once.
 */
export async function run(context: Context, { id, options }: Given<'events'>): Promise<void> {
  const { kernel, store } = context
  const interval = parseInterval(options.interval ?? DEFAULT_INTERVAL)
  const record = store.load(id)
  if (record.groups.length === 0) {
    throw new StateError(`Container ${JSON.stringify(id)} has no groups, and so no statistics`, {
      state: 'without groups',
      wanted: 'a container with groups',
    })
  }
  const pidfd = openPidfd(kernel, record.pid)
  if (pidfd === undefined || store.status(record) === 'stopped') {
    if (pidfd !== undefined) close(kernel, pidfd)
    throw new StateError(`Container ${JSON.stringify(id)} is not running: it has stopped`, {
      state: 'stopped',
      wanted: 'running',
    })
  }
  try {
    if (options.stats === true) printStatistics(context, record)
    else follow(context, record, { pidfd, interval })
  } finally {
    close(kernel, pidfd)
  }
}

function follow(
  context: Context,
  record: ContainerRecord,
  { pidfd, interval }: { readonly pidfd: number; readonly interval: number },
): void {
  const { kernel } = context
  const watch = new GroupWatch(kernel, record.groups, pidfd)
  try {
    let next = performance.now() + interval
    for (;;) {
      const notice = watch.next(Math.max(0, next - performance.now()) * 1000)
      if (notice === 'ended') return
      if (notice === 'oom') printEvent(context, { type: 'oom', id: record.id })
      else {
        printStatistics(context, record)
        next = performance.now() + interval
      }
    }
  } finally {
    watch.close()
  }
}

const printStatistics = (context: Context, { id, groups }: ContainerRecord): void =>
  printEvent(context, { type: 'stats', id, data: statisticsForEvents(context.kernel, groups) })

const printEvent = ({ kernel }: Context, event: object): void => print(kernel, `${JSON.stringify(event)}\n`)

const UNITS: Readonly<Record<string, number>> = { ms: 1, s: 1000, m: 60_000, h: 3_600_000 }

/** `500ms`, `5s`, `1m30s` in milliseconds, as Go's programs write durations. @throws InvalidInputError */
export function parseInterval(text: string): number {
  const parts = [...text.matchAll(/(\d+(?:\.\d+)?)(ms|s|m|h)/g)]
  const sum = parts.reduce((total, [, number, unit = '']) => total + Number(number) * (UNITS[unit] ?? Number.NaN), 0)
  if (parts.map(([whole]) => whole).join('') === text && sum > 0) return sum
  throw new InvalidInputError(
    `--interval must be a time above 0 such as 500ms, 5s or 1m, not ${JSON.stringify(text)}`,
    {
      field: '--interval',
    },
  )
}
