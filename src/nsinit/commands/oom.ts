import { StateError, UnsupportedError } from '../../base/errors.ts'
import { eventSources } from '../../features/cgroups/readings/event-sources.ts'
import { close } from '../../kernel/descriptors.ts'
import type { Kernel } from '../../kernel/kernel.ts'
import { isAlive, openPidfd } from '../../kernel/process.ts'
import { pauseFor } from '../../oci/cgroups/patience.ts'
import { statisticsOf } from '../../oci/cgroups/statistics.ts'
import { GroupWatch } from '../../oci/cgroups/watch-group.ts'
import { print } from '../../oci/print.ts'
import type { ContainerRecord } from '../../oci/state/container-record.ts'
import { getContainer } from '../lifecycle/find-container.ts'
import type { Nsinit } from '../lifecycle/nsinit-context.ts'

export interface OomGiven {
  /** An object per event instead of a line for people */
  readonly json?: boolean
}

/** `oom`: a line each time memory runs out in the container, until the container ends. @throws StateError, UnsupportedError */
export async function run(nsinit: Nsinit, { json = false }: OomGiven): Promise<void> {
  const { kernel } = nsinit.context
  const { record } = getContainer(nsinit)
  assertWatchable(record)
  const pidfd = openPidfd(kernel, record.pid)
  try {
    if (pidfd === undefined || !isAlive(kernel, record.pid, record.startTime)) {
      throw new StateError(`The container in ${nsinit.data.path} has ended`, { state: 'stopped', wanted: 'running' })
    }
    watch(kernel, record, { pidfd, json })
  } finally {
    if (pidfd !== undefined) close(kernel, pidfd)
  }
}

function assertWatchable({ groups }: ContainerRecord): void {
  const { oom, files } = eventSources(groups)
  if (oom ?? files.some((path) => path.endsWith('/memory.events'))) return
  throw new UnsupportedError(
    'The container has no group of the memory controller, so nobody tells that memory ran out',
    {
      fact: 'memory controller',
      remedy: 'start it where the host has one: as root, or with the controller delegated',
    },
  )
}

function watch(
  kernel: Kernel,
  { groups }: ContainerRecord,
  { pidfd, json }: { readonly pidfd: number; readonly json: boolean },
): void {
  const events = new GroupWatch(kernel, groups, pidfd)
  try {
    for (let notice = events.next(); notice !== 'ended'; notice = events.next()) {
      if (notice === 'oom') print(kernel, lineOf(killedSoFar(kernel, groups), json))
    }
  } finally {
    events.close()
  }
}

/** v1 tells before it kills (cgroup-v1/memory.rst); a moment later the counter has risen. */
const SETTLES_US = 20_000

function killedSoFar(kernel: Kernel, groups: ContainerRecord['groups']): number | undefined {
  pauseFor(kernel, SETTLES_US)
  return statisticsOf(kernel, groups, ['memory']).memory?.oomKills
}

function lineOf(kills: number | undefined, json: boolean): string {
  const time = new Date().toISOString()
  if (json) return `${JSON.stringify({ type: 'oom', time, ...(kills === undefined ? {} : { oom_kills: kills }) })}\n`
  const killed = kills === undefined ? '' : `, ${kills} process${kills === 1 ? '' : 'es'} killed so far`
  return `${time} memory ran out${killed}\n`
}
