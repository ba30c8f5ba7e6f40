import { atPointer } from '../../bundle/cgroups/resource-pointer.ts'
import { StateError, UnsupportedError } from '../../base/errors.ts'
import type { ManagerKind } from '../../cgroup/systemd/bus-places.ts'
import { isWritten, notEnforced } from '../../cgroup/systemd/written.ts'
import type { GroupPlace } from '../../features/cgroups/group-place.ts'
import type { Resources } from '../../features/cgroups/resources.ts'
import { accounting, type SystemdPlan, systemdProperties } from '../../features/cgroups/systemd/systemd-properties.ts'
import type { SystemdTarget, UnitProperty } from '../../features/cgroups/systemd/systemd-property.ts'
import type { Controller } from '../../host/facts.ts'
import { attempt } from '../../kernel/call.ts'
import { readText } from '../../kernel/files.ts'
import type { Kernel } from '../../kernel/kernel.ts'
import { controllerOf, findHierarchies, readMemberships } from './hierarchies.ts'
import { writeLimits } from './limit-files.ts'
import { Patience } from './patience.ts'
import type { GroupPlan } from './plan-group.ts'
import { readGroupFile } from './processes.ts'
import { replaceDevices } from './replace-devices.ts'
import { SyncSystemd } from './sync-systemd.ts'

/** How long systemd may take to write what it has answered for already, `ms` */
const WRITTEN_MS = 2000

/** A scope that was started. */
export interface StartedScope {
  readonly places: readonly GroupPlace[]
  /** Name of the unit */
  readonly scope: string
}

/**
 * Has systemd make the group of a container: a transient scope with its first process, delegated, limits as properties; waits for it, and
 * writes what systemd has no property for.
 * @param pid of the first process, which is in no group of its own yet
 * @throws UnsupportedError where systemd cannot be asked, or a limit is not enforced; StateError when the name is in use; InvalidInputError
 */
export function startScopeSync(kernel: Kernel, { scope, resources, rootless }: GroupPlan, pid: number): StartedScope {
  if (!scope) throw new StateError('The plan has no scope', { state: 'cgroupfs', wanted: 'systemd' })
  // A user's systemd may load no BPF program; in a user namespace no device nodes can be made.
  const { devices, ...others } = resources
  const wanted = rootless || !devices ? others : resources
  const systemd = SyncSystemd.open(kernel, kindOf(rootless))
  try {
    systemd.assertSamePids(kernel)
    const target = { version: versionOf(kernel), systemd: systemd.version() }
    const plan = atPointer('/linux/resources', () => systemdProperties(wanted, target))
    systemd.startTransient(scope.unit, [...scopeProperties(scope, pid), ...accounting(target), ...plan.properties])
    const places = scopePlaces(kernel, pid, scope.unit)
    assertControllers(plan, places)
    readBack(kernel, scope.unit, { plan, places })
    const rules = writeLimits(kernel, places, { resources: plan.byHand, prefix: '/linux/resources' })
    const tree = places.find(({ version }) => version === 2)
    if (rules && tree) replaceDevices(kernel, tree.directory, rules)
    return { places, scope: scope.unit }
  } finally {
    systemd.close()
  }
}

/** What is to be changed of a live scope. */
export interface ScopeUpdate {
  readonly scope: string
  readonly groups: readonly GroupPlace[]
  readonly resources: Resources
}

/** Changes limits of a live scope by its properties, so that systemd keeps them; what is to be written by hand then. @throws as `startScopeSync` */
export function updateScopeSync(kernel: Kernel, { scope, groups, resources }: ScopeUpdate): Resources {
  const systemd = SyncSystemd.open(kernel, ownKind(kernel))
  try {
    const target: SystemdTarget = { version: versionOf(kernel), systemd: systemd.version() }
    const plan = atPointer('', () => systemdProperties(resources, target))
    assertControllers(plan, groups)
    if (plan.properties.length > 0) systemd.setProperties(scope, plan.properties)
    readBack(kernel, scope, { plan, places: groups })
    return plan.byHand
  } finally {
    systemd.close()
  }
}

/** Ends a scope and what is in it, and waits for that; one that has ended is no error. @throws StateError, UnsupportedError */
export function stopScopeSync(kernel: Kernel, scope: string): void {
  const systemd = SyncSystemd.open(kernel, ownKind(kernel))
  try {
    systemd.stop(scope)
  } catch (error) {
    if (!(error instanceof StateError && error.state === 'gone')) throw error
  } finally {
    systemd.close()
  }
}

const kindOf = (rootless: boolean): ManagerKind => (rootless ? 'user' : 'system')
const ownKind = (kernel: Kernel): ManagerKind => kindOf(attempt(kernel, 'geteuid') !== 0 || !isFirstNamespace(kernel))

/** user_namespaces(7): the first one maps all ids to themselves. */
const isFirstNamespace = (kernel: Kernel): boolean =>
  /^\s*0\s+0\s+4294967295\s*$/.test(readText(kernel, '/proc/self/uid_map') ?? '0 0 4294967295')

const versionOf = (kernel: Kernel): 1 | 2 =>
  readMemberships(kernel, 'self').some(({ names }) => names.some((name) => !name.includes('='))) ? 1 : 2

const scopeProperties = (
  { unit, slice }: { readonly unit: string; readonly slice: string },
  pid: number,
): UnitProperty[] => [
  { name: 'Description', signature: 's', value: `Container ${unit.replace(/\.scope$/, '')}` },
  { name: 'Slice', signature: 's', value: slice },
  { name: 'PIDs', signature: 'au', value: [pid] },
  { name: 'Delegate', signature: 'b', value: true },
  // Without it a scope whose processes were killed stays in systemd's list until somebody resets it, and keeps its name.
  { name: 'CollectMode', signature: 's', value: 'inactive-or-failed' },
  // The engine decides what ends when the machine goes down, not an order among units.
  { name: 'DefaultDependencies', signature: 'b', value: false },
]

/** Where a process is now, by what the kernel says; hierarchies in which systemd made no group are not the container's. */
function scopePlaces(kernel: Kernel, pid: number, unit: string): readonly GroupPlace[] {
  // systemd puts an underscore before names that a file of the kernel could have.
  const isIn = (path: string): boolean => path.endsWith(`/${unit}`) || path.endsWith(`/_${unit}`)
  const own = readMemberships(kernel, pid).filter(({ path }) => isIn(path))
  const places = findHierarchies(kernel).flatMap(({ version, controllers, mount }): GroupPlace[] => {
    const found = own.find((each) => each.version === version && sameControllers(each.names, controllers))
    if (!found) return []
    const directory = mount + found.path
    if (version === 1) return [{ directory, version, controllers }]
    const names = (readText(kernel, `${directory}/cgroup.controllers`) ?? '').split(/\s+/)
    return [{ directory, version, controllers: names.flatMap(controllerOf) }]
  })
  if (places.length > 0) return places
  throw new StateError(`Process ${pid} is not in ${unit}, which systemd has just put it into: it has ended, or left`, {
    state: 'outside',
    wanted: 'a process that stays',
  })
}

const sameControllers = (names: readonly string[], controllers: readonly Controller[]): boolean =>
  names.flatMap(controllerOf).join() === controllers.join()

/** systemd passes over limits of controllers that it does not have. @throws UnsupportedError */
function assertControllers({ controllers }: SystemdPlan, places: readonly GroupPlace[]): void {
  const missing = controllers.filter((name) => !places.some((place) => place.controllers.includes(name)))
  if (missing.length === 0) return
  throw new UnsupportedError(`systemd has no controller ${missing.join(', ')} here, and does not enforce such limits`, {
    fact: 'systemd.controllers',
    remedy: `for a user, as root give it to user@.service by a drop-in with [Service] Delegate=${['cpu', 'memory', 'pids', ...missing].join(' ')}; else use cgroup v2`,
  })
}

/** Waits until the kernel has what systemd was told: systemd logs a write that fails, and goes on. @throws UnsupportedError */
function readBack(
  kernel: Kernel,
  unit: string,
  { plan, places }: { readonly plan: SystemdPlan; readonly places: readonly GroupPlace[] },
): void {
  const source = { text: (path: string) => readGroupFile(kernel, path) }
  const wrong = (): UnitProperty | undefined => plan.properties.find((each) => !isWritten(source, each, places))
  const end = performance.now() + WRITTEN_MS
  const patience = new Patience(kernel, () => `systemd did not write the limits of ${unit}`, 2 * WRITTEN_MS)
  for (let found = wrong(); found; found = wrong()) {
    if (performance.now() > end) throw notEnforced(unit, found.name)
    patience.pause()
  }
}
