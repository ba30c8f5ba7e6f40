import type { Linux } from '../../bundle/spec.ts'
import type { Resources } from '../../features/cgroups/resources.ts'
import type { ContainerCgroups } from '../container-json/container-config.ts'

/** `linux.resources` without the rules for devices. */
export function ociResources(cgroups: ContainerCgroups): Resources {
  const memory = present({
    limit: cgroups.memory,
    reservation: cgroups.memoryReservation,
    swap: cgroups.memorySwap,
  })
  const cpu = present({
    shares: cgroups.cpuShares,
    quota: cgroups.cpuQuota,
    period: cgroups.cpuPeriod,
    cpus: cgroups.cpusetCpus,
    mems: cgroups.cpusetMems,
  })
  const blockIO = present({ weight: cgroups.blkioWeight })
  return { ...(memory && { memory }), ...(cpu && { cpu }), ...(blockIO && { blockIO }) }
}

/** `linux.cgroupsPath`: `slice:parent:name` for systemd, else a path (`bundle/cgroups`). */
export function ociCgroupsPath({ name, parent, slice }: ContainerCgroups): string | undefined {
  if (name === undefined) return undefined
  if (slice !== undefined) return `${slice}:${parent ?? ''}:${name}`
  if (parent === undefined) return name
  return parent === '/' ? `/${name}` : `${parent}/${name}`
}

/** Both in the words of container.json. */
export function cgroupsDocument({ resources = {}, cgroupsPath }: Pick<Linux, 'resources' | 'cgroupsPath'>): object {
  const { memory, cpu, blockIO } = resources
  return {
    ...placeDocument(cgroupsPath),
    memory: memory?.limit === -1 ? undefined : memory?.limit,
    memory_reservation: memory?.reservation,
    // Without a word about it the runtime leaves swap alone; 2014's program did not.
    memory_swap: memory?.swap ?? (memory?.limit === undefined ? undefined : -1),
    cpu_shares: cpu?.shares,
    cpu_quota: cpu?.quota,
    cpu_period: cpu?.period,
    cpuset_cpus: cpu?.cpus,
    cpuset_mems: cpu?.mems,
    blkio_weight: blockIO?.weight,
  }
}

function placeDocument(path: string | undefined): object {
  if (path === undefined || path === '') return {}
  const scope = /^(?<slice>[^/:]*):(?<parent>[^/:]*):(?<name>[^/:]+)$/.exec(path)?.groups
  if (scope) return { ...scope, slice: scope['slice'] || 'system.slice' }
  const slash = path.lastIndexOf('/')
  if (slash < 0) return { name: path }
  return { name: path.slice(slash + 1), parent: path.slice(0, slash) || '/' }
}

/** Only what is there; undefined when nothing is. */
function present<T extends Readonly<Record<string, unknown>>>(
  values: T,
): { [K in keyof T]?: Exclude<T[K], undefined> } | undefined {
  const entries = Object.entries(values).filter(([, value]) => value !== undefined)
  return entries.length === 0 ? undefined : (Object.fromEntries(entries) as never)
}
