import { checkDeviceRules } from '../devices/check-rules.ts'
import {
  boolean,
  type Check,
  having,
  listOf,
  mapOf,
  numberList,
  oneOf,
  record,
  refuse,
  text,
  whole,
} from './check-fields.ts'
import type { BlockIoResources, CpuResources, MemoryResources, Resources } from './resources.ts'
import { PLAIN_FILES } from './writes/unified-writes.ts'

const MOST = Number.MAX_SAFE_INTEGER
const UINT32 = 0xffff_ffff
/** Below one page the kernel rounds to a limit of 0, under which nothing can start. */
export const LEAST_MEMORY = 4096
/** PID_MAX_LIMIT on 64-bit machines: pids.max takes no more. */
export const MOST_PIDS = 4_194_304
/** Shortest quota and period, and longest period of CFS bandwidth control, `us` (kernel/sched/core.c) */
const CFS = { least: 1_000, mostPeriod: 1_000_000, mostQuota: 2 ** 44 - 1 } as const
/** `dev_t` inside of the kernel: 12 bits of major, 20 bits of minor (linux/kdev_t.h) */
const DEVICE = { major: whole(0, 0xfff), minor: whole(0, 0xf_ffff) } as const

const bytes = whole(0, MOST, 'unlimited')
const weight = whole(10, 1000)
const throttles = (most: number): Check =>
  listOf(having(['major', 'minor', 'rate'], record({ ...DEVICE, rate: whole(0, most) })))

/** One device's weights: at least one of both, config-linux.md#block-io. */
const weightDevice: Check = (value, path) => {
  having(['major', 'minor'], record({ ...DEVICE, weight, leafWeight: weight }))(value, path)
  requireOne(value, path, ['weight', 'leafWeight'])
}

const rdmaDevice: Check = (value, path) => {
  const most = whole(0, UINT32, 'unlimited')
  record({ hcaHandles: most, hcaObjects: most })(value, path)
  requireOne(value, path, ['hcaHandles', 'hcaObjects'])
}

const RESOURCES = record({
  memory: record({
    limit: whole(LEAST_MEMORY, MOST, 'unlimited'),
    reservation: bytes,
    swap: whole(LEAST_MEMORY, MOST, 'unlimited'),
    kernel: bytes,
    kernelTCP: bytes,
    swappiness: whole(0, 100),
    disableOOMKiller: boolean,
    useHierarchy: boolean,
    checkBeforeUpdate: boolean,
    oomGroup: boolean,
  }),
  cpu: record({
    shares: whole(2, 262_144),
    weight: whole(1, 10_000),
    quota: whole(CFS.least, CFS.mostQuota, 'unlimited'),
    period: whole(CFS.least, CFS.mostPeriod),
    burst: whole(0, CFS.mostQuota),
    realtimeRuntime: whole(0, MOST, 'unlimited'),
    realtimePeriod: whole(1, MOST),
    cpus: numberList('CPU'),
    mems: numberList('memory node'),
    idle: whole(0, 1),
  }),
  pids: having(['limit'], record({ limit: whole(0, MOST_PIDS, 'unlimited') })),
  blockIO: record({
    weight,
    leafWeight: weight,
    weightDevice: listOf(weightDevice),
    throttleReadBpsDevice: throttles(MOST),
    throttleWriteBpsDevice: throttles(MOST),
    // cgroup v1 keeps 32 bits of it (tg_set_conf in block/blk-throttle.c): 2^32 + 1 would be 1.
    throttleReadIOPSDevice: throttles(UINT32),
    throttleWriteIOPSDevice: throttles(UINT32),
  }),
  hugepageLimits: listOf(having(['pageSize', 'limit'], record({ pageSize: checkPageSize, limit: bytes }))),
  network: record({
    classID: whole(0, UINT32),
    priorities: listOf(
      having(
        ['name', 'priority'],
        // IFNAMSIZ is 16 with the NUL; the kernel's own rule is dev_valid_name().
        record({
          name: text(/^(?!\.{1,2}$)[^\s/:]{1,15}$/, 'the name of a network interface'),
          priority: whole(0, UINT32),
        }),
      ),
    ),
  }),
  rdma: mapOf(text(/^[A-Za-z0-9_.-]{1,63}$/, 'the name of an RDMA device'), rdmaDevice),
  devices: (value, path) => void checkDeviceRules(value, path),
  unified: mapOf(checkUnifiedName, text(/^[^\0]*[^\0\n][^\0]*$/, 'text without NUL')),
  freezer: oneOf('frozen', 'thawed'),
})

/**
 * Checks resources that come from a caller: every key, every range, and what does not go together.
 * @param live whether they change a live group, in which what is left out has a value already
 * @throws InvalidInputError naming the path, `memory.limit`
 */
export function checkResources(resources: Resources, { live = false }: { readonly live?: boolean } = {}): void {
  RESOURCES(resources, '')
  const { memory, cpu, blockIO, hugepageLimits = [] } = resources
  if (memory) checkMemory(memory, live)
  if (cpu) checkCpu(cpu)
  if (blockIO) checkDistinct(blockIO)
  const sizes = hugepageLimits.map(({ pageSize }) => pageSize)
  sizes.forEach((size, index) => {
    if (sizes.indexOf(size) !== index) refuse(`hugepageLimits[${index}].pageSize`, `is ${size} for the second time`)
  })
}

function checkMemory({ limit, swap }: MemoryResources, live: boolean): void {
  if (swap === undefined || swap === -1) return
  const together = 'because it counts memory and swap together'
  if (limit === undefined && !live) refuse('memory.swap', `needs memory.limit, ${together}: give both`)
  if (limit === -1) refuse('memory.swap', `must be -1 when memory.limit is, ${together}, not ${swap}`)
  if (limit !== undefined && swap < limit) {
    refuse('memory.swap', `must not be below memory.limit, ${together}: ${swap} is less than ${limit}`)
  }
}

function checkCpu(cpu: CpuResources): void {
  const { shares, quota, burst, realtimeRuntime, realtimePeriod, idle } = cpu
  if (shares !== undefined && cpu.weight !== undefined) refuse('cpu.weight', 'says the same as cpu.shares: give one')
  if (idle === 1 && (shares !== undefined || cpu.weight !== undefined)) {
    refuse(
      'cpu.idle',
      `gives the least weight of all, so cpu.${shares === undefined ? 'weight' : 'shares'} cannot be too`,
    )
  }
  if (quota !== undefined && quota !== -1 && burst !== undefined) {
    if (burst > quota) refuse('cpu.burst', `must not be above cpu.quota: ${burst} is more than ${quota}`)
    if (burst + quota > CFS.mostQuota) refuse('cpu.burst', `must be at most ${CFS.mostQuota} together with cpu.quota`)
  }
  if (realtimeRuntime !== undefined && realtimePeriod !== undefined && realtimeRuntime > realtimePeriod) {
    refuse(
      'cpu.realtimeRuntime',
      `must not be above cpu.realtimePeriod: ${realtimeRuntime} is more than ${realtimePeriod}`,
    )
  }
}

/** A second rule for the same device would silently replace the first. */
function checkDistinct(blockIO: BlockIoResources): void {
  const lists = [
    'weightDevice',
    'throttleReadBpsDevice',
    'throttleWriteBpsDevice',
    'throttleReadIOPSDevice',
    'throttleWriteIOPSDevice',
  ] as const
  for (const key of lists) {
    const devices = (blockIO[key] ?? []).map(({ major, minor }) => `${major}:${minor}`)
    devices.forEach((device, index) => {
      if (devices.indexOf(device) !== index)
        refuse(`blockIO.${key}[${index}]`, `is about ${device} for the second time`)
    })
  }
}

function requireOne(value: unknown, path: string, keys: readonly [string, string]): void {
  const given = value as Readonly<Record<string, unknown>>
  if (keys.every((key) => given[key] === undefined)) refuse(path, `must have ${keys.join(' or ')}`)
}

/** The kernel names sizes as powers of two in the largest unit that fits: 64KB, 2MB, 1GB. */
function checkPageSize(value: unknown, path: string): void {
  text(/^[1-9]\d{0,3}[KMG]B$/, 'a size of huge pages like 2MB')(value, path)
  const count = Number.parseInt(String(value), 10)
  if (!Number.isInteger(Math.log2(count)) || count >= 1024) {
    refuse(path, `must be a power of two below 1024 and KB, MB or GB, not "${String(value)}": write it like 2MB`)
  }
}

/** Files of the v2 tree that decide about places and life are the runtime's own. */
function checkUnifiedName(value: unknown, path: string): void {
  text(/^[a-z][a-z0-9_]*(?:\.[A-Za-z0-9_]+)+$/, 'named like a file of cgroup v2, memory.high')(value, path)
  if (String(value).startsWith('cgroup.') && !PLAIN_FILES.includes(String(value))) {
    const instead = value === 'cgroup.freeze' ? 'use freezer' : `of these only ${PLAIN_FILES.join(', ')} may be written`
    refuse(path, `decides where processes are and whether they run, which is not a limit: ${instead}`)
  }
}
