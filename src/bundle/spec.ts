import type { Resources } from '../features/cgroups/resources.ts'

/**
 * `config.json` of the OCI runtime specification 1.3, the Linux part, word for word. A value of this type has been checked by
 * `parseConfig`. It differs from the text of the file in two places: capabilities that do not exist are gone, and `resources` are as
 * the rest of Carrel reads them (`config/linux-resources.ts`).
 */
export interface Config {
  readonly ociVersion: string
  readonly process?: Process
  readonly root?: Root
  readonly hostname?: string
  readonly domainname?: string
  readonly mounts?: readonly Mount[]
  readonly hooks?: Hooks
  readonly annotations?: Readonly<Record<string, string>>
  readonly linux?: Linux
}

export interface Root {
  /** Absolute, or relative to the bundle */
  readonly path: string
  readonly readonly?: boolean
}

export interface Process {
  readonly terminal?: boolean
  readonly consoleSize?: { readonly height: number; readonly width: number }
  readonly user?: User
  readonly args?: readonly string[]
  readonly env?: readonly string[]
  readonly cwd: string
  readonly capabilities?: Capabilities
  readonly rlimits?: readonly Rlimit[]
  readonly noNewPrivileges?: boolean
  readonly oomScoreAdj?: number
  readonly scheduler?: Scheduler
  readonly ioPriority?: { readonly class: string; readonly priority?: number }
  readonly execCPUAffinity?: { readonly initial?: string; readonly final?: string }
  readonly apparmorProfile?: string
  readonly selinuxLabel?: string
}

export interface User {
  readonly uid: number
  readonly gid: number
  readonly umask?: number
  readonly additionalGids?: readonly number[]
}

/** Names as `CAP_CHOWN` */
export interface Capabilities {
  readonly bounding?: readonly string[]
  readonly permitted?: readonly string[]
  readonly effective?: readonly string[]
  readonly inheritable?: readonly string[]
  readonly ambient?: readonly string[]
}

/** A soft or hard limit of 2^64-1 is "no limit"; numbers that JSON cannot hold exactly are kept as bigint */
export interface Rlimit {
  readonly type: string
  readonly soft: number | bigint
  readonly hard: number | bigint
}

export interface Scheduler {
  readonly policy: string
  readonly nice?: number
  readonly priority?: number
  readonly flags?: readonly string[]
  readonly runtime?: number | bigint
  readonly deadline?: number | bigint
  readonly period?: number | bigint
}

export interface IdMapping {
  readonly containerID: number
  readonly hostID: number
  readonly size: number
}

export interface Mount {
  /** Absolute; a relative one is taken as below "/" */
  readonly destination: string
  readonly type?: string
  readonly source?: string
  readonly options?: readonly string[]
  readonly uidMappings?: readonly IdMapping[]
  readonly gidMappings?: readonly IdMapping[]
}

export const HOOK_KINDS = [
  'prestart',
  'createRuntime',
  'createContainer',
  'startContainer',
  'poststart',
  'poststop',
] as const
export type HookKind = (typeof HOOK_KINDS)[number]
export type Hooks = { readonly [K in HookKind]?: readonly Hook[] }

export interface Hook {
  readonly path: string
  readonly args?: readonly string[]
  readonly env?: readonly string[]
  /** Seconds */
  readonly timeout?: number
}

export const NAMESPACE_TYPES = ['pid', 'network', 'mount', 'ipc', 'uts', 'user', 'cgroup', 'time'] as const
export type NamespaceType = (typeof NAMESPACE_TYPES)[number]

export interface Namespace {
  readonly type: NamespaceType
  /** Absent: a new one */
  readonly path?: string
}

export interface Device {
  /** `c`, `b`, `u`, `p` */
  readonly type: string
  readonly path: string
  readonly major?: number
  readonly minor?: number
  readonly fileMode?: number
  readonly uid?: number
  readonly gid?: number
}

/** The words with "r" are not the specification's, but engines write them: with everything below */
export type RootfsPropagation =
  'private' | 'shared' | 'slave' | 'unbindable' | 'rprivate' | 'rshared' | 'rslave' | 'runbindable'

export interface Linux {
  readonly namespaces?: readonly Namespace[]
  readonly uidMappings?: readonly IdMapping[]
  readonly gidMappings?: readonly IdMapping[]
  readonly timeOffsets?: Readonly<
    Partial<Record<'monotonic' | 'boottime', { readonly secs?: number; readonly nanosecs?: number }>>
  >
  readonly devices?: readonly Device[]
  /** By name on the host */
  readonly netDevices?: Readonly<Record<string, { readonly name?: string }>>
  readonly cgroupsPath?: string
  readonly resources?: Resources
  readonly rootfsPropagation?: RootfsPropagation
  readonly seccomp?: Seccomp
  readonly sysctl?: Readonly<Record<string, string>>
  readonly maskedPaths?: readonly string[]
  readonly readonlyPaths?: readonly string[]
  readonly mountLabel?: string
  readonly personality?: { readonly domain: string; readonly flags?: readonly string[] }
  readonly intelRdt?: IntelRdt
  readonly memoryPolicy?: MemoryPolicy
}

export interface Seccomp {
  readonly defaultAction: string
  readonly defaultErrnoRet?: number
  readonly flags?: readonly string[]
  readonly listenerPath?: string
  readonly listenerMetadata?: string
  readonly architectures?: readonly string[]
  readonly syscalls?: readonly SeccompSyscall[]
}

export interface SeccompSyscall {
  readonly names: readonly string[]
  readonly action: string
  readonly errnoRet?: number
  readonly args?: readonly SeccompArg[]
}

export interface SeccompArg {
  readonly index: number
  readonly value: number | bigint
  readonly valueTwo?: number | bigint
  readonly op: string
}

export interface IntelRdt {
  readonly closID?: string
  readonly schemata?: readonly string[]
  readonly l3CacheSchema?: string
  readonly memBwSchema?: string
  readonly enableMonitoring?: boolean
}

export interface MemoryPolicy {
  readonly mode: string
  readonly nodes?: string
  readonly flags?: readonly string[]
}
