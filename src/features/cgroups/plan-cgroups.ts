import type { CgroupFacts, Controller, VacateFacts } from '../../host/facts.ts'
import type { DeviceRule } from '../devices/device-rule.ts'
import { checkResources } from './check-resources.ts'
import { filledV1 } from './writes/cpuset-writes.ts'
import type { NotApplied } from './find-refusal.ts'
import { checkGroupName } from './group-name.ts'
import type { GroupPlace } from './group-place.ts'
import type { Resources } from './resources.ts'
import { canFreeze, translate, type TranslatedResources } from './writes/translate.ts'
import type { FileValue } from './writes/translation.ts'

/** One write(2) into a file of the cgroup file system. */
export interface CgroupWrite {
  readonly path: string
  readonly value: string
  readonly because: string
  /** Dotted paths of what it enforces, `memory.limit`; absent for what the kernel wants besides */
  readonly asks?: readonly string[]
  /** Whether the group serves without it where the kernel has no such file or, for a device, no such control */
  readonly optional?: boolean
  /** Written only when the directory was not there before: what somebody else set up stays */
  readonly fresh?: boolean
}

/** One directory to be made, and its files to be written in this order before any process joins. */
export interface CgroupGroup extends GroupPlace {
  readonly files: readonly CgroupWrite[]
  /** A level above the group that others may use too: it may be there already, and goes only when it is empty */
  readonly shared?: boolean
}

/** How a process gets into a group: on v2 also by CLONE_INTO_CGROUP with a descriptor of `directory`. */
export interface CgroupJoin {
  readonly directory: string
  readonly version: 1 | 2
  /** File that takes the pid */
  readonly path: string
}

/** Everything that happens with cgroups around a run, as data. */
export interface CgroupPlan {
  /** Done first of all: the own group is emptied, so that groups below it can have controllers */
  readonly vacate: VacateFacts | null
  /** Writes that come before the groups are made; they stay, because others may rely on them by the time the run ends */
  readonly enable: readonly CgroupWrite[]
  /** From the top; those that are not shared are the places of the live group */
  readonly groups: readonly CgroupGroup[]
  readonly join: readonly CgroupJoin[]
  /** Rules for a program to be attached to the v2 group; null: v1's lists are among the writes, or devices are not restricted */
  readonly devices: readonly DeviceRule[] | null
  /** File that kills all of the group when `1` is written, if there is one */
  readonly kill: string | null
  /** Directories to remove, in this order: shared levels last, when nobody uses them */
  readonly remove: readonly string[]
  readonly notApplied: readonly NotApplied[]
}

export interface PlanCgroupsOptions {
  /** Name of the new directories, or a level each: `['alcove', 'guest1']` is `alcove/guest1` below every parent */
  readonly name: string | readonly string[]
  /** What is measured though it is not limited, where the host allows it; `freezer`: what can be made to stand still */
  readonly account?: readonly ('memory' | 'pids' | 'cpu' | 'io' | 'freezer')[]
  /** Whether the group shall be killed as a whole: v1's freezer holds it for that where there is no cgroup.kill */
  readonly kill?: boolean
  /** Whether the group is in every controller that the host has, asked for or not; missing ones are no failure */
  readonly all?: boolean
}

/**
 * Plans the groups of one sandbox on v1, hybrid and v2 hosts: one directory on v2, one per hierarchy on v1. Where a v2 tree can be used
 * there is always a group in it, also without controllers: it kills, freezes, counts CPU time and tells events.
 *
 * @throws InvalidInputError for resources or a name that cannot be meant; what this host cannot enforce is in `notApplied`
 */
export function planCgroups(resources: Resources, facts: CgroupFacts, options: PlanCgroupsOptions): CgroupPlan {
  const segments = checkGroupName(options.name)
  const { translated, targets, enable } = findLayout(resources, facts, options)
  const groups = targets.flatMap((target) => levelsOf(target, segments, facts))
  const places = groups.filter(({ shared }) => !shared)
  const unified = places.find(({ version }) => version === 2)
  return {
    vacate: findVacate(enable, facts),
    enable,
    groups,
    join: places.map(({ directory, version }) => ({ directory, version, path: `${directory}/cgroup.procs` })),
    devices: translated.devices,
    kill: unified && facts.unified?.kill ? `${unified.directory}/cgroup.kill` : null,
    remove: groups.map(({ directory }) => directory).reverse(),
    notApplied: translated.notApplied,
  }
}

/** All of a plan that is the same for groups of every name. */
interface Layout {
  readonly translated: TranslatedResources
  readonly targets: readonly Target[]
  readonly enable: readonly CgroupWrite[]
}

/** Layouts kept for the facts of one process */
const KEPT = 32
const layouts = new WeakMap<CgroupFacts, Map<string, Layout>>()

/** Most groups of a process are like those before them: checking and translating again would cost more than making them. */
function findLayout(resources: Resources, facts: CgroupFacts, { account, kill, all }: PlanCgroupsOptions): Layout {
  const key = JSON.stringify([resources, account, kill, all])
  const known = layouts.get(facts) ?? new Map<string, Layout>()
  layouts.set(facts, known)
  const found = known.get(key)
  if (found) return found
  const made = makeLayout(resources, facts, { account, kill, all })
  const [oldest] = known.keys()
  if (known.size >= KEPT && oldest !== undefined) known.delete(oldest)
  known.set(key, made)
  return made
}

function makeLayout(resources: Resources, facts: CgroupFacts, options: Unnamed): Layout {
  checkResources(resources)
  const translated = translate(resources, facts)
  const targets = findTargets(translated, facts, options)
  return { translated, targets, enable: planEnable(targets, facts) }
}

type Unnamed = { readonly [K in Exclude<keyof PlanCgroupsOptions, 'name'>]: PlanCgroupsOptions[K] | undefined }

/** A directory below which the group has a directory of its own. */
interface Target {
  readonly parent: string
  readonly version: 1 | 2
  readonly controllers: readonly Controller[]
  readonly files: readonly FileValue[]
}

function findTargets(translated: TranslatedResources, facts: CgroupFacts, options: Unnamed): Target[] {
  const targets = new Map<string, Target>()
  for (const controller of new Set([...translated.controllers.keys(), ...unlimited(facts, options)])) {
    const { parent, version } = facts.controllers[controller] ?? {}
    if (parent === undefined || version === undefined) continue
    // Controllers that share a hierarchy (cpu,cpuacct; all of v2) share a directory.
    const target = targets.get(parent) ?? { parent, version, controllers: [], files: [] }
    const files = translated.controllers.get(controller) ?? []
    targets.set(parent, {
      ...target,
      controllers: [...target.controllers, controller],
      files: [...target.files, ...files],
    })
  }
  const { unified } = facts
  if (unified?.usable.ok) {
    const { parent } = unified
    const target = targets.get(parent) ?? { parent, version: 2, controllers: [], files: [] }
    targets.set(parent, { ...target, files: [...target.files, ...translated.plain] })
  }
  return [...targets.values()].map((target) => withCpuset(target, facts))
}

/** Controllers that are there for more than limits; those that cannot be had are left out: nobody named them. */
function unlimited(facts: CgroupFacts, { account = [], kill = false, all = false }: Unnamed): Controller[] {
  const { controllers, unified } = facts
  const tree = unified?.usable.ok === true
  const wanted = account.flatMap((name): Controller[] => {
    // A v2 group counts CPU time without any controller.
    if (name === 'cpu') return tree ? [] : ['cpuacct']
    return name === 'freezer' && canFreeze(facts) ? [] : [name]
  })
  if (kill && !(tree && unified.kill) && !canFreeze(facts)) wanted.push('freezer')
  if (all) wanted.push(...(Object.keys(controllers) as Controller[]))
  return wanted.filter((name) => controllers[name]?.usable.ok && !cannotFill(name, facts))
}

/** A v1 cpuset that nobody asked for is of no use when the lists to fill it with cannot be read. */
const cannotFill = (name: Controller, { controllers }: CgroupFacts): boolean => {
  const found = controllers[name]
  return name === 'cpuset' && found?.version === 1 && (found.cpus === undefined || found.mems === undefined)
}

/** Whoever is in a v1 hierarchy with cpuset has to fill its lists, wanted or not. */
function withCpuset(target: Target, { controllers: { cpuset } }: CgroupFacts): Target {
  if (target.version !== 1 || cpuset?.parent !== target.parent) return target
  const { controllers, files } = target
  if (files.some(({ file }) => file === 'cpuset.cpus')) return target
  return {
    ...target,
    controllers: controllers.includes('cpuset') ? controllers : [...controllers, 'cpuset'],
    files: [...filledV1({}, cpuset), ...files],
  }
}

/** The directories of one target from the top: the last is the group, those above may be others' too. */
function levelsOf(target: Target, segments: readonly string[], facts: CgroupFacts): CgroupGroup[] {
  const { parent, version, controllers, files } = target
  return segments.map((_, depth) => {
    const directory = [parent, ...segments.slice(0, depth + 1)].join('/')
    const group = { directory, version, controllers }
    if (depth === segments.length - 1) return { ...group, files: files.map((each) => writeIn(directory, each)) }
    return { ...group, files: levelFiles(directory, target, facts), shared: true }
  })
}

/** What a level needs so that the one below it can do its work. */
function levelFiles(directory: string, { version, controllers }: Target, facts: CgroupFacts): CgroupWrite[] {
  if (version === 2) return controllers.length > 0 ? [enableIn(directory, controllers)] : []
  const { cpuset } = facts.controllers
  if (!cpuset || !controllers.includes('cpuset')) return []
  return filledV1({}, cpuset).map((each) => ({ ...writeIn(directory, each), fresh: true }))
}

/** One write per directory, the highest first: a group can give its children only what it got itself. */
function planEnable(targets: readonly Target[], facts: CgroupFacts): CgroupWrite[] {
  const wanted = new Map<string, Controller[]>()
  for (const controller of targets.filter(({ version }) => version === 2).flatMap(({ controllers }) => controllers)) {
    for (const directory of facts.controllers[controller]?.enable ?? []) {
      wanted.set(directory, [...(wanted.get(directory) ?? []), controller])
    }
  }
  const highestFirst = [...wanted].sort(([a], [b]) => a.length - b.length)
  return highestFirst.map(([directory, controllers]) => enableIn(directory, controllers))
}

const enableIn = (directory: string, controllers: readonly Controller[]): CgroupWrite => ({
  path: `${directory}/cgroup.subtree_control`,
  value: controllers.map((controller) => `+${controller}`).join(' '),
  because: 'a group has only the controllers that the one above it gives to its children',
})

/** The own group has to be empty only when controllers are enabled in it. */
function findVacate(enable: readonly CgroupWrite[], { unified }: CgroupFacts): VacateFacts | null {
  const vacate = unified?.vacate
  return vacate && enable.some(({ path }) => path === `${vacate.directory}/cgroup.subtree_control`) ? vacate : null
}

/** The write of a value in one directory. */
export function writeIn(directory: string, { asks, file, value, because, optional }: FileValue): CgroupWrite {
  const write = { path: `${directory}/${file}`, value, because, ...(optional ? { optional } : {}) }
  return asks.length > 0 ? { ...write, asks } : write
}
