import { StateError } from '../../base/errors.ts'
import { statisticsOf } from '../../oci/cgroups/statistics.ts'
import { pauseFor } from '../../oci/cgroups/patience.ts'
import { print } from '../../oci/print.ts'
import { getContainer } from '../lifecycle/find-container.ts'
import type { Nsinit } from '../lifecycle/nsinit-context.ts'
import { networkCounters } from '../network/counters.ts'
import { freezerFlags } from './freezer-flags.ts'
import { statisticsLines } from './statistics-lines.ts'
import { containerStatistics } from './container-statistics.ts'

export interface StatsGiven {
  /** Lines for people instead of JSON */
  readonly human?: boolean
}

/** How long the CPU is watched for what it is used now */
const SAMPLE_US = 100_000

/** `stats`: what the container uses, has used and may use. @throws StateError when none lives there, SyscallError */
export async function run(nsinit: Nsinit, { human = false }: StatsGiven = {}): Promise<void> {
  const { kernel } = nsinit.context
  const { record, state } = getContainer(nsinit)
  const { groups } = record
  if (groups.length === 0 && !state.network_state.interfaces) {
    const why =
      'The container has no groups and no interfaces, so nothing is counted: groups need root, or a delegated tree'
    throw new StateError(why, { state: 'without groups', wanted: 'a container with groups' })
  }
  const before = statisticsOf(kernel, groups, ['cpu']).cpu?.usageUs
  const began = performance.now()
  pauseFor(kernel, SAMPLE_US)
  const sampledUs = (performance.now() - began) * 1000
  const statistics = statisticsOf(kernel, groups)
  const after = statistics.cpu?.usageUs
  const result = containerStatistics(statistics, {
    ...(before === undefined || after === undefined ? {} : { sample: { usedUs: after - before, duringUs: sampledUs } }),
    freezer: freezerFlags(kernel, groups),
    networks: networkCounters(kernel, state.network_state),
  })
  print(kernel, human ? statisticsLines(result) : `${JSON.stringify(result, null, 2)}\n`)
}
