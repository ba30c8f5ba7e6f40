import type { NotApplied } from '../features/cgroups/find-refusal.ts'
import { formatGroupName } from '../features/cgroups/owner.ts'
import { type CgroupPlan, planCgroups, type PlanCgroupsOptions } from '../features/cgroups/plan-cgroups.ts'
import { requireApplied } from '../features/cgroups/require-applied.ts'
import { seccompFilter } from '../features/seccomp/index.ts'
import { assertMapped, type IdMap, outsideId, rangeMap, singleMap, subordinateMap } from '../features/users/id-map.ts'
import type { HostFacts } from '../host/facts.ts'
import type { Arch } from '../linux/arch.ts'
import type { Program } from '../program/builder.ts'
import { commandProgram, type CommandSettings, forkProgram } from './command-program.ts'
import { type HostProgram, hostProgram, leaveProgram, ownerMapProgram, type RecordPlan } from './host-program.ts'
import { type InitInput, initProgram, nameProgram } from './init-program.ts'
import type { CradleFacts } from './cradle.ts'
import { baseSpec, nameFiles, ownEtc, ownPlaces } from './layout.ts'
import { byOption } from './option-names.ts'
import { ProgramCache } from './program-cache.ts'
import type { SandboxRecord } from './sandbox-record.ts'
import type { ResourceLimits, Settings } from './settings.ts'

/** Everything that starting a sandbox does, as programs: one per process, in the order in which they begin. */
export interface SandboxPlan {
  readonly arch: Arch
  readonly settings: Settings
  readonly map: IdMap
  readonly cgroups: CgroupPlan
  /** Run by the root agent before the others: a user namespace per bind whose owner is shown as the sandbox's user */
  readonly owners: readonly HostProgram[]
  /** What the host program writes down */
  readonly record: RecordPlan | null
  /** Run by the root agent */
  readonly host: HostProgram
  /** Run by the sandbox's own first process, its PID 1 */
  readonly init: Program
  /** Run by the same process just after it */
  readonly name: Program
  /** Run by PID 1 for each command; the first time without being asked, so that a child is there already */
  readonly fork: HostProgram
  /** Trees that the host program sends and the init program has attached */
  readonly trees: number
  /** Run by the root agent when everything in the sandbox has ended; null when there is nothing to do */
  readonly leave: Program | null
  readonly filter: Uint8Array | null
  /** Limits of each process that stand in for group limits which this host cannot enforce, and the caller's own */
  readonly rlimits: ResourceLimits
  /** Limits that this host cannot enforce; none that the caller named unless best effort was asked for */
  readonly notApplied: readonly NotApplied[]
}

/**
 * Decides what must happen to make a sandbox. Pure: the same arguments give the same plan.
 * @param cradle what is known of the process that makes the sandbox's first one, when that is a cradle (see `fitsCradle`)
 * @throws UnsupportedError for a named limit that cannot be enforced, InvalidInputError for a user that cannot exist here
 */
export function planSandbox(settings: Settings, facts: HostFacts, cradle?: CradleFacts): SandboxPlan {
  const { arch } = facts
  const map = chooseMap(settings, facts)
  assertMapped(map, settings.user)
  const cgroups = planCgroups(settings.resources, facts.cgroups, {
    name: formatGroupName(settings.identity.id, settings.identity.owner),
    kill: true,
    account: accounted(facts),
  })
  const notApplied = byOption(cgroups.notApplied)
  if (!settings.bestEffort) requireApplied({ notApplied }, settings.unasked)
  const record = recordPlan(settings, cgroups)
  const privileged = map.writer === 'parent'
  const init = likeInit(facts, cradle !== undefined, { arch, settings, map, treesAttached: privileged })
  return {
    arch,
    settings,
    map,
    cgroups,
    record,
    owners: privileged ? ownerPrograms(arch, settings, map) : [],
    host: hostProgram({
      arch,
      settings,
      map,
      cgroups,
      opensTrees: privileged,
      directories: cradle?.directories ?? {},
      record,
    }),
    init,
    fork: fork(arch),
    name: nameProgram(arch, settings.hostname, nameFiles(settings)),
    trees: privileged ? settings.binds.length + (settings.rootfs ? 1 : 0) : 0,
    leave: leaveProgram(arch, cgroups, settings.identity),
    filter: settings.seccomp && seccompFilter(arch, settings.seccomp),
    rlimits: { ...standIns(cgroups.notApplied), ...settings.rlimits },
    notApplied,
  }
}

/** What every sandbox counts and can be stopped by. On v1 io would be a hierarchy more to make, join and leave for each: only when asked for. */
const accounted = ({ cgroups }: HostFacts): NonNullable<PlanCgroupsOptions['account']> =>
  cgroups.controllers.io?.version === 2
    ? ['memory', 'pids', 'cpu', 'io', 'freezer']
    : ['memory', 'pids', 'cpu', 'freezer']

/** What is written down for whoever looks from outside. */
function recordPlan(settings: Settings, cgroups: CgroupPlan): RecordPlan | null {
  const { identity, net, user, rootfs, resources } = settings
  const { recordDirectory, ...names } = identity
  if (recordDirectory === null) return null
  const shared = cgroups.groups.filter((group) => group.shared).map(({ directory }) => directory)
  const record: SandboxRecord = {
    version: 1,
    ...names,
    places: cgroups.groups
      .filter((group) => !group.shared)
      .map(({ directory, version, controllers }) => ({ directory, version, controllers })),
    ...(shared.length ? { shared: shared.reverse() } : {}),
    resources,
    net,
    user: { uid: user.uid, gid: user.gid },
    rootfs: rootfs?.path ?? null,
  }
  return { directory: recordDirectory, record }
}

/** The program of a command's process; kept for commands that are run again, in this sandbox or in one like it. */
export function planCommand(plan: SandboxPlan, command: CommandSettings): Program {
  const { arch, settings, map, filter } = plan
  const { user, capabilities } = settings
  const key = JSON.stringify([arch, user, capabilities, map.writer, command])
  return commandPrograms.get(filter ?? UNFILTERED, key, () => commandProgram({ arch, settings, map, filter, command }))
}

/** The init program is long, and the same for sandboxes that are alike: kept, so that making and encoding it is paid for once. */
function likeInit(
  facts: HostFacts,
  inCradle: boolean,
  input: Pick<InitInput, 'arch' | 'settings' | 'map' | 'treesAttached'>,
): Program {
  const { net, user, rootfs, binds, capabilities, etc, tmpBytes } = input.settings
  const key = JSON.stringify([
    inCradle,
    input.treesAttached,
    input.map.writer,
    net,
    user,
    rootfs,
    binds,
    capabilities,
    tmpBytes,
    ownEtc(etc),
  ])
  return initPrograms.get(facts, key, () =>
    initProgram({
      ...input,
      network: net === 'host' ? 'host' : inCradle ? 'inherited' : 'own',
      base: inCradle ? null : baseSpec(input.settings, facts),
      places: ownPlaces(input.settings),
      procPaths: facts.procPaths,
    }),
  )
}

const forks = new Map<Arch, HostProgram>()

function fork(arch: Arch): HostProgram {
  const known = forks.get(arch) ?? forkProgram(arch)
  forks.set(arch, known)
  return known
}

const UNFILTERED = {}
const initPrograms = new ProgramCache()
const commandPrograms = new ProgramCache()

/** Root gets a range that is nobody's; an ordinary user what /etc/subuid gives it, or its own id alone. */
function chooseMap(settings: Settings, facts: HostFacts): IdMap {
  const privileges = ['CAP_SETUID', 'CAP_SETGID', 'CAP_SYS_ADMIN']
  if (privileges.every((name) => facts.capabilities.includes(name))) return rangeMap(settings.range)
  const { newuidmap, newgidmap, uids, gids } = facts.subordinate
  const [uidRange, gidRange] = [uids[0], gids[0]]
  if (newuidmap && newgidmap && uidRange && gidRange)
    return subordinateMap(settings.user, facts, { uids: uidRange, gids: gidRange })
  return singleMap(settings.user, facts)
}

/** For each bind with an owner, a map that shows this owner as the sandbox's user and nobody else. */
function ownerPrograms(arch: Arch, settings: Settings, map: IdMap): HostProgram[] {
  return settings.binds.flatMap(({ owner }) => {
    if (!owner) return []
    const [uid, gid] = [outsideId(map.uids, settings.user.uid), outsideId(map.gids, settings.user.gid)]
    const row = (inside: number, outside = 0) => [{ inside, outside, count: 1 }]
    return [ownerMapProgram(arch, { uids: row(owner.uid, uid), gids: row(owner.gid, gid), writer: 'parent' })]
  })
}

function standIns(notApplied: readonly NotApplied[]): ResourceLimits {
  return Object.fromEntries(
    notApplied.flatMap(({ instead }) =>
      instead ? [[instead.rlimit, { soft: instead.value, hard: instead.value }]] : [],
    ),
  )
}
