import type { Device } from '../../bundle/spec.ts'
import type { DeviceRule } from '../../features/devices/device-rule.ts'
import type { ContainerCgroups, ContainerConfig, DeviceAccess } from '../container-json/container-config.ts'

const ALL: readonly DeviceRule[] = [{ allow: true, access: 'rwm' }]
/** The runtime adds the harmless devices; it would add the making of every node too, were that not taken away by name. */
const NONE: readonly DeviceRule[] = [
  { allow: false, access: 'rwm' },
  { allow: false, type: 'c', access: 'm' },
  { allow: false, type: 'b', access: 'm' },
]

export const ociDevices = ({ deviceNodes }: ContainerConfig): readonly Device[] => deviceNodes

/** `linux.resources.devices`: what is allowed by name, and the making of the container's own nodes. */
export function deviceRules({ cgroups, deviceNodes }: ContainerConfig): readonly DeviceRule[] {
  if (cgroups.allowAllDevices) return ALL
  return [...NONE, ...deviceNodes.map(makingRule), ...cgroups.allowedDevices.map(accessRule)]
}

const makingRule = ({ type, major, minor }: Pick<Device, 'type' | 'major' | 'minor'>): DeviceRule => ({
  allow: true,
  type: type === 'b' ? 'b' : 'c',
  ...(major !== undefined && { major }),
  ...(minor !== undefined && { minor }),
  access: 'm',
})

const accessRule = ({ type, major, minor, permissions }: DeviceAccess): DeviceRule => ({
  allow: true,
  type,
  ...(major >= 0 && { major }),
  ...(minor >= 0 && { minor }),
  access: permissions,
})

/** What rules allow, in the words of container.json. */
export function accessDocument(
  rules: readonly DeviceRule[],
  nodes: readonly Device[],
): { readonly [K in keyof ContainerCgroups as 'allow_all_devices' | 'allowed_devices']?: unknown } {
  const allowed = withoutMaking(rules, nodes).filter(({ allow }) => allow)
  const isAll = ({ type = 'a', major = -1, minor = -1 }: DeviceRule): boolean =>
    type === 'a' && major === -1 && minor === -1
  if (allowed.some(isAll)) return { allow_all_devices: true }
  return {
    allowed_devices: allowed.map(({ type, major = -1, minor = -1, access = 'rwm' }) => ({
      type,
      major_number: major,
      minor_number: minor,
      cgroup_permissions: access,
    })),
  }
}

/** Without the rules that are there for nodes: they follow the first three. */
function withoutMaking(rules: readonly DeviceRule[], nodes: readonly Device[]): readonly DeviceRule[] {
  const own = [...NONE, ...nodes.map(makingRule)]
  const isOwn = own.every((rule, index) => isSame(rule, rules[index]))
  return isOwn ? rules.slice(own.length) : rules
}

const isSame = (a: DeviceRule, b: DeviceRule | undefined): boolean =>
  b !== undefined &&
  (['allow', 'type', 'major', 'minor', 'access'] as const).every((key) => (a[key] ?? null) === (b[key] ?? null))

/** Nodes in the words of container.json. */
export const nodeDocument = ({ type, path, major, minor, fileMode = 0o666, uid = 0, gid = 0 }: Device): object => ({
  type,
  path,
  major_number: major,
  minor_number: minor,
  file_mode: fileMode & 0o777,
  uid,
  gid,
})
