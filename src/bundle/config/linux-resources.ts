import type { Resources } from '../../features/cgroups/resources.ts'

type Fields = Readonly<Record<string, unknown>>

const DEVICE = { major: true, minor: true } as const
const THROTTLES = [{ ...DEVICE, rate: true }] as const

/** Properties of `linux.resources` in the specification: objects, lists of one shape, `*` for the author's own keys. */
export const RESOURCE_SHAPES = {
  memory: {
    limit: true,
    reservation: true,
    swap: true,
    kernel: true,
    kernelTCP: true,
    swappiness: true,
    disableOOMKiller: true,
    useHierarchy: true,
    checkBeforeUpdate: true,
  },
  cpu: {
    shares: true,
    quota: true,
    burst: true,
    period: true,
    realtimeRuntime: true,
    realtimePeriod: true,
    cpus: true,
    mems: true,
    idle: true,
  },
  pids: { limit: true },
  blockIO: {
    weight: true,
    leafWeight: true,
    weightDevice: [{ ...DEVICE, weight: true, leafWeight: true }],
    throttleReadBpsDevice: THROTTLES,
    throttleWriteBpsDevice: THROTTLES,
    throttleReadIOPSDevice: THROTTLES,
    throttleWriteIOPSDevice: THROTTLES,
  },
  hugepageLimits: [{ pageSize: true, limit: true }],
  network: { classID: true, priorities: [{ name: true, priority: true }] },
  rdma: { '*': { hcaHandles: true, hcaObjects: true } },
  devices: [{ allow: true, type: true, ...DEVICE, access: true }],
  unified: { '*': true },
} as const

/** Fields in which engines write 0 for "not set": dockerd writes `shares` and `weight` of 0 for every container. */
const ZERO_IS_UNSET: Readonly<Record<string, readonly string[]>> = {
  memory: ['limit', 'reservation', 'swap', 'kernel', 'kernelTCP'],
  cpu: ['shares', 'quota', 'period', 'realtimeRuntime', 'realtimePeriod'],
  blockIO: ['weight', 'leafWeight'],
  network: ['classID'],
}
/** The same for lists in the format of cpuset(7). */
const EMPTY_IS_UNSET: Readonly<Record<string, readonly string[]>> = { cpu: ['cpus', 'mems'] }
/** Limits that no machine can reach above 2^53: that is 8 PiB, and the kernel addresses 4 PiB (5-level paging). */
const AMOUNTS: Readonly<Record<string, readonly string[]>> = {
  memory: ['limit', 'reservation', 'swap', 'kernel', 'kernelTCP'],
}
const MOST_SIGNED = 2n ** 63n - 1n
const MOST_UNSIGNED = 2n ** 64n - 1n

/** MIN_SHARES and MAX_SHARES, to which the kernel itself clamps (kernel/sched/core.c). */
export const SHARES = { least: 2, most: 262_144 } as const

/**
 * `linux.resources` as the rest of Carrel reads it: without unknown properties and Carrel's own, without what engines write for
 * "not set", and with numbers only. Values that are wrong stay, for the check to name them.
 * @param strange whether there are unknown properties
 */
export function linuxResources(value: Fields, { strange }: { readonly strange: boolean }): Resources {
  const known = strange ? (pick(value, RESOURCE_SHAPES) as Fields) : value
  const result: Record<string, unknown> = {}
  for (const [group, each] of Object.entries(known)) result[group] = isObject(each) ? normalGroup(group, each) : each
  if (Array.isArray(result['hugepageLimits'])) result['hugepageLimits'] = result['hugepageLimits'].map(normalHugepages)
  return result as Resources
}

function normalGroup(group: string, fields: Fields): Fields {
  const result: Record<string, unknown> = {}
  for (const [key, value] of Object.entries(fields)) {
    if (value === 0 && ZERO_IS_UNSET[group]?.includes(key)) continue
    if (value === '' && EMPTY_IS_UNSET[group]?.includes(key)) continue
    // What -1 is in 64 unsigned bits, the way Go programs write "not set".
    if (group === 'memory' && key === 'swappiness' && value === MOST_UNSIGNED) continue
    if (group === 'cpu' && key === 'shares') result[key] = clampShares(value)
    else if (AMOUNTS[group]?.includes(key) && isHuge(value, MOST_SIGNED)) result[key] = -1
    else result[key] = value
  }
  return result
}

const normalHugepages = (entry: unknown): unknown =>
  isObject(entry) && isHuge(entry['limit'], MOST_UNSIGNED) ? { ...entry, limit: -1 } : entry

const clampShares = (value: unknown): unknown =>
  Number.isSafeInteger(value) && Number(value) > 0
    ? Math.min(Math.max(Number(value), SHARES.least), SHARES.most)
    : value

/** Only integers beyond 2^53 are bigints. */
const isHuge = (value: unknown, most: bigint): boolean => typeof value === 'bigint' && value > 0n && value <= most

function pick(value: unknown, shape: unknown): unknown {
  if (Array.isArray(value) && Array.isArray(shape))
    return value.map((each) => pick(each, (shape as readonly unknown[])[0]))
  if (!isObject(value) || !isObject(shape)) return value
  const picked: Record<string, unknown> = {}
  for (const [key, each] of Object.entries(value)) {
    if (Object.hasOwn(shape, key)) picked[key] = pick(each, shape[key])
    else if (Object.hasOwn(shape, '*')) picked[key] = pick(each, shape['*'])
  }
  return picked
}

export function isObject(value: unknown): value is Fields {
  return typeof value === 'object' && value !== null && !Array.isArray(value)
}
