import { isInnerGroup } from './cgroup-context.ts'
import type { CgroupContext } from './cgroup-context.ts'
import { findV1Delegation, readV1Controllers } from './cgroups-v1.ts'
import { readUnified, type UnifiedTree } from './cgroups-v2.ts'
import { chooseManager } from './choose-manager.ts'
import { readDeviceRules } from './device-rules.ts'
import type { CgroupFacts, Controller, ControllerFacts, HostFacts, UnifiedFacts } from './facts.ts'
import { isAtLeast } from './kernel.ts'
import type { HostSource } from './source.ts'

type KernelAndRights = Pick<HostFacts, 'kernel' | 'capabilities'>

/** The cgroup hierarchies as this process may use them. */
export function readCgroups(context: CgroupContext, { kernel, capabilities }: KernelAndRights): CgroupFacts {
  const v1 = readV1Controllers(context)
  const v2 = readUnified(context)
  const controllers: Partial<Record<Controller, ControllerFacts>> = { ...v2?.controllers, ...v1 }
  const delegated = v2?.delegated ?? findV1Delegation(context)
  return {
    mode: modeOf(Object.keys(v1).length > 0, v2 !== undefined),
    controllers,
    ...(v2 ? { unified: toUnified(context.source, v2, kernel) } : {}),
    swap: countsSwap(context.source, controllers.memory),
    ...(delegated ? { delegated } : {}),
    ...chooseManager(context.source, { systemd: context.systemd, uid: context.uid, v2, controllers, delegated }),
    deviceRules: readDeviceRules(context, { kernel, capabilities, v1: controllers.devices }),
  }
}

const modeOf = (v1: boolean, v2: boolean): CgroupFacts['mode'] => (v1 ? (v2 ? 'hybrid' : 'v1') : v2 ? 'v2' : 'none')

function toUnified(source: HostSource, v2: UnifiedTree, kernel: HostFacts['kernel']): UnifiedFacts {
  const { parent, usable, own, escapes, vacate } = v2
  // The root group has neither file, so a process in it can only go by the version; older kernels may have them as backports.
  const has = (file: string): boolean => own !== undefined && source.entry(`${own}/${file}`) !== undefined
  return {
    ...{ parent, usable, ...(own === undefined ? {} : { own }) },
    kill: isAtLeast(kernel, 5, 14) || has('cgroup.kill'),
    freeze: isAtLeast(kernel, 5, 2) || has('cgroup.freeze'),
    ...(escapes ? { escapes } : {}),
    ...(vacate ? { vacate } : {}),
  }
}

function countsSwap(source: HostSource, memory: ControllerFacts | undefined): boolean {
  if (!memory) return false
  const file = memory.version === 1 ? 'memory.memsw.limit_in_bytes' : 'memory.swap.max'
  if (source.entry(`${memory.parent}/${file}`)) return true
  const isEnabled = !memory.enable?.some((directory) => directory !== memory.parent)
  if (memory.version === 1 || (isEnabled && isInnerGroup(source, memory.parent))) return false
  // v2's root group has no memory.swap.max, nor has one whose groups above do not give it memory yet; its children do when the kernel has
  // swap and `swapaccount=0` was not given.
  return source.entry('/proc/swaps') !== undefined && !/\bswapaccount=0\b/.test(source.text('/proc/cmdline') ?? '')
}
