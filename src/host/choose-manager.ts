import type { CgroupFacts, Controller, ControllerFacts, DelegationFacts, SystemdFacts } from './facts.ts'
import type { UnifiedTree } from './cgroups-v2.ts'
import type { HostSource } from './source.ts'

/** What decides who makes groups. */
export interface ManagerInput {
  readonly systemd: SystemdFacts | null
  readonly uid: number
  readonly v2: UnifiedTree | undefined
  readonly controllers: Readonly<Partial<Record<string, ControllerFacts>>>
  readonly delegated: DelegationFacts | undefined
}

type Manager = Pick<CgroupFacts, 'manager' | 'managerBecause' | 'scopeControllers'>

/**
 * systemd wants to be the only one who changes its tree (systemd.io/CGROUP_DELEGATION), so what it did not delegate is changed by
 * asking it; a delegated group is this process's own.
 */
export function chooseManager(source: HostSource, input: ManagerInput): Manager {
  const { systemd, uid, v2, controllers, delegated } = input
  const files = (managerBecause: string): Manager => ({ manager: 'files', managerBecause })
  if (!systemd) return files('systemd is not PID 1 here')
  const bus = uid === 0 ? systemd.systemBus : systemd.userBus
  if (delegated && isEnough(v2, controllers)) return files(`${delegated.directory} is delegated to this process`)
  if (bus === null) {
    return files(
      uid === 0 ? 'systemd runs here, but its bus cannot be reached' : 'this user has no systemd manager to ask',
    )
  }
  const unit = systemd.unit ?? systemd.controlGroup ?? 'the group of this process'
  const scopeControllers = v2 && readScopeControllers(source, v2.mountPoint, uid)
  return {
    manager: 'systemd',
    managerBecause: delegated
      ? `${unit} cannot give controllers to groups below it`
      : `${unit} belongs to systemd and is not delegated`,
    ...(scopeControllers?.length ? { scopeControllers } : {}),
  }
}

/** Those that systemd manages, systemd.resource-control(5): it hands on no others. */
const MANAGED: readonly Controller[] = ['cpu', 'cpuset', 'io', 'memory', 'pids']

/** The system manager has what the whole tree has, a user's manager what was delegated to its service. */
function readScopeControllers(source: HostSource, mountPoint: string, uid: number): readonly Controller[] {
  const manager = uid === 0 ? '' : `/user.slice/user-${uid}.slice/user@${uid}.service`
  const found = source.text(`${mountPoint}${manager}/cgroup.controllers`)?.trim().split(' ') ?? []
  return MANAGED.filter((name) => found.includes(name))
}

/** Whether groups can be made in the own group with any controller that is there at all. */
function isEnough(v2: UnifiedTree | undefined, controllers: ManagerInput['controllers']): boolean {
  const found = Object.values(controllers)
  if (v2 && (v2.escapes || !v2.usable.ok)) return false
  return found.length === 0 || found.some((one) => one?.usable.ok)
}
