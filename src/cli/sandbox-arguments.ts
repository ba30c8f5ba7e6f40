import type { Command } from 'commander'
import { InvalidInputError } from '../base/errors.ts'
import type { SandboxOptions } from '../sandbox/options.ts'
import { resourcesIn } from './resources-file.ts'
import { integer, integerOrMax, type ResourceArguments } from './update-arguments.ts'

/** Options that `run` and `explain` share, as commander gives them. */
export interface SandboxArguments extends ResourceArguments {
  readonly name?: string
  readonly cgroupManager?: string
  readonly tmp?: string
  readonly rootfs?: string
  readonly bind?: readonly string[]
  readonly env?: readonly string[]
  readonly workdir?: string
  readonly user?: string
  readonly hostname?: string
  readonly net?: string
  readonly cap?: readonly string[]
  readonly etc?: readonly string[]
  readonly rlimit?: readonly string[]
  readonly seccomp?: string
  readonly bestEffort?: boolean
}

const collect = (value: string, before: readonly string[] = []): readonly string[] => [...before, value]

/** Adds the options that say what a sandbox is. */
export function withSandboxOptions(command: Command): Command {
  return command
    .option('--name <name>', 'what carrel ps calls it, beside its id')
    .option('--memory <size>', 'memory of everything in it together, 256M or max (default: 1G)')
    .option('--memory-swap <size>', 'memory and swap together (default: as --memory, no swap)')
    .option('--pids <number>', 'processes and threads at once, or max (default: 512)', integerOrMax)
    .option('--cpus <number>', "CPUs' worth of time, 0.5 is half of one (default: not limited)")
    .option('--cpu-weight <number>', 'share of a contended CPU, 1 to 10000, where 100 is what others have', integer)
    .option('--cpuset <list>', 'CPUs that may be used, 0-3,8 (default: all)')
    .option('--resources <file>', 'JSON file with linux.resources of the OCI specification: io, huge pages, devices, …')
    .option('--cgroup-manager <auto|files|systemd>', 'who makes its groups (default: auto)')
    .option('--tmp <size>', 'size of its own files, /tmp and /home (default: 512M)')
    .option('--rootfs <dir>', "directory with a root file system (default: the host's system directories, read-only)")
    .option('--bind <src[:dst[:ro]]>', 'show a file or directory of the host; may be repeated', collect)
    .option('--env <name=value>', 'set a variable, NAME alone passes on its value; may be repeated', collect)
    .option('--workdir <dir>', 'working directory (default: /home/user)')
    .option('--user <uid[:gid]>', 'who the command runs as (default: 1000:1000)')
    .option('--hostname <name>', 'its host name (default: carrel and a number)')
    .option('--net <none|host>', "its own network with only lo, or the host's (default: none)")
    .option('--cap <name>', 'a capability that the command keeps in its user namespace; may be repeated', collect)
    .option('--etc <name=file>', 'a file of /etc, with the content of a file of the host; may be repeated', collect)
    .option('--rlimit <name=soft[:hard]>', 'a limit of each process, NOFILE=256; may be repeated', collect)
    .option('--seccomp <default|unconfined>', 'the filter for system calls (default: the built-in allow-list)')
    .option('--best-effort', 'drop a limit that this host cannot enforce, and say so, instead of refusing')
}

/** The options of the SDK that the arguments stand for. @throws InvalidInputError */
export function toSandboxOptions(given: SandboxArguments, read: (path: string) => Uint8Array): SandboxOptions {
  const { name, memory, memorySwap, pids, cpus, cpuWeight, cpuset, cgroupManager } = given
  const { tmp, rootfs, workdir, user, hostname, net, seccomp, bestEffort } = given
  const { bind = [], env = [], cap = [], etc = [], rlimit = [] } = given
  const simple = {
    ...{ name, memory, memorySwap, pids, cpus, cpuWeight, cpuset, cgroupManager },
    ...{ tmp, rootfs, workdir, user, hostname, net, seccomp, bestEffort },
  }
  return {
    ...(given.resources === undefined ? {} : { resources: resourcesIn(given.resources, read) }),
    ...(Object.fromEntries(Object.entries(simple).filter(([, value]) => value !== undefined)) as SandboxOptions),
    binds: bind,
    env: variables(env),
    capabilities: cap,
    etc: Object.fromEntries(etc.map((text) => pair(text, 'etc')).map(([file, path]) => [file, content(path, read)])),
    rlimits: Object.fromEntries(rlimit.map(resourceLimit)),
  }
}

function content(path: string, read: (path: string) => Uint8Array): Uint8Array {
  try {
    return read(path)
  } catch (error) {
    const code = (error as NodeJS.ErrnoException).code ?? String(error)
    throw new InvalidInputError(`etc names the file ${path}, which cannot be read: ${code}`, {
      field: 'etc',
      cause: error,
    })
  }
}

/** Variables by name. @throws InvalidInputError for what is no NAME=VALUE, and a NAME that is not set here */
export const variables = (texts: readonly string[]): Record<string, string> => Object.fromEntries(texts.map(variable))

function variable(text: string): [string, string] {
  if (text.includes('=')) return pair(text, 'env')
  const value = process.env[text]
  if (value === undefined)
    throw new InvalidInputError(`env names ${text}, which is not set here: give NAME=VALUE`, { field: 'env' })
  return [text, value]
}

function pair(text: string, field: string): [string, string] {
  const at = text.indexOf('=')
  if (at > 0) return [text.slice(0, at), text.slice(at + 1)]
  throw new InvalidInputError(`${field} is ${JSON.stringify(text)}: NAME=VALUE is wanted`, { field })
}

function resourceLimit(text: string): [string, { soft: number; hard: number }] {
  const [name, value] = pair(text, 'rlimit')
  const match = /^(\d+)(?::(\d+))?$/.exec(value)
  if (!match)
    throw new InvalidInputError(`rlimit is ${JSON.stringify(text)}: NAME=SOFT[:HARD] in numbers is wanted`, {
      field: 'rlimit',
    })
  const upper = name.toUpperCase()
  const soft = Number(match[1])
  return [upper.startsWith('RLIMIT_') ? upper : `RLIMIT_${upper}`, { soft, hard: Number(match[2] ?? soft) }]
}
