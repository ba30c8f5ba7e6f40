import type { CgroupFacts, Controller, ControllerFacts } from '../../../host/facts.ts'
import type { DeviceRule } from '../../devices/device-rule.ts'
import { cpuV1, cpuV2 } from './cpu-writes.ts'
import { cpusetV1, cpusetV2 } from './cpuset-writes.ts'
import {
  findRefusal,
  findUnifiedRefusal,
  noController,
  type NotApplied,
  notApplied,
  type Why,
} from '../find-refusal.ts'
import { hugetlbV1, hugetlbV2 } from './hugetlb-writes.ts'
import { ioV1, ioV2 } from './io-writes.ts'
import { memoryV1, memoryV2 } from './memory-writes.ts'
import type { Resources } from '../resources.ts'
import { freezerV1, freezeV2, netClsV1, netClsV2, netPrioV1, netPrioV2, pidsMax, rdmaMax } from './small-writes.ts'
import { devicesV1 } from './translate-devices.ts'
import { type FileValue, isRefused, type Translation, type TranslationContext, type Translator } from './translation.ts'
import { controllerIn, PLAIN_FILES, refuseUnified, unifiedWrites } from './unified-writes.ts'

const nothing: Translator = () => []

/** What each controller makes of resources, on each version; `devices` and `freezer` are controllers on v1 alone. */
const TRANSLATORS: Readonly<Record<TranslatedController, Readonly<Record<1 | 2, Translator>>>> = {
  memory: { 1: memoryV1, 2: memoryV2 },
  pids: { 1: pidsMax, 2: pidsMax },
  cpu: { 1: cpuV1, 2: cpuV2 },
  cpuset: { 1: cpusetV1, 2: cpusetV2 },
  io: { 1: ioV1, 2: ioV2 },
  hugetlb: { 1: hugetlbV1, 2: hugetlbV2 },
  rdma: { 1: rdmaMax, 2: rdmaMax },
  misc: { 1: nothing, 2: nothing },
  net_cls: { 1: netClsV1, 2: netClsV2 },
  net_prio: { 1: netPrioV1, 2: netPrioV2 },
  freezer: { 1: freezerV1, 2: nothing },
}

type TranslatedController = Exclude<Controller, 'devices' | 'cpuacct' | 'perf_event'>

/** What a file of a live group says now, by controller; `cgroup` is the group in the v2 tree. */
export type LiveText = (controller: Controller | 'cgroup', file: string) => string | undefined

/** Resources as this host, or a live group, takes them. */
export interface TranslatedResources {
  /** Writes of each controller that is needed, in order */
  readonly controllers: ReadonlyMap<Controller, readonly FileValue[]>
  /** Writes to the group in the v2 tree that need no controller */
  readonly plain: readonly FileValue[]
  /** Rules for a program on the v2 group; null: v1's lists hold them, or there are none */
  readonly devices: readonly DeviceRule[] | null
  readonly notApplied: readonly NotApplied[]
  /** Whether a live group must be frozen while v1's device lists are written */
  readonly opens: boolean
}

/** Turns resources into files of the controllers of this host; what cannot be had is in `notApplied`, by name. */
export function translate(resources: Resources, facts: CgroupFacts, live?: LiveText): TranslatedResources {
  const controllers = new Map<Controller, readonly FileValue[]>()
  const refused: NotApplied[] = []
  for (const controller of Object.keys(TRANSLATORS) as TranslatedController[]) {
    if (controller === 'freezer' && (canFreeze(facts) || !facts.controllers.freezer)) continue
    const { files, not } = translateOne(controller, resources, facts, live)
    if (files.length > 0) controllers.set(controller, files)
    refused.push(...not)
  }
  const tree = translateTree(resources, facts, live)
  const devices = translateDevices(resources, facts, live)
  if (devices.files.length > 0) controllers.set('devices', devices.files)
  return {
    controllers,
    plain: tree.files,
    devices: devices.rules,
    notApplied: [...refused, ...tree.not, ...devices.not, ...unknownUnified(resources)],
    opens: devices.opens,
  }
}

interface Part {
  readonly files: readonly FileValue[]
  readonly not: readonly NotApplied[]
}

function translateOne(
  controller: TranslatedController,
  resources: Resources,
  facts: CgroupFacts,
  live: LiveText | undefined,
): Part {
  const why = findRefusal(controller, facts)
  const found = facts.controllers[controller]
  if (why || !found) return refuseAll(controller, resources, facts, why ?? noController(controller))
  const translations = TRANSLATORS[controller][found.version](resources, contextOf(controller, found, facts, live))
  const raw = found.version === 2 ? unifiedWrites(resources, controller) : refuseUnified(resources, controller)
  return split(controller, [...translations, ...raw], resources)
}

/** Everything that was asked of a controller that is not there; what v2 never has says so itself. */
function refuseAll(controller: TranslatedController, resources: Resources, facts: CgroupFacts, why: Why): Part {
  const version = facts.mode === 'v2' ? 2 : 1
  const asked = TRANSLATORS[controller][version](resources, { swap: true, parent: '' })
  const onlyOnV1 = version === 2 && (controller === 'net_cls' || controller === 'net_prio')
  const translations = [...asked, ...unifiedWrites(resources, controller)].map((each): Translation =>
    onlyOnV1 && isRefused(each) ? each : { asks: each.asks, ...why },
  )
  return split(controller, translations, resources)
}

/** What has to be read from the host is read only by translators that ask for it. */
const contextOf = (
  controller: Controller,
  found: ControllerFacts,
  { swap }: CgroupFacts,
  live: LiveText | undefined,
): TranslationContext => ({
  swap,
  parent: found.parent,
  get files() {
    return found.files
  },
  get cpus() {
    return found.cpus
  },
  get mems() {
    return found.mems
  },
  ...(live ? { live: (file: string) => live(controller, file) } : {}),
})

/** Writes on one side, refusals by name on the other, each wish once. */
function split(controller: string, translations: readonly Translation[], resources: Resources): Part {
  const not = new Map<string, NotApplied>()
  for (const each of translations.filter(isRefused)) {
    for (const ask of each.asks) if (!not.has(ask)) not.set(ask, notApplied(ask, controller, each, resources))
  }
  return { files: translations.filter((each): each is FileValue => !isRefused(each)), not: [...not.values()] }
}

/** Whether groups of the v2 tree can be frozen, so that v1's freezer is not needed. */
export const canFreeze = ({ unified }: CgroupFacts): boolean => unified?.usable.ok === true && unified.freeze

/** What the v2 tree does without controllers. */
function translateTree(resources: Resources, facts: CgroupFacts, live: LiveText | undefined): Part {
  const why = findUnifiedRefusal(facts)
  const context = { swap: false, parent: '', ...(live ? { live: (file: string) => live('cgroup', file) } : {}) }
  const frozen = canFreeze(facts) || !facts.controllers.freezer ? freezeV2(resources, context) : []
  const raw = unifiedWrites(resources, 'cgroup')
  const noFreeze: Why = { reason: 'groups here have no cgroup.freeze', remedy: 'use Linux 5.2 or later' }
  return split(
    'cgroup',
    [
      ...frozen.map((each): Translation => (canFreeze(facts) ? each : { asks: each.asks, ...(why ?? noFreeze) })),
      ...raw.map((each): Translation => (why ? { asks: each.asks, ...why } : each)),
    ],
    resources,
  )
}

/** v1's lists where they can be had, because they need no right to load programs; else a program on the v2 group. */
function translateDevices(
  resources: Resources,
  facts: CgroupFacts,
  live: LiveText | undefined,
): Part & { readonly rules: readonly DeviceRule[] | null; readonly opens: boolean } {
  const { devices: rules } = resources
  // No rules restrict nothing, as a new group does; to write so is an error where a group above is restricted.
  if (!rules || (rules.length === 0 && !live)) return { files: [], not: [], rules: null, opens: false }
  const v1 = facts.controllers.devices?.usable.ok === true
  const why = facts.deviceRules.ok ? (v1 ? undefined : noDevices(facts)) : facts.deviceRules
  if (why) return { files: [], not: [notApplied('devices', 'devices', why, resources)], rules: null, opens: false }
  if (!v1) return { files: [], not: [], rules, opens: false }
  const list = live ? (live('devices', 'devices.list') ?? 'a *:* rwm') : null
  const { writes, refused, opens } = devicesV1(rules, list)
  return { ...split('devices', [...writes, ...refused], resources), rules: null, opens }
}

/** Why neither v1's lists nor a program on the v2 group can be had. */
const noDevices = (facts: CgroupFacts): Why | undefined =>
  findUnifiedRefusal(facts) && (findRefusal('devices', facts) ?? findUnifiedRefusal(facts))

/** Raw files of controllers that nobody here knows. */
function unknownUnified(resources: Resources): NotApplied[] {
  return Object.keys(resources.unified ?? {})
    .filter((file) => !Object.hasOwn(TRANSLATORS, controllerIn(file)) && !PLAIN_FILES.includes(file))
    .map((file) => notApplied(`unified.${file}`, controllerIn(file), noController(controllerIn(file)), resources))
}
