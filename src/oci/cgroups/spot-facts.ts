import { UnsupportedError } from '../../base/errors.ts'
import type { Resources } from '../../features/cgroups/resources.ts'
import type { Answer, CgroupFacts, Controller, ControllerFacts } from '../../host/facts.ts'
import { listDirectory } from '../../kernel/directories.ts'
import { readText } from '../../kernel/files.ts'
import type { Kernel } from '../../kernel/kernel.ts'
import { exists, type GroupSpot, nearestOf } from './group-spot.ts'

interface FactsInput {
  /** Where this user may make no group */
  readonly closed: readonly GroupSpot[]
  readonly resources: Resources
  readonly deviceRules: Answer
  readonly sets: CpuSets | undefined
}

/** What the translators of features/cgroups have to know, read only where the resources ask for it. */
export function factsOf(
  kernel: Kernel,
  spots: readonly GroupSpot[],
  { closed, resources, deviceRules, sets }: FactsInput,
): CgroupFacts {
  const controllers: Partial<Record<Controller, ControllerFacts>> = {}
  for (const spot of closed) for (const name of spot.controllers) controllers[name] = closedFacts(spot)
  for (const spot of spots) {
    for (const name of spot.controllers) controllers[name] = controllerFacts(kernel, spot, { name, resources, sets })
  }
  const tree = spots.find(({ version }) => version === 2)
  const v1 = spots.some((spot) => spot.version === 1 && spot.controllers.length > 0)
  return {
    mode: v1 ? (tree ? 'hybrid' : 'v1') : tree ? 'v2' : 'none',
    controllers,
    ...(tree ? { unified: { parent: tree.hierarchy.mount, usable: YES, kill: true, freeze: true } } : {}),
    swap: asksForSwap(resources) && countsSwap(kernel, spots),
    manager: 'files',
    managerBecause: '',
    deviceRules,
  }
}

export const YES: Answer = { ok: true }

const closedFacts = ({ version, above, hierarchy }: GroupSpot): ControllerFacts => ({
  version,
  parent: above.at(-1) ?? hierarchy.mount,
  usable: {
    ok: false,
    reason: `this user may make no group in ${hierarchy.mount}`,
    remedy:
      'start it in a group that was delegated to the user: systemd-run --user --scope -p Delegate=yes …, on cgroup v2',
  },
})

function controllerFacts(
  kernel: Kernel,
  spot: GroupSpot,
  {
    name,
    resources,
    sets,
  }: { readonly name: Controller; readonly resources: Resources; readonly sets: CpuSets | undefined },
): ControllerFacts {
  const { cpus, mems } = resources.cpu ?? {}
  const isAsked = cpus !== undefined || mems !== undefined
  const known = name !== 'cpuset' ? undefined : spot.version === 1 ? sets : isAsked ? readSets(kernel, spot) : undefined
  return {
    version: spot.version,
    parent: spot.above.at(-1) ?? spot.hierarchy.mount,
    usable: YES,
    ...(known ? { cpus: known.cpus, mems: known.mems } : {}),
    get files() {
      return name === 'io' && resources.blockIO ? groupFiles(kernel, spot) : undefined
    },
  }
}

/** What a cpuset may have. */
export interface CpuSets {
  readonly cpus: string
  readonly mems: string
  /** Levels above that have none: new ones of v1, or such that somebody made and left empty */
  readonly empty: readonly string[]
}

/** CPUs and memory nodes that a group at a spot may have: those of the nearest group above it that has any. @throws UnsupportedError */
export function readSets(kernel: Kernel, { hierarchy, above, version }: GroupSpot): CpuSets {
  const file = (which: 'cpus' | 'mems'): string =>
    version === 2 ? `cpuset.${which}.effective` : `cpuset.effective_${which}`
  const empty: string[] = []
  for (const directory of [hierarchy.mount, ...above].toReversed()) {
    const [cpus = '', mems = ''] = (['cpus', 'mems'] as const).map((which) =>
      readText(kernel, `${directory}/${file(which)}`)?.trim(),
    )
    if (cpus !== '' && mems !== '') return { cpus, mems, empty }
    empty.unshift(directory)
  }
  throw new UnsupportedError(`No group above has ${file('cpus')} and ${file('mems')}`, {
    fact: 'cgroups.cpuset',
    remedy: `give cpuset.cpus and cpuset.mems of ${hierarchy.mount} a list`,
  })
}

/** Files of a group that is there already: the root has others. */
function groupFiles(kernel: Kernel, spot: GroupSpot): readonly string[] | undefined {
  const { mount } = spot.hierarchy
  const nearest = nearestOf(kernel, spot)
  const child = (): string | undefined =>
    (listDirectory(kernel, mount) ?? [])
      .map((name) => `${mount}/${name}`)
      .find((path) => exists(kernel, `${path}/cgroup.procs`))
  const group = nearest === mount ? child() : nearest
  return group === undefined ? undefined : listDirectory(kernel, group)
}

const asksForSwap = ({ memory }: Resources): boolean => memory?.swap !== undefined || memory?.limit === -1

function countsSwap(kernel: Kernel, spots: readonly GroupSpot[]): boolean {
  const spot = spots.find(({ controllers }) => controllers.includes('memory'))
  if (!spot) return false
  if (spot.version === 1) return exists(kernel, `${spot.hierarchy.mount}/memory.memsw.limit_in_bytes`)
  const nearest = nearestOf(kernel, spot)
  if (exists(kernel, `${nearest}/memory.swap.max`)) return true
  // The root has no such file, nor a group that has no memory controller yet; the kernel has it with CONFIG_SWAP, without swapaccount=0.
  const inner = nearest !== spot.hierarchy.mount && exists(kernel, `${nearest}/memory.max`)
  return !inner && exists(kernel, '/proc/swaps') && !/\bswapaccount=0\b/.test(readText(kernel, '/proc/cmdline') ?? '')
}

/** Whether this machine has swap at all now: without any, a limit of it holds by itself. */
export const hasSwap = (kernel: Kernel): boolean =>
  (readText(kernel, '/proc/swaps') ?? '').trim().split('\n').length > 1
