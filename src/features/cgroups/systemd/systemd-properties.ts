import { InvalidInputError } from '../../../base/errors.ts'
import type { Controller } from '../../../host/facts.ts'
import type { MemoryResources, Resources } from '../resources.ts'
import { blockIoProperties } from './systemd-block-io.ts'
import { cpuProperties } from './systemd-cpu.ts'
import { deviceProperties } from './systemd-devices.ts'
import { limitOf, someOf, type SystemdTarget, type Translated, type UnitProperty } from './systemd-property.ts'
import { unifiedProperties } from './systemd-unified.ts'

/** Limits as systemd takes them, and the rest. */
export interface SystemdPlan {
  readonly properties: readonly UnitProperty[]
  /** What systemd has no property for, or none that says the same: to be written to the files of the group once it exists */
  readonly byHand: Resources
  /**
   * Controllers that the properties need. systemd passes over a property without a word when the group has no such controller: a user
   * manager has only what `user@.service` was given
   */
  readonly controllers: readonly Controller[]
}

/**
 * Resources as properties of a unit, by the rules of the OCI runtimes. For a new unit add `accounting`.
 * @throws InvalidInputError for a list of CPUs that is none, and swap below memory
 */
export function systemdProperties(resources: Resources, target: SystemdTarget): SystemdPlan {
  const { memory, cpu, pids, blockIO, devices, unified, ...rest } = resources
  const parts = {
    memory: memory && memoryProperties(memory, target),
    cpu: cpu && cpuProperties(cpu, target),
    pids: pids && { properties: [limitOf('TasksMax', pids.limit === 0 ? 1 : pids.limit)] },
    blockIO: blockIO && blockIoProperties(blockIO, target),
    devices: devices && deviceProperties(devices, target),
    unified: unified && unifiedProperties(unified, target),
  } satisfies Partial<Record<keyof Resources, Translated<unknown> | undefined>>
  const properties = Object.values(parts).flatMap((part) => part?.properties ?? [])
  const left = Object.entries(parts).flatMap(([key, part]) =>
    part && 'byHand' in part && part.byHand !== undefined ? [[key, part.byHand] as const] : [],
  )
  const controllers = new Set(
    properties.flatMap(({ name }) => CONTROLLERS.find(([word]) => word.test(name))?.[1] ?? []),
  )
  return { properties, byHand: { ...rest, ...Object.fromEntries(left) }, controllers: [...controllers] }
}

/** The controller that a property is enforced by. */
const CONTROLLERS: readonly (readonly [RegExp, Controller])[] = [
  [/^Memory/, 'memory'],
  [/^CPU/, 'cpu'],
  [/^Allowed/, 'cpuset'],
  [/^Tasks/, 'pids'],
  [/^(?:IO|BlockIO)/, 'io'],
]

/** Properties that make systemd give a new unit its controllers, limits or not. */
export const accounting = ({ version }: SystemdTarget): readonly UnitProperty[] =>
  ['MemoryAccounting', 'CPUAccounting', 'TasksAccounting', version === 2 ? 'IOAccounting' : 'BlockIOAccounting'].map(
    (name) => ({ name, signature: 'b', value: true }),
  )

function memoryProperties(memory: MemoryResources, { version }: SystemdTarget): Translated<MemoryResources> {
  const { limit, reservation, swap, useHierarchy, ...rest } = memory
  const properties: UnitProperty[] = []
  if (limit !== undefined) properties.push(limitOf(version === 2 ? 'MemoryMax' : 'MemoryLimit', limit))
  if (version === 1) {
    const both = swap === undefined ? {} : { limit, swap }
    return { properties, byHand: someOf({ ...rest, ...both, reservation, useHierarchy } as MemoryResources) }
  }
  if (reservation !== undefined) properties.push(limitOf('MemoryLow', reservation))
  const swapMax = swapOnly(limit, swap)
  if (swapMax !== undefined) properties.push(limitOf('MemorySwapMax', swapMax))
  return { properties, byHand: someOf({ ...rest, ...(useHierarchy === false ? { useHierarchy } : {}) }) }
}

/** v2 counts swap alone, the specification memory and swap together. */
function swapOnly(limit: number | undefined, swap: number | undefined): number | undefined {
  if (swap === undefined) return limit === -1 ? -1 : undefined
  if (swap === -1) return -1
  if (limit === undefined || limit < 0 || swap < limit) {
    throw new InvalidInputError(
      'memory.swap counts memory and swap together: it needs memory.limit, and at least as much',
      { field: 'memory.swap' },
    )
  }
  return swap - limit
}
