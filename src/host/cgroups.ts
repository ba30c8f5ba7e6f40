import { isInnerGroup } from './cgroup-context.ts'
import type { CgroupContext } from './cgroup-context.ts'
import { readV1Controllers } from './cgroups-v1.ts'
import { readUnified } from './cgroups-v2.ts'
import type { CgroupFacts, Controller, ControllerFacts, HostFacts } from './facts.ts'
import { isAtLeast } from './kernel.ts'
import type { HostSource } from './source.ts'

/** The cgroup hierarchies as this process may use them. */
export function readCgroups(context: CgroupContext, kernel: HostFacts['kernel']): CgroupFacts {
  const v1 = readV1Controllers(context)
  const v2 = readUnified(context)
  const controllers: Partial<Record<Controller, ControllerFacts>> = { ...v2?.controllers, ...v1 }
  const parent = v2?.parent
  return {
    mode: modeOf(Object.keys(v1).length > 0, v2 !== undefined),
    controllers,
    ...(v2 && parent !== undefined
      ? { unified: { parent, usable: v2.usable, kill: hasKill(context.source, v2.own, kernel) } }
      : {}),
    swap: countsSwap(context.source, controllers.memory),
  }
}

const modeOf = (v1: boolean, v2: boolean): CgroupFacts['mode'] => (v1 ? (v2 ? 'hybrid' : 'v1') : v2 ? 'v2' : 'none')

/** The root group has no cgroup.kill, so a process in it can only go by the version; older kernels may have it as a backport. */
const hasKill = (source: HostSource, own: string | undefined, kernel: HostFacts['kernel']): boolean =>
  isAtLeast(kernel, 5, 14) || (own !== undefined && source.entry(`${own}/cgroup.kill`) !== undefined)

function countsSwap(source: HostSource, memory: ControllerFacts | undefined): boolean {
  if (!memory) return false
  const file = memory.version === 1 ? 'memory.memsw.limit_in_bytes' : 'memory.swap.max'
  if (source.entry(`${memory.parent}/${file}`)) return true
  if (memory.version === 1 || isInnerGroup(source, memory.parent)) return false
  // v2's root group has no memory.swap.max, its children do when the kernel has swap and `swapaccount=0` was not given.
  return source.entry('/proc/swaps') !== undefined && !/\bswapaccount=0\b/.test(source.text('/proc/cmdline') ?? '')
}
