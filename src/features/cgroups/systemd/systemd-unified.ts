import { quotaProperties } from './systemd-cpu.ts'
import {
  limitOf,
  maskOf,
  NO_LIMIT,
  type SystemdTarget,
  type Translated,
  type UnitProperty,
} from './systemd-property.ts'

/** Files of v2 that hold one number or `max`, and the property that systemd keeps in them; first version of systemd that has it. */
const NUMBERS: Readonly<Record<string, { readonly property: string; readonly since: number }>> = {
  'memory.max': { property: 'MemoryMax', since: 231 },
  'memory.high': { property: 'MemoryHigh', since: 231 },
  'memory.low': { property: 'MemoryLow', since: 231 },
  'memory.min': { property: 'MemoryMin', since: 240 },
  'memory.swap.max': { property: 'MemorySwapMax', since: 232 },
  'cpu.weight': { property: 'CPUWeight', since: 232 },
  'pids.max': { property: 'TasksMax', since: 227 },
}

const LISTS: Readonly<Record<string, string>> = { 'cpuset.cpus': 'AllowedCPUs', 'cpuset.mems': 'AllowedMemoryNodes' }
/** NEWS of 244 */
const LISTS_SINCE = 244

/**
 * Files that are set by name: where systemd keeps a file itself it must be told, else it writes its own value back. The others
 * are written by hand.
 */
export function unifiedProperties(
  unified: Readonly<Record<string, string>>,
  target: SystemdTarget,
): Translated<Readonly<Record<string, string>>> {
  const properties: UnitProperty[] = []
  const byHand: [string, string][] = []
  for (const [file, value] of Object.entries(unified)) {
    const found = target.version === 2 ? propertiesOf(file, value, target) : undefined
    properties.push(...(found?.properties ?? []))
    if (!found || found.byHand) byHand.push([file, value])
  }
  return byHand.length === 0 ? { properties } : { properties, byHand: Object.fromEntries(byHand) }
}

/** Undefined for what systemd has no property for; with `byHand` where the property says it only nearly. */
function propertiesOf(file: string, value: string, target: SystemdTarget): Translated<unknown> | undefined {
  if (file === 'cpu.max') return maxProperties(value, target)
  const list = LISTS[file]
  if (list !== undefined) {
    return target.systemd < LISTS_SINCE ? undefined : { properties: [maskOf(list, value, `unified["${file}"]`)] }
  }
  const { property, since } = NUMBERS[file] ?? {}
  if (property === undefined || since === undefined || target.systemd < since) return undefined
  if (value === 'max') return { properties: [{ name: property, signature: 't', value: NO_LIMIT }] }
  return /^\d{1,15}$/.test(value) ? { properties: [limitOf(property, Number(value))] } : undefined
}

/** `max`, `50000`, `50000 100000` */
function maxProperties(value: string, target: SystemdTarget): Translated<unknown> | undefined {
  const [, quota, period] = /^(max|\d{1,15})(?: (\d{1,15}))?$/.exec(value) ?? []
  if (quota === undefined) return undefined
  return quotaProperties(
    quota === 'max' ? -1 : Number(quota),
    period === undefined ? undefined : Number(period),
    target,
  )
}
