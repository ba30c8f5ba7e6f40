import type { DeviceWrite } from '../../features/devices/device-lines.ts'
import type { DeviceRule } from '../../features/devices/device-rule.ts'

/**
 * Writes of cgroup v1 for the rules that nearly every container has: nothing, but for some devices. Finding them in general
 * (`deviceLinesV1`) takes a third of a millisecond in a program that has just begun.
 * @returns undefined for rules of any other shape
 */
export function plainDeviceWrites(rules: readonly DeviceRule[]): readonly DeviceWrite[] | undefined {
  const [first, ...others] = rules
  if (!first || first.allow || !isEverything(first)) return undefined
  const allowed: DeviceRule[] = []
  const values = new Set<string>()
  for (const rule of others) {
    if (rule.type !== 'b' && rule.type !== 'c') return undefined
    const met = allowed.filter((each) => meets(each, rule))
    // It takes something away from one before it, which the lists of v1 may not be able to say.
    if (!rule.allow && met.length > 0) return undefined
    if (!rule.allow) continue
    // The kernel wants all letters of an access in one entry (match_exception in security/device_cgroup.c), and joins those of equal devices.
    if (met.some((each) => !has(each, rule) && !has(rule, each))) return undefined
    allowed.push(rule)
    values.add(valueOf(rule))
  }
  return [
    { file: 'devices.deny', value: 'a' },
    ...[...values].map((value) => ({ file: 'devices.allow', value }) as const),
  ]
}

const ANY = -1

const isEverything = ({ type = 'a', access = 'rwm' }: DeviceRule): boolean =>
  type === 'a' && access.includes('r') && access.includes('w') && access.includes('m')

const meets = (a: DeviceRule, b: DeviceRule): boolean =>
  a.type === b.type && overlaps(a.major, b.major) && overlaps(a.minor, b.minor)

const has = ({ access: all = 'rwm' }: DeviceRule, { access: some = 'rwm' }: DeviceRule): boolean =>
  ['r', 'w', 'm'].every((letter) => all.includes(letter) || !some.includes(letter))

const overlaps = (a = ANY, b = ANY): boolean => a === b || a === ANY || b === ANY

const valueOf = ({ type, major = ANY, minor = ANY, access = 'rwm' }: DeviceRule): string =>
  `${type} ${major === ANY ? '*' : major}:${minor === ANY ? '*' : minor} ${access}`
