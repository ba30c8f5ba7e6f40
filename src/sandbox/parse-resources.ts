import { InvalidInputError } from '../base/errors.ts'
import { checkResources, LEAST_MEMORY, MOST_PIDS } from '../features/cgroups/check-resources.ts'
import { quotaOf } from '../features/cgroups/writes/cpu-weight.ts'
import type { Resources } from '../features/cgroups/resources.ts'
import { parseBytes, parseCpus } from '../features/limits/parse-size.ts'
import { describeValue } from '../linux/show-value.ts'
import type { ResourceOptions } from './options.ts'

const DEFAULTS = { memory: '1G', pids: 512 } as const

/** What a sandbox may use, and which of it nobody asked for. */
export interface ParsedResources {
  readonly resources: Resources
  /** Limits that are only defaults, by the names of `NotApplied.limit`: where they cannot be had, the sandbox is made without them */
  readonly unasked: readonly string[]
}

/** Options and what they stand for in `resources`: the same may not be said twice. */
const TWICE: readonly (readonly [keyof ResourceOptions, section: 'memory' | 'cpu' | 'pids', key: string])[] = [
  ['memory', 'memory', 'limit'],
  ['memorySwap', 'memory', 'swap'],
  ['pids', 'pids', 'limit'],
  ['cpus', 'cpu', 'quota'],
  ['cpus', 'cpu', 'period'],
  ['cpuWeight', 'cpu', 'weight'],
  ['cpuWeight', 'cpu', 'shares'],
  ['cpuset', 'cpu', 'cpus'],
]

/**
 * The options of a sandbox as resources, every default filled in.
 * @throws InvalidInputError naming the option
 */
export function parseResources(options: ResourceOptions): ParsedResources {
  const raw = rawResources(options)
  const asked = askedFor(options)
  const memory = memoryOf(options, raw)
  const resources: Resources = {
    ...raw,
    memory: { ...raw.memory, ...memory },
    pids: raw.pids ?? asked.pids ?? { limit: DEFAULTS.pids },
    ...(raw.cpu || asked.cpu ? { cpu: { ...raw.cpu, ...asked.cpu } } : {}),
  }
  checkResources(resources)
  const [noMemory, noPids] = [options.memory === undefined && raw.memory?.limit === undefined, !raw.pids && !asked.pids]
  return {
    resources,
    unasked: [
      ...(noMemory ? ['memory'] : []),
      // Not counted here: what the limit of memory keeps out may go to swap, as on every host without swap accounting.
      ...(options.memorySwap === undefined && raw.memory?.swap === undefined ? ['memorySwap'] : []),
      ...(noPids ? ['pids'] : []),
    ],
  }
}

/** What changes of a live sandbox: only what is named. @throws InvalidInputError naming the option */
export function parseUpdate(options: ResourceOptions): Resources {
  const raw = rawResources(options, { live: true })
  const { pids, cpu } = askedFor(options)
  const memory = changedMemory(options, raw)
  const resources: Resources = {
    ...raw,
    ...(raw.memory || Object.keys(memory).length ? { memory: { ...raw.memory, ...memory } } : {}),
    ...(pids ? { pids } : {}),
    ...(raw.cpu || cpu ? { cpu: { ...raw.cpu, ...cpu } } : {}),
  }
  if (Object.keys(resources).length === 0) {
    throw new InvalidInputError('Update names nothing to change: give memory, pids, cpus or another limit', {
      field: 'resources',
    })
  }
  checkResources(resources, { live: true })
  return resources
}

function rawResources(options: ResourceOptions, how: { readonly live?: boolean } = {}): Resources {
  const { resources = {} } = options
  checkResources(resources, how)
  const twice = TWICE.find(
    ([option, section, key]) =>
      options[option] !== undefined && (resources[section] as Record<string, unknown> | undefined)?.[key] !== undefined,
  )
  if (!twice) return resources
  const [option, section, key] = twice
  throw new InvalidInputError(`${option} and resources.${section}.${key} say the same: leave one of them out`, {
    field: option,
  })
}

/** The options that stand for themselves. */
function askedFor({ pids, cpus, cpuWeight, cpuset }: ResourceOptions): Pick<Resources, 'pids' | 'cpu'> {
  const cpu = {
    ...(cpus === undefined ? {} : isUnlimited(cpus) ? { quota: -1 } : quotaOf(parseCpus(cpus, 'cpus'))),
    ...(cpuWeight === undefined ? {} : { weight: cpuWeight }),
    ...(cpuset === undefined ? {} : { cpus: cpuset }),
  }
  return {
    ...(pids === undefined ? {} : { pids: { limit: parsePids(pids) } }),
    ...(Object.keys(cpu).length ? { cpu } : {}),
  }
}

/** Without swap unless it is asked for: what does not fit into memory would go there. */
function memoryOf({ memory, memorySwap }: ResourceOptions, raw: Resources): NonNullable<Resources['memory']> {
  const limit = raw.memory?.limit ?? parseMemory(memory ?? DEFAULTS.memory)
  if (raw.memory?.swap !== undefined) return { limit }
  if (memorySwap === undefined) return { limit, swap: limit }
  return { limit, swap: parseSwap(memorySwap, limit) }
}

/** What is not named stays: only the group knows the other half. */
function changedMemory({ memory, memorySwap }: ResourceOptions, raw: Resources): NonNullable<Resources['memory']> {
  const limit = memory === undefined ? raw.memory?.limit : parseMemory(memory)
  return {
    ...(limit === undefined ? {} : { limit }),
    ...(memorySwap === undefined ? {} : { swap: parseSwap(memorySwap, limit) }),
  }
}

/** How no limit is written: -1 by runtimes, `max` by the kernel. */
const isUnlimited = (value: unknown): boolean =>
  value === -1 || value === '-1' || value === 'max' || value === 'unlimited'

function parseMemory(memory: number | string): number {
  if (isUnlimited(memory)) return -1
  const limit = parseBytes(memory, 'memory')
  if (limit >= LEAST_MEMORY) return limit
  throw new InvalidInputError(
    `memory is ${JSON.stringify(memory)}: at least a page, ${LEAST_MEMORY} bytes, is wanted`,
    { field: 'memory' },
  )
}

function parseSwap(memorySwap: number | string, limit = 0): number {
  if (isUnlimited(memorySwap)) return -1
  const swap = parseBytes(memorySwap, 'memorySwap')
  if (limit === -1) {
    const message = `memorySwap is ${JSON.stringify(memorySwap)}: it counts memory too, which is not limited, so only max is possible`
    throw new InvalidInputError(message, { field: 'memorySwap' })
  }
  if (swap >= Math.max(limit, LEAST_MEMORY)) return swap
  const least = limit > 0 ? `the ${limit} bytes of memory` : `a page, ${LEAST_MEMORY} bytes`
  const message = `memorySwap is ${JSON.stringify(memorySwap)}: memory and swap together, so at least ${least}, are wanted`
  throw new InvalidInputError(message, { field: 'memorySwap' })
}

function parsePids(pids: number | string): number {
  if (isUnlimited(pids)) return -1
  if (typeof pids === 'number' && Number.isSafeInteger(pids) && pids >= 1 && pids <= MOST_PIDS) return pids
  throw new InvalidInputError(
    `pids must be a whole number from 1 to ${MOST_PIDS}, not ${describeValue(pids)}: write max for no limit`,
    { field: 'pids' },
  )
}
