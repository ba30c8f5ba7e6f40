import type { Answer, CgroupFacts, Controller, ControllerFacts, DelegationFacts, HostFacts } from '../host/facts.ts'
import { answerOf, type DoctorRow } from './doctor-row.ts'

/** What people call the limit that a controller enforces. */
const LIMIT_NAMES: readonly (readonly [Controller, string])[] = [
  ['memory', 'memory limit'],
  ['pids', 'process limit'],
  ['cpu', 'cpu limit'],
  ['cpuset', 'cpu binding'],
  ['io', 'io limit'],
]

/** Where groups of sandboxes are made, by whom, and what they can do. */
export function doctorCgroupRows({ cgroups, uid, systemd }: HostFacts): DoctorRow[] {
  const section = `Cgroups (${cgroups.mode})`
  const row = (name: string, answer: Answer, detail: string): DoctorRow => ({
    ...{ section, name, answer, needed: false, detail },
  })
  const swap = answerOf(cgroups.swap, 'swap is not counted per group', 'boot the kernel with swapaccount=1')
  return [
    row('manager', { ok: true }, `${cgroups.manager}: ${cgroups.managerBecause}`),
    row('delegation', delegationAnswer(cgroups, uid), delegationDetail(cgroups, systemd !== null)),
    row('own limits', ownLimits(cgroups), ownLimitsDetail(cgroups)),
    ...LIMIT_NAMES.map(([controller, name]) => row(name, ...limit(controller, cgroups))),
    row('swap limit', swap, 'counted with memory'),
    row('cgroup.kill', killAnswer(cgroups), inUnified(cgroups)),
    row('freezing', freezeAnswer(cgroups), freezeDetail(cgroups)),
    row('device rules', cgroups.deviceRules, cgroups.controllers.devices ? 'v1 lists' : 'BPF programs on v2 groups'),
  ]
}

/** Words for how a group was given away. */
const BY: Readonly<Record<DelegationFacts['by'], string>> = {
  owner: 'belongs to this user',
  attribute: 'is delegated by systemd',
  unit: 'has Delegate= in its unit',
  namespace: 'is the root of this cgroup namespace',
}

function delegationAnswer({ delegated, manager, mode, unified }: CgroupFacts, uid: number): Answer {
  if (mode === 'none') return NOTHING
  if (delegated || manager === 'systemd' || (uid === 0 && unified?.usable.ok !== false)) return { ok: true }
  return answerOf(
    false,
    'the group of this process was not given to it',
    uid === 0
      ? 'give this container a writable cgroup tree of its own (podman and docker: --cgroupns=private with a writable /sys/fs/cgroup)'
      : 'systemd-run --user --scope -p Delegate=yes carrel …, or run as root',
  )
}

function delegationDetail({ delegated, manager }: CgroupFacts, systemd: boolean): string {
  if (delegated) return `${delegated.directory} ${BY[delegated.by]}`
  if (manager === 'systemd') return 'systemd is asked for a scope with Delegate=yes'
  return systemd
    ? 'none: groups are made behind the back of systemd'
    : 'not needed by root where no systemd owns the tree'
}

function ownLimits({ unified, manager, mode }: CgroupFacts): Answer {
  if (mode === 'none') return NOTHING
  if (manager === 'systemd' || !unified?.escapes) return { ok: true }
  return answerOf(
    false,
    `groups are made below ${unified.parent}, where limits of ${unified.own ?? 'the own group'} do not bind them`,
    'start carrel in a group that holds nothing else: systemd-run --scope -p Delegate=yes carrel …',
  )
}

const ownLimitsDetail = ({ manager }: CgroupFacts): string =>
  manager === 'systemd' ? 'those of the slice bind sandboxes too' : 'those of the own group bind sandboxes too'

function limit(controller: Controller, cgroups: CgroupFacts): [Answer, string] {
  if (cgroups.scopeControllers?.includes(controller)) return [{ ok: true }, 'v2 in a scope of systemd']
  const found = cgroups.controllers[controller]
  return found ? [found.usable, whereOf(found)] : [absent(controller, cgroups), '']
}

const NOTHING = answerOf(false, 'no cgroup file system is mounted', 'mount -t cgroup2 none /sys/fs/cgroup')

function absent(controller: Controller, { mode }: CgroupFacts): Answer {
  if (mode === 'none') return NOTHING
  const name = controller === 'io' && mode !== 'v2' ? 'blkio' : controller
  const mount =
    mode === 'v2'
      ? `boot without cgroup_disable=${name}`
      : `mkdir /sys/fs/cgroup/${name}; mount -t cgroup -o ${name} none /sys/fs/cgroup/${name}`
  return answerOf(false, `this host has no ${name} controller`, mount)
}

function whereOf({ version, parent, enable = [] }: ControllerFacts): string {
  return `v${version} below ${parent}${enable.length ? `, to be enabled in ${enable.join(' and ')}` : ''}`
}

const NO_UNIFIED = answerOf(
  false,
  'no cgroup v2 tree is mounted',
  'mkdir /sys/fs/cgroup/unified; mount -t cgroup2 none /sys/fs/cgroup/unified',
)

function killAnswer({ unified, manager }: CgroupFacts): Answer {
  if (!unified) return NO_UNIFIED
  if (!unified.kill) return answerOf(false, 'this kernel has no cgroup.kill', 'use Linux 5.14 or newer')
  return manager === 'systemd' ? { ok: true } : unified.usable
}

/** The v2 file where there is one, as it needs no controller; else the controller of v1. */
function freezeAnswer(cgroups: CgroupFacts): Answer {
  const { unified, manager } = cgroups
  if (unified?.freeze && (manager === 'systemd' || unified.usable.ok)) return { ok: true }
  const freezer = cgroups.controllers.freezer
  if (freezer) return freezer.usable
  if (!unified) return NO_UNIFIED
  return unified.freeze ? unified.usable : answerOf(false, 'this kernel has no cgroup.freeze', 'use Linux 5.2 or newer')
}

const freezeDetail = (cgroups: CgroupFacts): string =>
  cgroups.unified?.freeze
    ? `cgroup.freeze, ${inUnified(cgroups)}`
    : `v1 below ${cgroups.controllers.freezer?.parent ?? ''}`

const inUnified = ({ unified, manager }: CgroupFacts): string =>
  manager === 'systemd' ? 'v2 in a scope of systemd' : `v2 below ${unified?.parent ?? ''}`
