import { InvalidInputError } from '../base/errors.ts'
import { quotaOf } from '../features/cgroups/cpu-weight.ts'
import type { Resources } from '../features/cgroups/resources.ts'
import { parseBytes, parseCpus } from '../features/limits/parse-size.ts'

/** Options of `carrel update`, as commander gives them. */
export interface UpdateArguments {
  readonly memory?: string
  readonly memorySwap?: string
  readonly pids?: string
  readonly cpus?: string
  readonly cpuWeight?: string
  readonly cpuset?: string
  /** A file, or `-` for stdin */
  readonly resources?: string
}

/** What lifts a limit; -1 is how runtimes write it. */
const UNLIMITED = ['max', '-1', 'unlimited']

/**
 * The resources that the options ask for; what is in a file is overruled by options beside it, key by key. Values are checked where
 * they are used.
 * @param read text of the file, or of stdin for `-`
 * @throws InvalidInputError naming the option
 */
export function updateResources(given: UpdateArguments, read: (path: string) => string): Resources {
  const { memory, memorySwap, pids, cpus, cpuWeight, cpuset, resources } = given
  const file = resources === undefined ? {} : resourcesIn(resources, read)
  const memoryPart = {
    ...(memory === undefined ? {} : { limit: orUnlimited(memory, (text) => parseBytes(text, 'memory')) }),
    ...(memorySwap === undefined ? {} : { swap: orUnlimited(memorySwap, (text) => parseBytes(text, 'memory-swap')) }),
  }
  const cpuPart = {
    ...(cpus === undefined ? {} : UNLIMITED.includes(cpus) ? { quota: -1 } : quotaOf(parseCpus(cpus, 'cpus'))),
    ...(cpuWeight === undefined ? {} : { weight: wholeNumber(cpuWeight, 'cpu-weight') }),
    ...(cpuset === undefined ? {} : { cpus: cpuset }),
  }
  const all: Resources = {
    ...file,
    ...(Object.keys(memoryPart).length ? { memory: { ...file.memory, ...memoryPart } } : {}),
    ...(Object.keys(cpuPart).length ? { cpu: { ...file.cpu, ...cpuPart } } : {}),
    ...(pids === undefined ? {} : { pids: { limit: orUnlimited(pids, (text) => wholeNumber(text, 'pids')) } }),
  }
  if (Object.keys(all).length > 0) return all
  throw new InvalidInputError('Nothing is to be changed: give --memory, --pids, --cpus or another limit', {
    field: 'resources',
  })
}

const orUnlimited = (text: string, parse: (text: string) => number): number =>
  UNLIMITED.includes(text) ? -1 : parse(text)

function wholeNumber(text: string, field: string): number {
  if (/^\d{1,15}$/.test(text)) return Number(text)
  throw new InvalidInputError(`${field} must be a whole number, not ${JSON.stringify(text)}`, { field })
}

function resourcesIn(path: string, read: (path: string) => string): Resources {
  const where = path === '-' ? 'stdin' : path
  let value: unknown
  try {
    value = JSON.parse(read(path))
  } catch (error) {
    const message = `resources cannot be read from ${where}: ${error instanceof Error ? error.message : String(error)}`
    throw new InvalidInputError(message, { field: 'resources', cause: error })
  }
  if (typeof value === 'object' && value !== null && !Array.isArray(value)) return value
  throw new InvalidInputError(
    `resources in ${where} must be a JSON object as linux.resources of the OCI runtime spec`,
    {
      field: 'resources',
    },
  )
}
