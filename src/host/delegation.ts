import type { CgroupContext } from './cgroup-context.ts'
import { isInnerGroup } from './cgroup-context.ts'
import type { DelegationFacts } from './facts.ts'
import type { HostSource } from './source.ts'
import { runtimeDirectory, unitDepths, unitOf } from './systemd.ts'

/** A group of this process, as the mount shows it. */
export interface OwnGroup {
  /** Where it is mounted, `/sys/fs/cgroup/x.scope` */
  readonly directory: string
  /** Its path from the root of the cgroup namespace, `/x.scope` */
  readonly path: string
}

/** Who gave this group to this process, or undefined: groups below it would be made behind somebody's back. */
export function readDelegation(context: CgroupContext, group: OwnGroup): DelegationFacts | undefined {
  const { source } = context
  const { directory } = group
  if (source.write(directory) !== 'ok') return undefined
  if (group.path === '/' && isInnerGroup(source, directory)) return { directory, by: 'namespace' }
  if (hasAttribute(source, directory)) return { directory, by: 'attribute' }
  if (context.systemd && isDelegatedUnit(context, group.path)) return { directory, by: 'unit' }
  return isOwned(context, directory) ? { directory, by: 'owner' } : undefined
}

/** systemd.io/CGROUP_DELEGATION: trusted.delegate is for root to read, user.delegate (251) for everybody. */
const hasAttribute = (source: HostSource, directory: string): boolean =>
  ['user.delegate', 'trusted.delegate'].some((name) => source.attribute(directory, name) === '1')

/**
 * Whether an ordinary user owns the group. Of systemd's groups only the topmost that the user owns was given: those below it are
 * its manager's own affair.
 */
function isOwned({ source, uid, systemd }: CgroupContext, directory: string): boolean {
  const owns = (path: string): boolean => source.entry(path)?.uid === uid
  if (uid === 0 || !owns(directory)) return false
  return systemd === null || !owns(directory.slice(0, directory.lastIndexOf('/')))
}

/** Whether the unit that this group is the group of has Delegate= in a file: all that Node, which reads no attributes, can look at. */
function isDelegatedUnit(context: CgroupContext, path: string): boolean {
  const depths = unitDepths(path)
  const names = path.split('/').filter(Boolean)
  const unit = unitOf(path)
  if (unit === null || depths.at(-1) !== names.length) return false
  const files = unitDirectories(context, depths.length > 1).flatMap((directory) =>
    filesOf(context.source, directory, unit),
  )
  const settings = files.flatMap((file) => context.source.text(file)?.match(/^\s*Delegate\s*=.*$/gm) ?? [])
  const last = settings.at(-1)?.split('=')[1]?.trim().toLowerCase()
  // "Delegate=" followed by nothing resets to an empty list of controllers, which still delegates, systemd.resource-control(5).
  return last !== undefined && !['no', 'false', 'off', '0', 'n', 'f'].includes(last)
}

/** Where units are defined, least important first, systemd.unit(5). */
function unitDirectories({ source, uid }: CgroupContext, user: boolean): string[] {
  if (!user) return ['/usr/lib', '/run', '/etc', '/run/systemd/transient'].map(systemDirectory)
  const runtime = `${runtimeDirectory(source, uid)}/systemd`
  const home = source.variable('XDG_CONFIG_HOME') ?? `${source.variable('HOME') ?? ''}/.config`
  return [
    '/usr/lib/systemd/user',
    '/etc/systemd/user',
    `${runtime}/user`,
    `${home}/systemd/user`,
    `${runtime}/transient`,
  ]
}

const systemDirectory = (path: string): string => (path.endsWith('transient') ? path : `${path}/systemd/system`)

/** The unit's file, that of its template, and the drop-ins of both, in the order in which they count. */
function filesOf(source: HostSource, directory: string, unit: string): string[] {
  const template = unit.replace(/@[^@]*(\.\w+)$/, '@$1')
  const names = template === unit ? [unit] : [template, unit]
  return names.flatMap((name) => {
    const file = `${directory}/${name}`
    const drops = source.entry(`${file}.d`) ? (source.names(`${file}.d`) ?? []) : []
    const own = source.mode(file) === undefined ? [] : [file]
    return [...own, ...drops.filter((drop) => drop.endsWith('.conf')).map((drop) => `${file}.d/${drop}`)]
  })
}
