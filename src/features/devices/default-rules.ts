import type { DeviceRule } from './device-rule.ts'

/** Numbers are those of Documentation/admin-guide/devices.txt. */
const node = (major: number, minor: number): DeviceRule => ({ allow: true, type: 'c', major, minor, access: 'rwm' })
const all = (major: number): DeviceRule => ({ allow: true, type: 'c', major, access: 'rwm' })

const DENY_ALL: DeviceRule = { allow: false, type: 'a', access: 'rwm' }
const MAKE_NODES: readonly DeviceRule[] = [
  { allow: true, type: 'c', access: 'm' },
  { allow: true, type: 'b', access: 'm' },
]

const NULL = node(1, 3)
const ZERO = node(1, 5)
const FULL = node(1, 7)
const RANDOM = node(1, 8)
const URANDOM = node(1, 9)
const TTY0 = node(4, 0)
const TTY1 = node(4, 1)
const TTY = node(5, 0)
const CONSOLE = node(5, 1)
const PTMX = node(5, 2)
const TUN = node(10, 200)
/** Unix98 terminals have eight majors, 136 to 143, of which the kernel uses the first for all that fit its 2^20 minors */
const PTS = all(136)

/** Everything is denied but: to make any node, and to use the harmless ones, the terminals and `/dev/net/tun`. */
export const DEFAULT_DEVICE_RULES: readonly DeviceRule[] = [
  DENY_ALL,
  ...MAKE_NODES,
  ...[NULL, ZERO, FULL, RANDOM, URANDOM],
  ...[TTY, CONSOLE, TTY0, TTY1, PTS, PTMX, TUN],
]

/** What the OCI runtime specification demands of every container (config-linux.md, "Default Devices"), and to make any node. */
export const OCI_DEFAULT_DEVICE_RULES: readonly DeviceRule[] = [
  DENY_ALL,
  ...MAKE_NODES,
  ...[NULL, ZERO, FULL, RANDOM, URANDOM],
  ...[TTY, CONSOLE, PTS, PTMX],
]
