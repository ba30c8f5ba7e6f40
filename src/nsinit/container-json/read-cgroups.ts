import { checkChoice, refuse } from '../../bundle/config/fields.ts'
import { isCpuList } from '../../features/cgroups/cpu-list.ts'
import { isKernelFile } from '../../features/cgroups/group-name.ts'
import type { ContainerCgroups } from './container-config.ts'
import { readAllowedDevices } from './read-devices.ts'
import { flagOf, onlyOne, pointerOf, type Section, section, textOf, wholeOf } from './section.ts'

const CGROUPS = [
  'name',
  'parent',
  'slice',
  'device_access',
  'allow_all_devices',
  'allowed_devices',
  'memory',
  'memory_reservation',
  'memory_swap',
  'cpu_shares',
  'cpu_quota',
  'cpu_period',
  'cpuset_cpus',
  'cpuset_mems',
  'blkio_weight',
  'freezer',
] as const
/** 8 PiB, more than the kernel addresses (5-level paging) */
const MOST_BYTES = 2 ** 53 - 1
/** What the kernel clamps shares to (kernel/sched/core.c), and takes as period and as least quota */
const SHARES = [2, 262_144] as const
const PERIOD = [1000, 1_000_000] as const
const LEAST_QUOTA = 1000
const WEIGHT = [10, 1000] as const

/** `cgroups`. @throws InvalidInputError */
export function readCgroups(value: unknown, at: string): ContainerCgroups {
  const from = section(value, at, CGROUPS)
  return { ...readPlace(from), ...readAccess(from), ...readMemory(from), ...readCpu(from), ...readFreezer(from) }
}

function readPlace(from: Section): Pick<ContainerCgroups, 'name' | 'parent' | 'slice'> {
  const [name, parent, slice] = ['name', 'parent', 'slice'].map((key) => textOf(from, key))
  if (name === undefined) {
    const other = parent === undefined ? 'slice' : 'parent'
    if (parent ?? slice) refuse(pointerOf(from, 'name'), `is missing: ${other} alone names no group of the container’s`)
    return {}
  }
  checkGroupName(name, pointerOf(from, 'name'))
  if (slice !== undefined) return { name, ...readScope(from, slice, parent) }
  if (parent === undefined) return { name }
  const parts = parent.split('/').filter((part) => part !== '')
  for (const part of parts) checkGroupName(part, pointerOf(from, 'parent'))
  const path = `${parent.startsWith('/') ? '/' : ''}${parts.join('/')}`
  return { name, parent: path }
}

/** A colon is what /proc/PID/cgroup separates by (cgroups(7)). */
function checkGroupName(name: string, at: string): void {
  if (isKernelFile(name)) {
    refuse(
      at,
      `must not look like a file that the kernel has in every group, as ${JSON.stringify(name)} does: choose another`,
    )
  }
  // eslint-disable-next-line no-control-regex -- control characters are what is looked for
  if (name !== '.' && name !== '..' && /^[^/:\u0000-\u001f\u007f]{1,85}$/u.test(name)) return
  refuse(at, `must be the name of a group, at most 85 letters without "/" and ":", not ${JSON.stringify(name)}`)
}

function readScope(
  from: Section,
  slice: string,
  parent: string | undefined,
): Pick<ContainerCgroups, 'parent' | 'slice'> {
  const at = pointerOf(from, 'slice')
  if (!/^[\w.@\\-]+\.slice$/.test(slice)) {
    refuse(at, `must be a slice of systemd, not ${JSON.stringify(slice)}: write it like system.slice`)
  }
  if (parent?.includes('/')) {
    refuse(pointerOf(from, 'parent'), 'begins the name of a scope where a slice is given: take "/" out of it')
  }
  if (parent === undefined) return { slice }
  checkGroupName(parent, pointerOf(from, 'parent'))
  return { slice, parent }
}

function readAccess(from: Section): Pick<ContainerCgroups, 'allowAllDevices' | 'allowedDevices'> {
  const allowAllDevices =
    onlyOne(
      [pointerOf(from, 'device_access'), flagOf(from, 'device_access')],
      [pointerOf(from, 'allow_all_devices'), flagOf(from, 'allow_all_devices')],
    ) ?? false
  const allowedDevices = readAllowedDevices(from)
  if (allowAllDevices && allowedDevices.length > 0) {
    refuse(pointerOf(from, 'allowed_devices'), 'says nothing beside allow_all_devices: keep one')
  }
  return { allowAllDevices, allowedDevices }
}

function readMemory(from: Section): Partial<ContainerCgroups> {
  const memory = wholeOf(from, 'memory', 1, MOST_BYTES)
  const memoryReservation = wholeOf(from, 'memory_reservation', 1, MOST_BYTES)
  const given = wholeOf(from, 'memory_swap', -1, MOST_BYTES)
  const at = pointerOf(from, 'memory_swap')
  if (given !== undefined && given !== -1) {
    if (memory === undefined) refuse(at, 'limits memory and swap together: give memory too')
    if (given < memory!) refuse(at, `must be at least memory, which it covers: make it ${memory}, which leaves no swap`)
  }
  const memorySwap = given ?? (memory && Math.min(2 * memory, MOST_BYTES))
  return {
    ...(memory !== undefined && { memory }),
    ...(memoryReservation !== undefined && { memoryReservation }),
    ...(memorySwap !== undefined && { memorySwap }),
  }
}

function readCpu(from: Section): Partial<ContainerCgroups> {
  const numbers = {
    cpuShares: wholeOf(from, 'cpu_shares', ...SHARES),
    cpuQuota: wholeOf(from, 'cpu_quota', -1, MOST_BYTES),
    cpuPeriod: wholeOf(from, 'cpu_period', ...PERIOD),
    cpusetCpus: cpuList(from, 'cpuset_cpus'),
    cpusetMems: cpuList(from, 'cpuset_mems'),
    blkioWeight: wholeOf(from, 'blkio_weight', ...WEIGHT),
  }
  if (numbers.cpuQuota !== undefined && numbers.cpuQuota !== -1 && numbers.cpuQuota < LEAST_QUOTA) {
    refuse(pointerOf(from, 'cpu_quota'), `must be -1 or at least ${LEAST_QUOTA} us, not ${numbers.cpuQuota}`)
  }
  return Object.fromEntries(Object.entries(numbers).filter(([, value]) => value !== undefined))
}

function cpuList(from: Section, key: string): string | undefined {
  const list = textOf(from, key)
  if (list === undefined || isCpuList(list)) return list
  return refuse(
    pointerOf(from, key),
    `must be a list of numbers (cpuset(7)), not ${JSON.stringify(list)}: write it like 0-1,3`,
  )
}

function readFreezer(from: Section): Pick<ContainerCgroups, 'freezer'> {
  const freezer = textOf(from, 'freezer')
  checkChoice(freezer, pointerOf(from, 'freezer'), ['FROZEN', 'THAWED'])
  return { freezer: freezer === 'FROZEN' ? 'FROZEN' : 'THAWED' }
}
