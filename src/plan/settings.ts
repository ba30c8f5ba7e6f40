import type { Bind } from '../features/root/binds.ts'
import type { RootEntry } from '../host/facts.ts'
import type { LimitName } from '../features/cgroups/find-refusal.ts'
import type { Limits } from '../features/cgroups/limits.ts'
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

/** What a sandbox is to be: the caller's wishes after validation, every default filled in, units resolved. */
export interface Settings {
  /** Unique name on this host, also of its groups */
  readonly id: string
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
  readonly limits: Limits
  /** Limits that the caller named, and not the defaults: not to be had is an error unless `bestEffort` */
  readonly named: readonly LimitName[]
  readonly bestEffort: boolean
  readonly rlimits: ResourceLimits
  /** Bytes of the sandbox's own file system: /tmp, /home and the like together */
  readonly tmpBytes: number
}
