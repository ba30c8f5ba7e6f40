import { InvalidInputError } from '../../base/errors.ts'
import type { Answer, CgroupFacts, Controller, ControllerFacts } from '../../host/facts.ts'
import type { DeviceRule } from '../devices/device-rule.ts'
import { checkResources } from './check-resources.ts'
import type { NotApplied } from './find-refusal.ts'
import type { GroupPlace } from './group-place.ts'
import { type CgroupWrite, writeIn } from './plan-cgroups.ts'
import type { Resources } from './resources.ts'
import { type LiveText, translate } from './writes/translate.ts'

/** A change of a live group, as data. */
export interface UpdatePlan {
  /** In the order in which the kernel takes them */
  readonly writes: readonly CgroupWrite[]
  /** What the live group cannot be given */
  readonly notApplied: readonly NotApplied[]
  /** Rules for the program that replaces the one on the v2 group; null: v1's lists are among the writes, or nothing changes */
  readonly devices: readonly DeviceRule[] | null
  /** Whether the group may use more devices between the writes than before and after, so that it must be frozen meanwhile */
  readonly opens: boolean
}

/** Files whose present values decide whether and in which order an update can be made: `planUpdate` wants their texts. */
export function updateReads(resources: Resources, places: readonly GroupPlace[]): string[] {
  const files = [...memoryReads(resources), ...cpuReads(resources), ...(resources.devices ? [DEVICES] : [])]
  return files.flatMap(([controller, names]) => {
    const place = findPlace(places, controller)
    return place ? names[place.version].map((name) => `${place.directory}/${name}`) : []
  })
}

type Reads = readonly [controller: Controller, files: Readonly<Record<1 | 2, readonly string[]>>]

const DEVICES: Reads = ['devices', { 1: ['devices.list'], 2: [] }]

function memoryReads({ memory }: Resources): Reads[] {
  if (memory?.limit === undefined && memory?.swap === undefined) return []
  const usage = memory.checkBeforeUpdate && memory.limit !== undefined
  return [
    [
      'memory',
      {
        1: ['memory.limit_in_bytes', 'memory.memsw.limit_in_bytes', ...(usage ? ['memory.usage_in_bytes'] : [])],
        2: [...(memory.swap === undefined ? [] : ['memory.max']), ...(usage ? ['memory.current'] : [])],
      },
    ],
  ]
}

function cpuReads({ cpu }: Resources): Reads[] {
  if (!cpu) return []
  const { quota, period, burst, realtimePeriod } = cpu
  const bandwidth = quota !== undefined || period !== undefined || burst !== undefined
  return [
    [
      'cpu',
      {
        1: [
          ...(period === undefined ? [] : ['cpu.cfs_period_us']),
          ...(bandwidth ? ['cpu.cfs_burst_us'] : []),
          ...(realtimePeriod === undefined ? [] : ['cpu.rt_period_us']),
        ],
        2: bandwidth ? ['cpu.max', 'cpu.max.burst'] : [],
      },
    ],
  ]
}

/**
 * Plans a change of a live group.
 * @param texts what the files of `updateReads` say, by path; those that are not there are left out
 * @throws InvalidInputError for resources that cannot be meant, or not for this group as it is now
 */
export function planUpdate(
  resources: Resources,
  places: readonly GroupPlace[],
  facts: CgroupFacts,
  texts: ReadonlyMap<string, string>,
): UpdatePlan {
  checkResources(resources, { live: true })
  const live = liveText(places, texts)
  checkMemory(resources, places, live)
  checkBurst(resources, places, live)
  const { controllers, plain, devices, notApplied, opens } = translate(resources, factsOf(places, facts), live)
  const writes = [...controllers].flatMap(([controller, files]) => {
    const place = findPlace(places, controller)
    return place ? files.map((each) => writeIn(place.directory, each)) : []
  })
  const tree = places.find(({ version }) => version === 2)
  return {
    writes: [...writes, ...(tree ? plain.map((each) => writeIn(tree.directory, each)) : [])],
    notApplied,
    devices,
    opens,
  }
}

const findPlace = (places: readonly GroupPlace[], controller: Controller): GroupPlace | undefined =>
  places.find(({ controllers }) => controllers.includes(controller))

function liveText(places: readonly GroupPlace[], texts: ReadonlyMap<string, string>): LiveText {
  return (controller, file) => {
    const place = controller === 'cgroup' ? undefined : findPlace(places, controller)
    return place && texts.get(`${place.directory}/${file}`)?.trim()
  }
}

/** The host as one live group sees it: only the controllers that it is in can be used. */
function factsOf(places: readonly GroupPlace[], facts: CgroupFacts): CgroupFacts {
  const { unified, ...rest } = facts
  const controllers: Partial<Record<Controller, ControllerFacts>> = {}
  for (const name of Object.keys(facts.controllers) as Controller[]) {
    const { version, parent } = facts.controllers[name] ?? {}
    if (version && parent !== undefined) controllers[name] = { version, parent, usable: notIn(name) }
  }
  for (const place of places) {
    for (const name of place.controllers) controllers[name] = ownFacts(place, facts.controllers[name])
  }
  const tree = places.find(({ version }) => version === 2)
  const usable: Answer = tree
    ? { ok: true }
    : { ok: false, reason: 'the group is not in the v2 tree', remedy: 'make it again where there is one' }
  // A group that is there shows that there is a tree; whether it can be frozen the write tells.
  const known = unified ?? (tree ? { parent: tree.directory, kill: true, freeze: true } : undefined)
  return { ...rest, controllers, ...(known ? { unified: { ...known, usable } } : {}) }
}

/** What the host says about the controller, of which much is read only when somebody asks for it. */
function ownFacts({ directory, version }: GroupPlace, found: ControllerFacts | undefined): ControllerFacts {
  const known = found?.version === version ? found : undefined
  return {
    version,
    parent: directory,
    usable: { ok: true },
    ...(known?.cpus === undefined ? {} : { cpus: known.cpus }),
    ...(known?.mems === undefined ? {} : { mems: known.mems }),
    get files() {
      return known?.files
    },
  }
}

const notIn = (controller: Controller): Answer => ({
  ok: false,
  reason: `the group was made without the ${controller} controller`,
  remedy: `make it again with a limit of ${controller} from the start`,
})

/** What the present bounds forbid is said here in words: the kernel would say EINVAL or, on v2, kill. */
function checkMemory({ memory }: Resources, places: readonly GroupPlace[], live: LiveText): void {
  const version = findPlace(places, 'memory')?.version
  if (!memory || version === undefined) return
  const { limit, swap, checkBeforeUpdate } = memory
  const limitNow = bytesIn(live('memory', version === 1 ? 'memory.limit_in_bytes' : 'memory.max'))
  if (swap !== undefined && swap !== -1 && limit === undefined) {
    if (limitNow === undefined) throw refuse('memory.swap', 'needs memory.limit, because the group has none: give both')
    if (swap < limitNow) throw refuse('memory.swap', `must not be below the group’s memory.limit, ${limitNow}`)
  }
  const bothNow = version === 1 ? bytesIn(live('memory', 'memory.memsw.limit_in_bytes')) : undefined
  if (limit !== undefined && limit !== -1 && swap === undefined && bothNow !== undefined && limit > bothNow) {
    throw refuse(
      'memory.limit',
      `must not be above the group’s memory.swap, ${bothNow}, which counts both: give it too`,
    )
  }
  const used = bytesIn(live('memory', version === 1 ? 'memory.usage_in_bytes' : 'memory.current'))
  if (checkBeforeUpdate && limit !== undefined && limit !== -1 && used !== undefined && used > limit) {
    throw refuse(
      'memory.limit',
      `must not be below what the group uses now, ${used}: choose more, or end something in it`,
    )
  }
}

/** A quota below the burst of the group is EINVAL. */
function checkBurst({ cpu }: Resources, places: readonly GroupPlace[], live: LiveText): void {
  const version = findPlace(places, 'cpu')?.version
  if (version === undefined || cpu?.quota === undefined || cpu.quota === -1 || cpu.burst !== undefined) return
  const burst = bytesIn(live('cpu', version === 1 ? 'cpu.cfs_burst_us' : 'cpu.max.burst')) ?? 0
  if (burst > cpu.quota) throw refuse('cpu.quota', `must not be below the group’s cpu.burst, ${burst}: give it too`)
}

/** v1 shows no limit as the largest number of whole pages. */
const NO_LIMIT = 2 ** 62

function bytesIn(text: string | undefined): number | undefined {
  const value = text === undefined || text === 'max' ? Number.NaN : Number(text)
  return Number.isNaN(value) || value >= NO_LIMIT ? undefined : value
}

const refuse = (field: string, rule: string): InvalidInputError => new InvalidInputError(`${field} ${rule}`, { field })
