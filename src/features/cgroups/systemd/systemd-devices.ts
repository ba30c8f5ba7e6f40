import { UnsupportedError } from '../../../base/errors.ts'
import { type DeviceException, type DeviceList, deviceListV1 } from '../../devices/device-list.ts'
import { ANY, lettersOf } from '../../devices/device-pattern.ts'
import type { DeviceRule } from '../../devices/device-rule.ts'
import type { SystemdTarget, Translated, UnitProperty } from './systemd-property.ts'

/** Devices whose nodes often do not exist on the host, so that systemd, which looks for them, may leave them out: pseudo terminals and tun */
const BY_HAND: readonly (readonly [number, number])[] = [
  [136, ANY],
  [10, 200],
]

/**
 * Device rules as `DevicePolicy=strict` and a list, where they come down to one: systemd knows only what is allowed. Other rules are
 * for files or a program of our own, and systemd must leave the group open for them.
 */
export function deviceProperties(
  rules: readonly DeviceRule[],
  { version }: SystemdTarget,
): Translated<readonly DeviceRule[]> {
  const list = listOf(rules)
  if (!list || (list.otherwise === 'allow' && list.exceptions.length > 0)) return { properties: OPEN, byHand: rules }
  if (list.otherwise === 'allow') return { properties: OPEN }
  const entries = list.exceptions.map(entryOf)
  // A major number for each minor is only said by `*`, which would allow more than the rule does.
  if (entries.some((entry) => entry === undefined)) return { properties: OPEN, byHand: rules }
  const allowed = entries.filter((entry) => entry !== undefined)
  const properties: UnitProperty[] = [
    { name: 'DevicePolicy', signature: 's', value: 'strict' },
    // systemd adds to what a unit has: the empty list takes that away (systemd.resource-control(5)).
    NO_DEVICES,
    { name: 'DeviceAllow', signature: 'a(ss)', value: allowed },
  ]
  const files = version === 1 && list.exceptions.some(isByHand)
  return files ? { properties, byHand: rules } : { properties }
}

const NO_DEVICES: UnitProperty = { name: 'DeviceAllow', signature: 'a(ss)', value: [] }

const OPEN: readonly UnitProperty[] = [{ name: 'DevicePolicy', signature: 's', value: 'auto' }, NO_DEVICES]

/** Undefined for rules that need more than one default and its exceptions. */
function listOf(rules: readonly DeviceRule[]): DeviceList | undefined {
  try {
    return deviceListV1(rules)
  } catch (error) {
    if (error instanceof UnsupportedError) return undefined
    throw error
  }
}

/** `/dev/char/1:3` is taken by its numbers, no node needed; a class of devices is named by its major number. */
function entryOf({ kind, major, minor, access }: DeviceException): readonly [string, string] | undefined {
  const type = kind === 'c' ? 'char' : 'block'
  if (major === ANY) return minor === ANY ? [`${type}-*`, lettersOf(access)] : undefined
  return [minor === ANY ? `${type}-${major}` : `/dev/${type}/${major}:${minor}`, lettersOf(access)]
}

const isByHand = (exception: DeviceException): boolean =>
  exception.kind === 'c' && BY_HAND.some(([major, minor]) => exception.major === major && exception.minor === minor)
