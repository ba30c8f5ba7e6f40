import type { Membership } from './cgroup-context.ts'
import type { SystemdFacts } from './facts.ts'
import type { HostSource } from './source.ts'

/** systemd as PID 1 and how this process reaches it, or null: sd_booted(3) asks for this very directory. */
export function readSystemd(
  source: HostSource,
  { uid, memberships }: { readonly uid: number; readonly memberships: readonly Membership[] },
): SystemdFacts | null {
  if (source.entry('/run/systemd/system')?.kind !== 'directory') return null
  const controlGroup = findControlGroup(memberships)
  const runtime = runtimeDirectory(source, uid)
  return {
    running: true,
    systemBus: findSocket(source, [SYSTEM_BUS, ...(uid === 0 ? ['/run/systemd/private'] : [])]),
    userBus: findSocket(source, [`${runtime}/bus`, `${runtime}/systemd/private`]),
    controlGroup,
    unit: controlGroup === null ? null : unitOf(controlGroup),
  }
}

const SYSTEM_BUS = '/run/dbus/system_bus_socket'

/** pam_systemd(8) makes it; su and sudo take the variable away or leave that of another user. */
export function runtimeDirectory(source: Pick<HostSource, 'entry' | 'variable'>, uid: number): string {
  const named = source.variable('XDG_RUNTIME_DIR')
  const own = `/run/user/${uid}`
  return named?.startsWith('/') && source.entry(named)?.uid === uid ? named : own
}

/** S_IFSOCK of S_IFMT, inode(7) */
const isSocket = (mode: number | undefined): boolean => mode !== undefined && (mode & 0o170000) === 0o140000

const findSocket = (source: HostSource, paths: readonly string[]): string | null =>
  paths.find((path) => isSocket(source.mode(path)) && source.write(path) === 'ok') ?? null

/** On v1 and hybrid hosts systemd keeps its own hierarchy without controllers, `name=systemd`; else it is the v2 tree. */
function findControlGroup(memberships: readonly Membership[]): string | null {
  const named = memberships.find(({ controllers }) => controllers.includes('name=systemd'))
  return (named ?? memberships.find(({ version }) => version === 2))?.path ?? null
}

/** How far below `/` each unit of a path stands: the system manager's and, inside `user@UID.service`, the user manager's. */
export function unitDepths(path: string): readonly number[] {
  const names = path.split('/').filter(Boolean)
  const first = afterSlices(names, 0)
  if (!isUnit(names[first])) return []
  // What user@UID.service holds are units of another manager, systemd.io/CGROUP_DELEGATION.
  const second = /^user@\d+\.service$/.test(names[first] ?? '') ? afterSlices(names, first + 1) : names.length
  return isUnit(names[second]) ? [first + 1, second + 1] : [first + 1]
}

/** The innermost unit of a control group's path, `/user.slice/user-0.slice/session-1.scope` -> `session-1.scope`. */
export function unitOf(path: string): string | null {
  const depth = unitDepths(path).at(-1)
  // systemd puts an underscore before names that a file of the kernel could have.
  return depth === undefined ? null : (path.split('/').filter(Boolean)[depth - 1]?.replace(/^_/, '') ?? null)
}

function afterSlices(names: readonly string[], from: number): number {
  let index = from
  while (names[index]?.endsWith('.slice')) index++
  return index
}

const isUnit = (name: string | undefined): boolean => /\.(?:scope|service|socket|mount|swap)$/.test(name ?? '')
