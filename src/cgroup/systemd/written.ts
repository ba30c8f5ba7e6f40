import { UnsupportedError } from '../../base/errors.ts'
import type { GroupPlace } from '../../features/cgroups/group-place.ts'
import { NO_LIMIT, type UnitProperty } from '../../features/cgroups/systemd/systemd-property.ts'
import type { HostSource } from '../../host/source.ts'

/** Files of v2, and of v1, that systemd writes for a property: it tries all that are there. */
const FILES: Readonly<Record<string, readonly string[]>> = {
  MemoryMax: ['memory.max'],
  MemoryHigh: ['memory.high'],
  MemoryLow: ['memory.low'],
  MemoryMin: ['memory.min'],
  MemorySwapMax: ['memory.swap.max'],
  MemoryLimit: ['memory.limit_in_bytes'],
  TasksMax: ['pids.max'],
  CPUWeight: ['cpu.weight'],
  CPUShares: ['cpu.shares'],
  CPUQuotaPerSecUSec: ['cpu.max', 'cpu.cfs_quota_us'],
  AllowedCPUs: ['cpuset.cpus'],
  AllowedMemoryNodes: ['cpuset.mems'],
  IOWeight: ['io.weight', 'io.bfq.weight'],
  IODeviceWeight: ['io.weight', 'io.bfq.weight'],
  IOReadBandwidthMax: ['io.max'],
  IOWriteBandwidthMax: ['io.max'],
  IOReadIOPSMax: ['io.max'],
  IOWriteIOPSMax: ['io.max'],
  BlockIOWeight: ['blkio.weight', 'blkio.bfq.weight'],
  BlockIODeviceWeight: ['blkio.weight_device', 'blkio.bfq.weight_device'],
  BlockIOReadBandwidth: ['blkio.throttle.read_bps_device'],
  BlockIOWriteBandwidth: ['blkio.throttle.write_bps_device'],
}

/** The kernel rounds bytes down to pages, of 64 KiB at most. */
const LARGEST_PAGE = 65_536n

/** Whether the kernel has what systemd was told; true for a property that is in no file. */
export function isWritten(
  source: Pick<HostSource, 'text'>,
  property: UnitProperty,
  places: readonly GroupPlace[],
): boolean {
  const files = FILES[property.name]
  if (!files) return true
  const texts = places.flatMap(({ directory }) => files.map((file) => source.text(`${directory}/${file}`)))
  return texts.some((text) => text !== undefined && holds(text, property))
}

function holds(text: string, { name, value }: UnitProperty): boolean {
  if (value === NO_LIMIT) return true
  if (name === 'CPUQuotaPerSecUSec') return /^\d/.test(text)
  if (name.startsWith('Allowed')) return text.trim() !== ''
  // Per device, or the weights of BFQ, which systemd converts: that the kernel knows it is what can be seen.
  if (Array.isArray(value)) return (value as readonly [string, bigint][]).every((each) => hasDevice(text, each))
  if (typeof value !== 'bigint' || /^(?:Block)?IO/.test(name) || value === 0n) return true
  const [, number] = /^(\d+)/.exec(text) ?? []
  if (number === undefined) return false
  const less = value - BigInt(number)
  return name.startsWith('Memory') ? less >= 0n && less < LARGEST_PAGE : less === 0n
}

const hasDevice = (text: string, [path, rate]: readonly [string, bigint]): boolean =>
  rate === NO_LIMIT || text.split('\n').some((line) => line.startsWith(`${path.replace('/dev/block/', '')} `))

/** What to say when it has not. */
export const notEnforced = (unit: string, name: string): UnsupportedError =>
  new UnsupportedError(`systemd has ${name} of ${unit}, and the kernel has it not`, {
    fact: 'systemd.enforced',
    remedy:
      `read in journalctl -u ${unit} why the write failed (${FILES[name]?.join(' or ')}), and leave the limit out where no ` +
      'such file or device is there; the processes are in the scope, and end it by ending',
  })
