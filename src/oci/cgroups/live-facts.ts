import type { GroupPlace } from '../../features/cgroups/group-place.ts'
import type { Answer, CgroupFacts, Controller, ControllerFacts } from '../../host/facts.ts'
import { listDirectory } from '../../kernel/directories.ts'
import type { Kernel } from '../../kernel/kernel.ts'
import { exists } from './group-spot.ts'
import { readGroupFile } from './processes.ts'

/** What the translators of features/cgroups have to know of a live group, read only when they ask. */
export function liveFacts(kernel: Kernel, places: readonly GroupPlace[], deviceRules: Answer): CgroupFacts {
  const controllers: Partial<Record<Controller, ControllerFacts>> = {}
  for (const place of places) for (const name of place.controllers) controllers[name] = factsIn(kernel, name, place)
  const tree = places.find(({ version }) => version === 2)
  const hasV1 = places.some(({ version, controllers: names }) => version === 1 && names.length > 0)
  return {
    mode: hasV1 ? (tree ? 'hybrid' : 'v1') : tree ? 'v2' : 'none',
    controllers,
    ...(tree ? { unified: { parent: tree.directory, usable: { ok: true }, kill: true, freeze: true } } : {}),
    swap: places.some(({ directory, controllers: names }) => {
      const files = ['memory.memsw.limit_in_bytes', 'memory.swap.max']
      return names.includes('memory') && files.some((file) => exists(kernel, `${directory}/${file}`))
    }),
    manager: 'files',
    managerBecause: '',
    deviceRules,
  }
}

function factsIn(kernel: Kernel, name: Controller, { directory, version }: GroupPlace): ControllerFacts {
  const above = directory.slice(0, directory.lastIndexOf('/'))
  const set = (which: 'cpus' | 'mems'): string | undefined => {
    const file = version === 2 ? `cpuset.${which}.effective` : `cpuset.effective_${which}`
    return readGroupFile(kernel, `${above}/${file}`)?.trim()
  }
  const [cpus, mems] = name === 'cpuset' ? [set('cpus'), set('mems')] : []
  return {
    version,
    parent: above,
    usable: { ok: true },
    ...(cpus === undefined ? {} : { cpus }),
    ...(mems === undefined ? {} : { mems }),
    get files() {
      return listDirectory(kernel, directory)
    },
  }
}
