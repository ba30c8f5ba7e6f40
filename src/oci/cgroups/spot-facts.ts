import { UnsupportedError } from '../../base/errors.ts'
import type { Resources } from '../../features/cgroups/resources.ts'
import type { Answer, CgroupFacts, Controller, ControllerFacts } from '../../host/facts.ts'
import { listDirectory } from '../../kernel/directories.ts'
import { readText } from '../../kernel/files.ts'
import type { Kernel } from '../../kernel/kernel.ts'
import { exists, type GroupSpot } from './group-spot.ts'

/** What the translators of features/cgroups have to know, read only where the resources ask for it. */
export function factsOf(
  kernel: Kernel,
  spots: readonly GroupSpot[],
  { resources, deviceRules }: { readonly resources: Resources; readonly deviceRules: Answer },
): CgroupFacts {
  const controllers: Partial<Record<Controller, ControllerFacts>> = {}
  for (const spot of spots) {
    for (const name of spot.controllers) controllers[name] = controllerFacts(kernel, spot, { name, resources })
  }
  const tree = spots.find(({ version }) => version === 2)
  const v1 = spots.some(({ version, controllers }) => version === 1 && controllers.length > 0)
  return {
    mode: v1 ? (tree ? 'hybrid' : 'v1') : tree ? 'v2' : 'none',
    controllers,
    ...(tree ? { unified: { parent: tree.nearest, usable: YES, kill: true, freeze: true } } : {}),
    swap: asksForSwap(resources) && countsSwap(kernel, spots),
    manager: 'files',
    managerBecause: '',
    deviceRules,
  }
}

export const YES: Answer = { ok: true }

function controllerFacts(
  kernel: Kernel,
  spot: GroupSpot,
  { name, resources }: { readonly name: Controller; readonly resources: Resources },
): ControllerFacts {
  const { version, nearest } = spot
  const { cpus, mems } = resources.cpu ?? {}
  const isSet = name === 'cpuset' && (version === 1 || cpus !== undefined || mems !== undefined)
  const sets = isSet ? { cpus: readSet(kernel, spot, 'cpus'), mems: readSet(kernel, spot, 'mems') } : {}
  return {
    version,
    parent: nearest,
    usable: YES,
    ...sets,
    get files() {
      return name === 'io' && resources.blockIO ? groupFiles(kernel, spot) : undefined
    },
  }
}

/** CPUs or memory nodes that a group at a spot may have: those of the nearest group above it that has any. @throws UnsupportedError */
export function readSet(kernel: Kernel, { hierarchy, above, version }: GroupSpot, which: 'cpus' | 'mems'): string {
  const file = version === 2 ? `cpuset.${which}.effective` : `cpuset.effective_${which}`
  for (const directory of [hierarchy.mount, ...above].toReversed()) {
    const list = readText(kernel, `${directory}/${file}`)?.trim()
    if (list !== undefined && list !== '') return list
  }
  throw new UnsupportedError(`No group above has ${file}`, {
    fact: 'cgroups.cpuset',
    remedy: `give cpuset.cpus and cpuset.mems of ${hierarchy.mount} a list`,
  })
}

/** Files of a group that is there already: the root has others. */
function groupFiles(kernel: Kernel, { hierarchy, nearest }: GroupSpot): readonly string[] | undefined {
  const { mount } = hierarchy
  const child = (): string | undefined =>
    (listDirectory(kernel, mount) ?? []).map((name) => `${mount}/${name}`).find((path) => exists(kernel, `${path}/cgroup.procs`))
  const group = nearest === mount ? child() : nearest
  return group === undefined ? undefined : listDirectory(kernel, group)
}

const asksForSwap = ({ memory }: Resources): boolean => memory?.swap !== undefined || memory?.limit === -1

function countsSwap(kernel: Kernel, spots: readonly GroupSpot[]): boolean {
  const spot = spots.find(({ controllers }) => controllers.includes('memory'))
  if (!spot) return false
  if (spot.version === 1) return exists(kernel, `${spot.hierarchy.mount}/memory.memsw.limit_in_bytes`)
  if (exists(kernel, `${spot.nearest}/memory.swap.max`)) return true
  // The root has no such file, nor a group that has no memory controller yet; the kernel has it with CONFIG_SWAP, without swapaccount=0.
  const inner = spot.nearest !== spot.hierarchy.mount && exists(kernel, `${spot.nearest}/memory.max`)
  return !inner && exists(kernel, '/proc/swaps') && !/\bswapaccount=0\b/.test(readText(kernel, '/proc/cmdline') ?? '')
}

/** Whether this machine has swap at all now: without any, a limit of it holds by itself. */
export const hasSwap = (kernel: Kernel): boolean => (readText(kernel, '/proc/swaps') ?? '').trim().split('\n').length > 1
