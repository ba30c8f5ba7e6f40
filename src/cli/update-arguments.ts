import { type Command, InvalidArgumentError } from 'commander'
import type { Resources } from '../features/cgroups/resources.ts'
import { parseUpdate } from '../sandbox/parse-resources.ts'
import { resourcesIn } from './resources-file.ts'

/** Options that say what a sandbox may use, as commander gives them. */
export interface ResourceArguments {
  readonly memory?: string
  readonly memorySwap?: string
  readonly pids?: number | 'max'
  readonly cpus?: string
  readonly cpuWeight?: number
  readonly cpuset?: string
  /** A file, or `-` for stdin */
  readonly resources?: string
}

export function integer(text: string): number {
  if (!/^\d+$/.test(text)) throw new InvalidArgumentError('A whole number is wanted.')
  return Number(text)
}

/** What lifts a limit; -1 is how runtimes write it. */
export const integerOrMax = (text: string): number | 'max' =>
  ['max', 'unlimited', '-1'].includes(text) ? 'max' : integer(text)

/** Adds the options that say what changes. */
export function withUpdateOptions(command: Command): Command {
  return command
    .option('--memory <size>', 'memory of everything in it together, 256M')
    .option('--memory-swap <size>', 'memory and swap together; as much as --memory: no swap')
    .option('--pids <number>', 'processes and threads at once', integerOrMax)
    .option('--cpus <number>', "CPUs' worth of time, 0.5 is half of one")
    .option('--cpu-weight <number>', 'share of a contended CPU, 1 to 10000, where 100 is what others have', integer)
    .option('--cpuset <list>', 'CPUs that may be used, 0-3,8')
    .option('--resources <file>', 'JSON file with linux.resources of the OCI specification; - is stdin')
}

/**
 * What the options change; only what they name.
 * @param read bytes of the file, or of stdin for `-`
 * @throws InvalidInputError naming the option
 */
export function updateResources(
  { resources, ...given }: ResourceArguments,
  read: (path: string) => Uint8Array,
): Resources {
  return parseUpdate({ ...given, ...(resources === undefined ? {} : { resources: resourcesIn(resources, read) }) })
}
