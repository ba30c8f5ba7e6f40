import { InvalidInputError } from '../../base/errors.ts'
import type { CgroupFacts, Controller } from '../../host/facts.ts'
import { findRefusal } from './find-refusal.ts'
import type { NotApplied } from './find-refusal.ts'
import { LIMIT_WRITES } from './limit-writes.ts'
import type { WriteContext } from './limit-writes.ts'
import { CONTROLLER_OF, checkLimits } from './limits.ts'
import type { Limit, Limits } from './limits.ts'
import { readingsOf } from './readings-of.ts'
import type { CgroupReading } from './readings-of.ts'

/** One write(2) into a file of the cgroup file system. */
export interface CgroupWrite {
  readonly path: string
  readonly value: string
  readonly because: string
  /** Whether the group serves without it, so that a failed write is not a failure */
  readonly optional?: boolean
}

/** One directory to be made, and its files to be written in this order before any process joins. */
export interface CgroupGroup {
  readonly directory: string
  readonly version: 1 | 2
  /** Controllers it is there for; none in a v2 group that only serves `cgroup.kill` and CPU accounting */
  readonly controllers: readonly Controller[]
  readonly files: readonly CgroupWrite[]
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
  /** Writes that come before the groups are made; they stay, because others may rely on them by the time the run ends */
  readonly enable: readonly CgroupWrite[]
  readonly groups: readonly CgroupGroup[]
  readonly join: readonly CgroupJoin[]
  /** Files to read while the groups still exist */
  readonly readings: readonly CgroupReading[]
  /** File that kills all of the group when `1` is written, if there is one */
  readonly kill: string | null
  /** Directories to remove, in this order */
  readonly remove: readonly string[]
  readonly notApplied: readonly NotApplied[]
}

export interface PlanCgroupsOptions {
  /** Name of the new directories */
  readonly name: string
  /** What is measured though it is not limited, where the host allows it */
  readonly account?: readonly ('memory' | 'pids' | 'cpu')[]
  /** Whether there shall be a group with cgroup.kill, where the host allows it */
  readonly kill?: boolean
}

/**
 * Plans the groups of one sandbox on v1, hybrid and v2 hosts: one directory on v2, one per hierarchy on v1.
 *
 * @throws InvalidInputError for a limit that cannot be meant; what this host cannot enforce is in `notApplied`
 */
export function planCgroups(limits: Limits, facts: CgroupFacts, options: PlanCgroupsOptions): CgroupPlan {
  checkLimits(limits)
  checkName(options.name)
  const named = (Object.keys(CONTROLLER_OF) as Limit[]).filter(
    (limit) => limits[limit] !== undefined && limits[limit] !== false,
  )
  const refusals = new Map(named.map((limit) => [limit, findRefusal(limit, limits, facts)]))
  const notApplied = [...refusals.values()].filter((refusal) => refusal !== undefined)
  const applied = named.filter((limit) => refusals.get(limit) === undefined)
  const groups = planGroups(limits, applied, facts, options)
  const unified = groups.find(({ version }) => version === 2)
  return {
    enable: planEnable(groups, facts),
    groups,
    join: groups.map(({ directory, version }) => ({ directory, version, path: `${directory}/cgroup.procs` })),
    readings: groups.flatMap(readingsOf),
    kill: unified && facts.unified?.kill ? `${unified.directory}/cgroup.kill` : null,
    remove: groups.map(({ directory }) => directory).reverse(),
    notApplied,
  }
}

function planGroups(
  limits: Limits,
  applied: readonly Limit[],
  facts: CgroupFacts,
  options: PlanCgroupsOptions,
): CgroupGroup[] {
  const limited = new Set<Controller>(applied.map((limit) => CONTROLLER_OF[limit]))
  const kept = Object.fromEntries(applied.map((limit) => [limit, limits[limit]])) as Limits
  const context = { swap: facts.swap, mems: facts.controllers.cpuset?.mems ?? '' }
  const groups = new Map<string, CgroupGroup>()
  for (const controller of [...limited, ...accounted(limited, facts, options)]) {
    const { parent, version } = facts.controllers[controller] ?? {}
    if (parent === undefined || version === undefined) continue
    const directory = `${parent}/${options.name}`
    // Controllers that share a hierarchy (cpu,cpuacct; all of v2) share a directory.
    const group = groups.get(directory) ?? { directory, version, controllers: [], files: [] }
    const files = writesOf(controller, version, kept, context).map(({ file, ...rest }) => ({
      path: `${directory}/${file}`,
      ...rest,
    }))
    groups.set(directory, {
      ...group,
      controllers: [...group.controllers, controller],
      files: [...group.files, ...files],
    })
  }
  addUnified(groups, facts, options)
  return [...groups.values()]
}

function writesOf(
  controller: Controller,
  version: 1 | 2,
  limits: Limits,
  context: WriteContext,
): ReturnType<(typeof LIMIT_WRITES)['pids'][1]> {
  return controller in LIMIT_WRITES
    ? LIMIT_WRITES[controller as keyof typeof LIMIT_WRITES][version](limits, context)
    : []
}

/** Controllers that are there for measuring alone, those that cannot be had left out: accounting is best effort. */
function accounted(
  limited: ReadonlySet<Controller>,
  facts: CgroupFacts,
  { account = [] }: PlanCgroupsOptions,
): Controller[] {
  const wanted = account.flatMap((name): Controller[] => {
    if (name !== 'cpu') return [name]
    // A v2 group counts CPU time without any controller, and `addUnified` makes it.
    return facts.unified?.usable.ok ? [] : ['cpuacct']
  })
  return wanted.filter((name) => !limited.has(name) && facts.controllers[name]?.usable.ok)
}

function addUnified(
  groups: Map<string, CgroupGroup>,
  { unified }: CgroupFacts,
  { name, account, kill }: PlanCgroupsOptions,
): void {
  if (!unified?.usable.ok || !(account?.includes('cpu') || (kill && unified.kill))) return
  const directory = `${unified.parent}/${name}`
  if (!groups.has(directory)) groups.set(directory, { directory, version: 2, controllers: [], files: [] })
}

/** One write per directory, the highest first: a group can give its children only what it got itself. */
function planEnable(groups: readonly CgroupGroup[], facts: CgroupFacts): CgroupWrite[] {
  const wanted = new Map<string, Controller[]>()
  for (const controller of groups.filter(({ version }) => version === 2).flatMap(({ controllers }) => controllers)) {
    for (const directory of facts.controllers[controller]?.enable ?? []) {
      wanted.set(directory, [...(wanted.get(directory) ?? []), controller])
    }
  }
  const highestFirst = [...wanted].sort(([a], [b]) => a.length - b.length)
  return highestFirst.map(([directory, controllers]) => ({
    path: `${directory}/cgroup.subtree_control`,
    value: controllers.map((controller) => `+${controller}`).join(' '),
    because: 'a group has only the controllers that the one above it gives to its children',
  }))
}

/** Dots inside are harmless, at the start they could be `..` or look like a file of the kernel (`cgroup.procs`). */
function checkName(name: string): void {
  if (
    /^[A-Za-z0-9_-][A-Za-z0-9_.:-]{0,199}$/.test(name) &&
    !/^(cgroup|memory|pids|cpu|cpuacct|cpuset|io|tasks)(\.|$)/.test(name)
  )
    return
  const message = `The name of a group must be letters, digits and "_.:-", at most 200, not ${JSON.stringify(name)}: use a name like carrel-1`
  throw new InvalidInputError(message, { field: 'name' })
}
