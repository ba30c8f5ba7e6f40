import type { Circumstances, Stage } from './job.ts'
import type { Hierarchies } from './machine-settings.ts'

/** A machine of the lane, and what runs in it. */
export interface Lane {
  readonly name: 'v2' | 'v1' | 'hybrid' | 'systemd'
  readonly hierarchies: Hierarchies
  /** What it is made from: the host's own files, or a Debian with systemd */
  readonly base: 'host' | 'debian'
  readonly stages: readonly StagePlan[]
  /** For all of it, after which it is turned off */
  readonly timeoutMs: number
}

interface StagePlan {
  readonly name: string
  readonly as: Circumstances
  /** Which test files run */
  readonly takes: (file: string) => boolean
}

const isSystemd = (file: string): boolean => /^test\/vm\/(?:systemd|apparmor)/.test(file)
const isSandbox = (file: string): boolean => file === 'test/vm/sandbox.test.ts'
const isVm = (file: string): boolean => file.startsWith('test/vm/') && !isSystemd(file)
const isCgroup = (file: string): boolean => file.startsWith('test/cgroup/')
// A part of everything else that software can run in a minute or two: facts of the host, a tree of processes, sandboxes, and
// kinds of links that the kernel of a host may lack.
const SMOKE = ['test/host/proc-paths', 'test/process/tree', 'test/sandbox/commands', 'test/netlink/links']
const isSmoke = (file: string): boolean => SMOKE.some((path) => file.startsWith(`${path}.`))
/** What differs between versions of cgroups; the rest runs on v2 and on the host. */
const DIFFERENT = ['create', 'effects', 'files', 'members'].map((name) => `test/cgroup/${name}.`)
const isDifferent = (file: string): boolean => DIFFERENT.some((start) => file.startsWith(start))
const isEffects = (file: string): boolean => file.startsWith('test/cgroup/effects')

/** All machines, in the order in which they are started. */
export const LANES: readonly Lane[] = [
  {
    name: 'v2',
    hierarchies: 'v2',
    base: 'host',
    stages: [
      { name: 'v2', as: 'root', takes: (file) => isCgroup(file) || isVm(file) || isSmoke(file) },
      { name: 'v2 rootless', as: 'delegated user', takes: (file) => isEffects(file) || isSandbox(file) },
    ],
    timeoutMs: 900_000,
  },
  oldMachine('v1'),
  oldMachine('hybrid'),
  {
    name: 'systemd',
    hierarchies: 'systemd',
    base: 'debian',
    stages: [
      { name: 'systemd', as: 'scope of root', takes: (file) => isSystemd(file) || isEffects(file) },
      { name: 'systemd rootless', as: 'scope of a user', takes: (file) => isSystemd(file) || isEffects(file) },
    ],
    timeoutMs: 900_000,
  },
]

function oldMachine(hierarchies: 'v1' | 'hybrid'): Lane {
  // The host is a hybrid one wherever it is not v2: all other tests of groups run there.
  const stage: StagePlan = { name: hierarchies, as: 'root', takes: hierarchies === 'v1' ? isDifferent : isEffects }
  return { name: hierarchies, hierarchies, base: 'host', stages: [stage], timeoutMs: 600_000 }
}

/** Which files of a lane are wanted. */
export interface Wanted {
  /** Only files whose path holds one of these; without any, all */
  readonly words: readonly string[]
  /** Was the lane asked for by its name? Then the words find every test file, not only those that usually run there. */
  readonly byName: boolean
}

/** The wanted test files of each stage; stages without any are left out. */
export function stagesOf(lane: Lane, files: readonly string[], { words, byName }: Wanted): readonly Stage[] {
  const tests = files.filter((file) => file.endsWith('.test.ts'))
  const isWanted = (file: string): boolean => words.length === 0 || words.some((word) => file.includes(word))
  const stages = lane.stages.map(({ name, as, takes }) => {
    const runs = byName && words.length > 0 ? () => true : takes
    return { name, as, files: tests.filter((file) => isWanted(file) && runs(file)) }
  })
  return stages.filter((stage) => stage.files.length > 0)
}
