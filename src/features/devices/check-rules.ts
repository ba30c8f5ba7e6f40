import { InvalidInputError } from '../../base/errors.ts'
import { describeValue } from '../../linux/show-value.ts'
import { didYouMean } from '../../linux/nearest.ts'
import type { DeviceRule } from './device-rule.ts'

const KEYS = ['allow', 'type', 'major', 'minor', 'access'] as const
const TYPES: readonly unknown[] = ['a', 'b', 'c']
/** `dev_t` inside of the kernel: 12 bits of major, 20 bits of minor (linux/kdev_t.h) */
const MOST = { major: 0xfff, minor: 0xf_ffff } as const

function refuse(field: string, rule: string): never {
  throw new InvalidInputError(`${field} ${rule}`, { field })
}

function checkNumber(value: unknown, part: 'major' | 'minor', where: string): void {
  const number = value === undefined || (Number.isInteger(value) && Number(value) >= -1 && Number(value) <= MOST[part])
  if (!number) {
    refuse(where, `must be a ${part} number from 0 to ${MOST[part]}, or -1 for all, not ${describeValue(value)}`)
  }
}

function checkAccess(value: unknown, where: string): void {
  if (value === undefined) return
  if (typeof value !== 'string' || !/^[rwm]{1,3}$/.test(value) || new Set(value).size !== value.length) {
    refuse(where, `must be one to three of the letters r, w and m, each once, not ${describeValue(value)}`)
  }
}

function checkRule(value: unknown, where: string): DeviceRule {
  if (typeof value !== 'object' || value === null || Array.isArray(value)) {
    refuse(where, `must be an object with "allow", not ${describeValue(value)}`)
  }
  const rule = value as Readonly<Record<string, unknown>>
  const stranger = Object.keys(rule).find((key) => !KEYS.some((known) => known === key))
  if (stranger !== undefined) refuse(`${where}.${stranger}`, `is no part of a device rule${didYouMean(stranger, KEYS)}`)
  if (typeof rule['allow'] !== 'boolean') {
    refuse(`${where}.allow`, `must be true or false, not ${describeValue(rule['allow'])}`)
  }
  const type = rule['type'] ?? 'a'
  if (!TYPES.includes(type)) refuse(`${where}.type`, `must be a, b or c, not ${describeValue(type)}`)
  for (const part of ['major', 'minor'] as const) {
    checkNumber(rule[part], part, `${where}.${part}`)
    // cgroup v1 reads `a 1:3 r` as everything (devcgroup_update_access): a rule must not mean more than it says.
    if (type === 'a' && Number(rule[part] ?? -1) >= 0) {
      refuse(`${where}.${part}`, 'must be absent in a rule of type a, which means every number: say type b or c')
    }
  }
  checkAccess(rule['access'], `${where}.access`)
  return value as DeviceRule
}

/**
 * Checks a list of device rules that comes from a caller.
 * @throws InvalidInputError naming the part of the rule, `devices[3].access`
 */
export function checkDeviceRules(value: unknown, field = 'devices'): readonly DeviceRule[] {
  if (!Array.isArray(value)) refuse(field, `must be a list of device rules, not ${describeValue(value)}`)
  return (value as readonly unknown[]).map((rule, index) => checkRule(rule, `${field}[${index}]`))
}
