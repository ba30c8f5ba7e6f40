import { readFileSync } from 'node:fs'
import { InvalidInputError, StateError, UnsupportedError } from '../../base/errors.ts'
import type { GroupPlace } from '../../features/cgroups/group-place.ts'
import { checkResources } from '../../features/cgroups/check-resources.ts'
import type { Resources } from '../../features/cgroups/resources.ts'
import { accounting, type SystemdPlan, systemdProperties } from '../../features/cgroups/systemd/systemd-properties.ts'
import type { UnitProperty } from '../../features/cgroups/systemd/systemd-property.ts'
import type { Controller } from '../../host/facts.ts'
import { machineSource } from '../../host/source.ts'
import type { CallOptions } from '../../linux/call-options.ts'
import { decodeMountinfo } from '../../linux/mountinfo.ts'
import { checkOptions, checkWord } from '../../process/check-options.ts'
import { defaultSlice } from './cgroups-path.ts'
import { type ManagerOptions, SystemdManager, usualManager } from './systemd-manager.ts'
import { readBack } from './read-back.ts'
import { controllerVersion, directoryOf, scopePlaces } from './scope-places.ts'
import { checkUnitName } from './unit-name.ts'

/** What a scope is made of. */
export interface StartScopeOptions extends ManagerOptions {
  /** Name of the unit, `carrel-1.scope` */
  readonly name: string
  /** Processes that are moved into it, as this process sees them; at least one: a scope ends with its last process */
  readonly pids: readonly number[]
  /** Default: `system.slice`, for a user's manager `user.slice` */
  readonly slice?: string
  readonly resources?: Resources
  /** What systemctl(1) shows beside the name */
  readonly description?: string
  /** How long processes may take to end by SIGTERM when the scope is stopped, before SIGKILL, `ms`; systemd's default is 90 s */
  readonly stopTimeoutMs?: number
}

const OPTIONS = [
  ...['name', 'pids', 'slice', 'resources', 'description', 'stopTimeoutMs'],
  ...['manager', 'socket', 'timeoutMs', 'signal'],
]

/** A live transient scope: a group that systemd made, and takes away when its last process has ended. */
export interface Scope {
  /** `carrel-1.scope` */
  readonly unit: string
  /** Path of its group as systemd says it, in systemd's own hierarchy: `/system.slice/carrel-1.scope` */
  readonly controlGroup: string
  /** Its directories as the kernel says them: on v1 one per hierarchy in which systemd made a group */
  readonly places: readonly GroupPlace[]
  /** What systemd has no properties for: to be written to files by the caller before anything relies on it */
  readonly byHand: Resources
  /**
   * Changes limits, until the scope ends; what is to be written by hand then.
   * @throws StateError when it has ended, or with `memory.checkBeforeUpdate` when it uses more memory; InvalidInputError, UnsupportedError
   */
  setProperties(resources: Resources, options?: CallOptions): Promise<Resources>
  /** Ends its processes by SIGTERM, then SIGKILL, and waits for it; a scope that has ended is no error. @throws StateError, TimeoutError */
  stop(options?: CallOptions): Promise<void>
  /** Makes systemd forget that it failed, and with it the unit. @throws StateError when systemd has no such unit */
  resetFailed(options?: CallOptions): Promise<void>
}

/**
 * Makes a transient scope that holds processes, with limits as unit properties, and waits for it. It is delegated: groups below it are
 * the caller's to make (systemd.io/CGROUP_DELEGATION).
 * @throws UnsupportedError where systemd does not run or cannot be asked, or a limit is not enforced: for want of a controller, or because
 * the kernel did not take it; in the last case the processes are in the scope already, for the caller to end
 * @throws InvalidInputError, StateError when the name is in use or systemd's job fails, TimeoutError, the signal's reason
 */
export async function startScope(options: StartScopeOptions): Promise<Scope> {
  checkScopeOptions(options)
  const { name, pids, resources = {} } = options
  await using manager = await SystemdManager.open(options)
  await manager.assertSamePids()
  const target = { version: controllerVersion(machineSource), systemd: await manager.version() }
  const plan = systemdProperties(resources, target)
  assertDevices(plan, manager)
  assertControllers(plan, await givenControllers(manager, target.version), manager)
  await manager.startTransient(name, [...scopeProperties(options), ...accounting(target), ...plan.properties])
  const places = scopePlaces(machineSource, pids[0] as number, name)
  assertControllers(plan, new Set(places.flatMap(({ controllers }) => controllers)), manager)
  await readBack(machineSource, name, plan.properties, places)
  return new LiveScope(options, { controlGroup: await manager.controlGroup(name), places, byHand: plan.byHand, target })
}

function checkScopeOptions(options: StartScopeOptions): void {
  checkOptions(options, OPTIONS, 'startScope()')
  const { name, pids, slice, stopTimeoutMs } = options
  checkWord(options.manager, ['system', 'user'], 'manager')
  checkUnitName(name, 'scope', 'name')
  if (slice !== undefined) checkUnitName(slice, 'slice', 'slice')
  if (options.resources !== undefined) checkResources(options.resources)
  if (!Array.isArray(pids) || pids.length === 0 || !pids.every((pid) => Number.isInteger(pid) && pid > 0)) {
    throw new InvalidInputError('pids must be a list of at least one process: systemd makes no scope without any', {
      field: 'pids',
    })
  }
  if (stopTimeoutMs !== undefined && !(Number.isFinite(stopTimeoutMs) && stopTimeoutMs >= 0)) {
    throw new InvalidInputError('stopTimeoutMs must be a number of milliseconds from 0 on', { field: 'stopTimeoutMs' })
  }
}

function scopeProperties(options: StartScopeOptions): readonly UnitProperty[] {
  const { name, pids, manager, slice, description, stopTimeoutMs } = options
  const kind = manager ?? usualManager(process.getuid?.() ?? 0)
  const micros = stopTimeoutMs === undefined ? undefined : BigInt(Math.ceil(stopTimeoutMs * 1000))
  return [
    { name: 'Description', signature: 's', value: description ?? `Carrel ${name}` },
    { name: 'Slice', signature: 's', value: slice ?? defaultSlice(kind) },
    { name: 'PIDs', signature: 'au', value: pids },
    { name: 'Delegate', signature: 'b', value: true },
    // Without it a scope whose processes were killed stays in systemd's list until somebody resets it, and keeps its name.
    { name: 'CollectMode', signature: 's', value: 'inactive-or-failed' },
    ...(micros === undefined ? [] : [{ name: 'TimeoutStopUSec', signature: 't', value: micros } as const]),
  ]
}

/** Controllers that a manager has for its units; undefined where that cannot be seen: then only the outcome tells. */
async function givenControllers(manager: SystemdManager, version: 1 | 2): Promise<ReadonlySet<string> | undefined> {
  // v1 cannot be delegated safely, and systemd gives no user a controller of it.
  if (version === 1) return manager.kind === 'user' ? new Set() : undefined
  const mounts = decodeMountinfo(machineSource.text('/proc/self/mountinfo') ?? '')
  const path = (await manager.ownGroup()) || '/'
  const directory = directoryOf(mounts, { controllers: [], path, version })
  const text = directory === undefined ? undefined : machineSource.text(`${directory}/cgroup.controllers`)
  return text === undefined ? undefined : new Set(text.split(/\s+/).filter(Boolean))
}

/** systemd passes over limits of controllers that it does not have. @throws UnsupportedError */
function assertControllers(
  { controllers }: Pick<SystemdPlan, 'controllers'>,
  given: ReadonlySet<string> | undefined,
  { kind }: SystemdManager,
): void {
  const missing = given ? controllers.filter((name: Controller) => !given.has(name)) : []
  if (missing.length === 0) return
  const whose = kind === 'user' ? "The user's systemd" : 'systemd'
  throw new UnsupportedError(
    `${whose} has no controller ${missing.join(', ')} here, and would not enforce such limits`,
    {
      fact: 'systemd.controllers',
      remedy:
        kind === 'user'
          ? `as root give it to user@.service by a drop-in with [Service] Delegate=${['cpu', 'memory', 'pids', ...missing].join(' ')}, on cgroup v2`
          : 'use a kernel that has it, or cgroup v2',
    },
  )
}

/** A user's systemd may load no BPF program, and leaves all devices open without a word. @throws UnsupportedError */
function assertDevices({ properties }: SystemdPlan, { kind }: SystemdManager): void {
  if (kind !== 'user' || !properties.some(({ value }) => value === 'strict')) return
  throw new UnsupportedError("The user's systemd cannot bound devices", {
    fact: 'systemd.devices',
    remedy:
      'ask the systemd of the system as root, or leave devices out: in a user namespace no device nodes can be made',
  })
}

interface LiveFacts extends Pick<Scope, 'controlGroup' | 'places' | 'byHand'> {
  readonly target: { readonly version: 1 | 2; readonly systemd: number }
}

class LiveScope implements Scope {
  readonly unit: string
  readonly controlGroup: string
  readonly places: readonly GroupPlace[]
  readonly byHand: Resources
  readonly #target: LiveFacts['target']
  readonly #manager: Pick<ManagerOptions, 'manager' | 'socket'>

  constructor({ name, manager, socket }: StartScopeOptions, { controlGroup, places, byHand, target }: LiveFacts) {
    this.unit = name
    this.controlGroup = controlGroup
    this.places = places
    this.byHand = byHand
    this.#target = target
    this.#manager = { ...(manager ? { manager } : {}), ...(socket === undefined ? {} : { socket }) }
  }

  async setProperties(resources: Resources, options: CallOptions = {}): Promise<Resources> {
    checkResources(resources, { live: true })
    const plan = systemdProperties(resources, this.#target)
    if (resources.memory?.checkBeforeUpdate) assertFits(this.places, resources.memory.limit)
    await using manager = await SystemdManager.open({ ...this.#manager, ...options })
    assertDevices(plan, manager)
    assertControllers(plan, new Set(this.places.flatMap(({ controllers }) => controllers)), manager)
    if (plan.properties.length > 0) await manager.setProperties(this.unit, plan.properties)
    await readBack(machineSource, this.unit, plan.properties, this.places)
    return plan.byHand
  }

  async stop(options: CallOptions = {}): Promise<void> {
    await using manager = await SystemdManager.open({ ...this.#manager, ...options })
    try {
      await manager.stop(this.unit)
    } catch (error) {
      if (!(error instanceof StateError && error.state === 'gone')) throw error
    }
  }

  async resetFailed(options: CallOptions = {}): Promise<void> {
    await using manager = await SystemdManager.open({ ...this.#manager, ...options })
    await manager.resetFailed(this.unit)
  }
}

/** The kernel of v2 takes a limit below what is in use and kills: who wants to be asked first is. @throws StateError */
function assertFits(places: readonly GroupPlace[], limit: number | undefined): void {
  const place = places.find(({ controllers }) => controllers.includes('memory'))
  if (!place || limit === undefined || limit < 0) return
  const file = place.version === 2 ? 'memory.current' : 'memory.usage_in_bytes'
  const used = Number(readFileSync(`${place.directory}/${file}`, 'utf8'))
  if (used <= limit) return
  throw new StateError(
    `memory.limit of ${limit} bytes is below the ${used} bytes in use: leave out checkBeforeUpdate to have processes killed`,
    {
      state: `${used} bytes in use`,
      wanted: `at most ${limit}`,
    },
  )
}
