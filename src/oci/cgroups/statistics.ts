import { type EventSets, eventStatistics } from '../../bundle/cgroups/event-statistics.ts'
import { parseCpuList } from '../../features/cgroups/cpu-list.ts'
import type { GroupPlace } from '../../features/cgroups/group-place.ts'
import { parseStatistics } from '../../features/cgroups/readings/parse-statistics.ts'
import type { Statistics } from '../../features/cgroups/readings/statistics.ts'
import { statisticsFiles, type StatisticsKind } from '../../features/cgroups/readings/statistics-files.ts'
import type { Kernel } from '../../kernel/kernel.ts'
import { readGroupFile } from './processes.ts'

/** What a container uses, has used and may use. @throws SyscallError */
export function statisticsOf(
  kernel: Kernel,
  places: readonly GroupPlace[],
  kinds?: readonly StatisticsKind[],
): Statistics {
  const files = statisticsFiles(places, kinds)
  const texts = new Map<string, string>()
  for (const { path } of files) {
    const text = readGroupFile(kernel, path)
    if (text !== undefined) texts.set(path, text)
  }
  return parseStatistics(texts, files)
}

/** The same as `events` prints it. @throws SyscallError */
export const statisticsForEvents = (
  kernel: Kernel,
  places: readonly GroupPlace[],
): ReturnType<typeof eventStatistics> => eventStatistics(statisticsOf(kernel, places), setsOf(kernel, places))

function setsOf(kernel: Kernel, places: readonly GroupPlace[]): EventSets {
  const place = places.find(({ controllers }) => controllers.includes('cpuset'))
  if (!place) return {}
  const list = (which: 'cpus' | 'mems'): number[] | undefined => {
    const file = place.version === 2 ? `cpuset.${which}.effective` : `cpuset.effective_${which}`
    const found = parseCpuList(readGroupFile(kernel, `${place.directory}/${file}`)?.trim() ?? '')
    return found && [...found]
  }
  const [cpus, mems] = [list('cpus'), list('mems')]
  return { ...(cpus ? { cpus } : {}), ...(mems ? { mems } : {}) }
}
