import { OCI_DEFAULT_DEVICE_RULES } from '../../features/devices/default-rules.ts'
import type { DeviceRule } from '../../features/devices/device-rule.ts'

/**
 * Rules of a container: those that it was given, then what the specification has every container use ("Default Devices"), which no
 * rule before takes away. Without any rule only the latter may be used: a container that says nothing of devices does not get the host's.
 * None at all where everything is allowed, as engines have it for privileged containers.
 */
export function containerDevices(rules: readonly DeviceRule[] | undefined): readonly DeviceRule[] {
  if (!rules) return OCI_DEFAULT_DEVICE_RULES
  const last = rules.findLastIndex(isEverything)
  const isOpen = rules[last]?.allow === true && rules.slice(last).every(({ allow }) => allow)
  return isOpen ? [] : [...rules, ...ALLOWED]
}

const ALLOWED = OCI_DEFAULT_DEVICE_RULES.filter(({ allow }) => allow)

/** -1 is what Go's structures have for every number. */
function isEverything({ type = 'a', major = -1, minor = -1, access = 'rwm' }: DeviceRule): boolean {
  return type === 'a' && major === -1 && minor === -1 && ['r', 'w', 'm'].every((letter) => access.includes(letter))
}
