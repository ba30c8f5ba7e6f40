import { parseCgroupsPath } from '../../bundle/cgroups/cgroups-path.ts'
import { containerDevices } from '../../bundle/cgroups/container-devices.ts'
import { atPointer, resourcePointer } from '../../bundle/cgroups/resource-pointer.ts'
import { StateError, UnsupportedError } from '../../base/errors.ts'
import { parseCgroupsPath as parseScopePath, type ScopePlace } from '../../cgroup/systemd/cgroups-path.ts'
import type { NotApplied } from '../../features/cgroups/find-refusal.ts'
import type { GroupPlace } from '../../features/cgroups/group-place.ts'
import { type CgroupWrite, writeIn } from '../../features/cgroups/plan-cgroups.ts'
import type { Resources } from '../../features/cgroups/resources.ts'
import { filledV1 } from '../../features/cgroups/writes/cpuset-writes.ts'
import type { TranslatedResources } from '../../features/cgroups/writes/translate.ts'
import type { DeviceRule } from '../../features/devices/device-rule.ts'
import type { Answer, CgroupFacts, Controller } from '../../host/facts.ts'
import type { Kernel } from '../../kernel/kernel.ts'
import { availableControllers, type EnableWrite, planEnable } from './enable-controllers.ts'
import { isFrozen } from './freeze.ts'
import { exists, type GroupSpot, isWritable, nearestOf, spotIn } from './group-spot.ts'
import { findHierarchies } from './hierarchies.ts'
import { type CpuSets, factsOf, hasSwap, readSets, YES } from './spot-facts.ts'
import { limitsOf } from './limits-of.ts'
import { everyProcessOf } from './processes.ts'

/** What a container's groups depend on. */
export interface GroupRequest {
  readonly id: string
  /** `linux.cgroupsPath` */
  readonly cgroupsPath?: string | undefined
  readonly manager: 'cgroupfs' | 'systemd' | 'disabled'
  /** An ordinary user, or root of a user namespace that is not the first: hierarchies that may not be written are left out */
  readonly rootless: boolean
  /** `linux.resources` of a checked configuration */
  readonly resources?: Resources | undefined
}

/** A spot and all that is written there. */
export interface PlannedSpot extends GroupSpot {
  readonly enable: readonly EnableWrite[]
  /** Files of levels above that are made, or were left without what they need */
  readonly levels: readonly CgroupWrite[]
  /** Files of the group */
  readonly files: readonly CgroupWrite[]
}

/** Everything about the groups of a new container, decided before anything is made. */
export interface GroupPlan {
  /** None with manager `disabled`, and with `systemd`, which says itself where it made the group */
  readonly spots: readonly PlannedSpot[]
  /** For the record of the container */
  readonly places: readonly GroupPlace[]
  /** Rules for a program on the v2 group; null: v1's lists are among the files, or nothing is restricted */
  readonly devices: readonly DeviceRule[] | null
  /** Manager `systemd`: what it is asked for */
  readonly scope?: ScopePlace
  /** What engines send always and nothing here can enforce: for the log */
  readonly notApplied: readonly NotApplied[]
  /** As they are meant */
  readonly resources: Resources
  readonly rootless: boolean
}

/**
 * Decides where the groups of a new container are and what is written into them. One in every hierarchy: engines read statistics from any.
 * @throws InvalidInputError naming the JSON pointer, UnsupportedError for a limit that this host cannot enforce, StateError for
 * groups that are in use already
 */
export function planGroup(kernel: Kernel, request: GroupRequest): GroupPlan {
  const { id, manager, cgroupsPath, rootless } = request
  const resources = resourcesOf(request)
  const basis = { resources, rootless, spots: [], places: [], devices: null, notApplied: [] }
  if (manager === 'systemd') return { ...basis, scope: scopeOf(request) }
  if (manager === 'disabled') return withoutGroups(basis)
  const path = parseCgroupsPath(cgroupsPath, id)
  const found = findHierarchies(kernel).map((hierarchy) => spotIn(kernel, hierarchy, path))
  const usable = rootless ? found.filter((spot) => isWritable(kernel, nearestOf(kernel, spot))) : found
  const spots = usable.map((spot) => withControllers(kernel, spot, rootless))
  assertFree(kernel, spots)
  const v1Sets = spots.find(isCpusetV1)
  const sets = v1Sets && readSets(kernel, v1Sets)
  const has = (name: Controller): boolean => spots.some(({ controllers }) => controllers.includes(name))
  const closed = found.filter((spot) => !usable.includes(spot))
  const facts = (): CgroupFacts =>
    factsOf(kernel, spots, { closed, resources, deviceRules: rootless ? NO_DEVICES : YES, sets })
  const context = { devicesV1: !rootless && has('devices'), pids: has('pids'), facts }
  const translated = atPointer('/linux/resources', () => limitsOf(resources, context))
  const needed = new Set(translated.controllers.keys())
  return {
    ...basis,
    spots: spots.map((spot) => ({
      ...spot,
      enable: spot.version === 2 ? planEnable(kernel, spot, needed) : [],
      levels: levelFiles(spot, sets),
      files: groupFiles(spot, translated, sets),
    })),
    places: spots.map(({ directory, version, controllers }) => ({ directory, version, controllers })),
    devices: translated.devices,
    notApplied: tolerated(kernel, translated.notApplied),
  }
}

function resourcesOf({ resources = {}, rootless }: GroupRequest): Resources {
  // Nobody makes device nodes in a user namespace; rules are passed on when they were given, to be named as not applied.
  if (rootless && !resources.devices) return resources
  return { ...resources, devices: containerDevices(resources.devices) }
}

const NO_DEVICES = {
  ok: false,
  reason: 'only root of the first user namespace may say which devices a group opens',
  remedy: 'leave it: in a user namespace no device nodes can be made',
} as const satisfies Answer

function scopeOf({ id, cgroupsPath, rootless }: GroupRequest): ScopePlace {
  const path = cgroupsPath === undefined || cgroupsPath === '' ? `:carrel-oci:${id}` : cgroupsPath
  return atPointer('', () => parseScopePath(path, rootless ? 'user' : 'system'))
}

function withoutGroups(plan: GroupPlan): GroupPlan {
  const { devices: _, ...limits } = plan.resources
  const [asked] = Object.keys(limits)
  if (asked === undefined) return plan
  throw new UnsupportedError(`${resourcePointer(asked)} cannot be enforced, because groups are turned off`, {
    fact: 'cgroups.manager',
    remedy: 'leave out --cgroup-manager=disabled, or the limit',
  })
}

function withControllers(kernel: Kernel, spot: GroupSpot, rootless: boolean): GroupSpot {
  if (spot.version === 1) return spot
  return { ...spot, controllers: availableControllers(kernel, spot, rootless ? 'nearest' : 'top') }
}

/** A group that somebody has left is taken over, but not with processes in it: two containers would be killed, counted and limited as one. */
function assertFree(kernel: Kernel, spots: readonly GroupSpot[]): void {
  // Somebody may have made it in one hierarchy alone.
  const there = spots.filter(({ directory }) => exists(kernel, directory))
  const [first] = there
  if (!first) return
  // Whoever ends the container ends all that is in its groups, in whichever hierarchy.
  const [pid] = everyProcessOf(kernel, there)
  if (pid !== undefined) {
    const what = `/linux/cgroupsPath names the group ${first.directory}, in which process ${pid} is`
    throw new StateError(`${what}: choose another, or end what is in it`, { state: 'in use', wanted: 'an empty group' })
  }
  if (!isFrozen(kernel, there)) return
  throw new StateError(`/linux/cgroupsPath names the group ${first.directory}, which is frozen: thaw or remove it`, {
    state: 'frozen',
    wanted: 'a thawed group',
  })
}

function groupFiles(
  spot: GroupSpot,
  { controllers, plain }: TranslatedResources,
  sets: CpuSets | undefined,
): CgroupWrite[] {
  const values = spot.controllers.flatMap((name) => controllers.get(name) ?? [])
  const tree = spot.version === 2 ? plain : []
  const wantsSets = isCpusetV1(spot) && !values.some(({ file }) => file === 'cpuset.cpus')
  const filled = wantsSets && sets ? filledV1({}, sets) : []
  return [...filled, ...values, ...tree].map((each) => writeIn(spot.directory, each))
}

/** A v1 cpuset is made empty, and then can neither hold a process nor give anything to a group below it. */
const levelFiles = (spot: GroupSpot, sets: CpuSets | undefined): CgroupWrite[] =>
  isCpusetV1(spot) && sets
    ? sets.empty.flatMap((directory) => filledV1({}, sets).map((each) => writeIn(directory, each)))
    : []

const isCpusetV1 = ({ version, controllers }: GroupPlace): boolean => version === 1 && controllers.includes('cpuset')

/**
 * What is refused by name, but for two limits that hold without being enforced: devices where no node can be made, and swap
 * where there is none. Engines send both always: docker and podman `memory.swap` with every `memory.limit`.
 */
function tolerated(kernel: Kernel, notApplied: readonly NotApplied[]): readonly NotApplied[] {
  for (const each of notApplied) {
    const holds = each.limit === 'devices' ? each.reason === NO_DEVICES.reason : isSwap(each) && !hasSwap(kernel)
    if (!holds) throw refused(each)
  }
  return notApplied
}

const isSwap = ({ limit }: NotApplied): boolean => limit === 'memory.swap'

export const refused = (
  { limit, controller, reason, remedy }: NotApplied,
  prefix: '/linux/resources' | '' = '/linux/resources',
) =>
  new UnsupportedError(`${resourcePointer(limit, prefix)} cannot be enforced, because ${reason}`, {
    fact: `cgroups.${controller}`,
    remedy,
  })
