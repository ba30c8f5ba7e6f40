import type { Bind } from '../features/root/binds.ts'
import type { RootEntry } from '../host/facts.ts'
import type { GroupOwner } from '../features/cgroups/owner.ts'
import type { Resources } from '../features/cgroups/resources.ts'
import type { SeccompProfile } from '../features/seccomp/index.ts'
import type { Net } from '../features/namespaces/namespaces.ts'

/** A soft and a hard limit of getrlimit(2), by the resource's kernel name. */
export type ResourceLimits = Readonly<Record<string, { readonly soft: number; readonly hard: number }>>

/** Who a command is inside a sandbox. */
export interface User {
  readonly uid: number
  readonly gid: number
  readonly groups: readonly number[]
}

/** A bind and what was found out about its source. */
export interface BindSetting extends Bind {
  /** Owner on the host: shown as the sandbox's user, so that files keep their owner (null: no other ids, or not possible) */
  readonly owner: { readonly uid: number; readonly gid: number } | null
}

/** Which sandbox it is, for whoever looks from outside. */
export interface Identity {
  /** Unique on this host */
  readonly id: string
  /** What its user calls it */
  readonly name?: string
  /** Whose it is */
  readonly owner: GroupOwner
  /** ISO 8601, UTC */
  readonly created: string
  /** Where its record is written; null: nowhere */
  readonly recordDirectory: string | null
}

/** What a sandbox is to be: the caller's wishes after validation, every default filled in, units resolved. */
export interface Settings {
  readonly identity: Identity
  readonly hostname: string
  readonly net: Net
  readonly user: User
  /** Number of the id range of a privileged caller */
  readonly range: number
  /** A directory that holds the root file system, and its entries; null: the host's system directories */
  readonly rootfs: { readonly path: string; readonly entries: readonly RootEntry[] } | null
  readonly binds: readonly BindSetting[]
  /** Files of /etc by name, the caller's over the generated ones */
  readonly etc: Readonly<Record<string, string | Uint8Array>>
  readonly env: Readonly<Record<string, string>>
  readonly workdir: string
  /** Capability numbers that commands keep */
  readonly capabilities: readonly number[]
  /** null: no filter */
  readonly seccomp: SeccompProfile | null
  readonly resources: Resources
  /** Limits that are defaults, by the names of `NotApplied.limit`: all others that cannot be had are an error unless `bestEffort` */
  readonly unasked: readonly string[]
  /** Who makes the groups; `auto`: systemd where it runs the host and the own group is not delegated */
  readonly manager: 'auto' | 'files' | 'systemd'
  readonly bestEffort: boolean
  readonly rlimits: ResourceLimits
  /** Bytes of the sandbox's own file system: /tmp, /home and the like together */
  readonly tmpBytes: number
}
