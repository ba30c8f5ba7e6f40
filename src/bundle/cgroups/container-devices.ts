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
  if (isOpen) return []
  return [...rules, ...(rules.some(forbidsMaking) ? ALLOWED.filter((rule) => !isMaking(rule)) : ALLOWED)]
}

const ALLOWED = OCI_DEFAULT_DEVICE_RULES.filter(({ allow }) => allow)

/** A rule about mknod(2) of every node of a kind, and nothing else. */
const isMaking = ({ type, major = -1, minor = -1, access }: DeviceRule): boolean =>
  (type === 'c' || type === 'b') && major === -1 && minor === -1 && access === 'm'

/** The specification demands no such right: whoever takes it away by name does not get it back. */
const forbidsMaking = (rule: DeviceRule): boolean => !rule.allow && isMaking(rule)

/** -1 is what Go's structures have for every number. */
function isEverything({ type = 'a', major = -1, minor = -1, access = 'rwm' }: DeviceRule): boolean {
  return type === 'a' && major === -1 && minor === -1 && ['r', 'w', 'm'].every((letter) => access.includes(letter))
}
