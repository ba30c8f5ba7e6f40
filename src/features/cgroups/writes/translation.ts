import type { Resources } from '../resources.ts'

/** A file of a group and what to write into it. */
export interface FileValue {
  /** Dotted paths of what it enforces, `memory.limit` */
  readonly asks: readonly string[]
  /** Name in the group's directory, `pids.max` */
  readonly file: string
  readonly value: string
  /** Why this file gets this value */
  readonly because: string
  /** Whether the group serves without it where the kernel has no such file or, for a device, no such control */
  readonly optional?: boolean
}

/** Something that this version of cgroups, this kernel or this machine does not have. */
export interface Refused {
  readonly asks: readonly string[]
  readonly reason: string
  readonly remedy: string
}

/** What one wish becomes. */
export type Translation = FileValue | Refused

/** What a host, and a live group, add to wishes when they become files. */
export interface TranslationContext {
  /** Whether swap is counted here */
  readonly swap: boolean
  /** Files that groups of the controller have; absent: not known */
  readonly files?: readonly string[] | undefined
  /** Directory that groups are made in, for messages */
  readonly parent: string
  /** CPUs and memory nodes that groups may use, list format */
  readonly cpus?: string | undefined
  readonly mems?: string | undefined
  /** What a file of a live group says now; absent: the group is being made, and what it begins with need not be written */
  readonly live?: (file: string) => string | undefined
}

/** The writes of one controller on one version of cgroups, in the order in which the kernel accepts them. */
export type Translator = (resources: Resources, context: TranslationContext) => readonly Translation[]

export const isRefused = (translation: Translation): translation is Refused => 'reason' in translation

/** Whether groups have a file; undefined when that is not known. */
export const hasFile = ({ files }: Pick<TranslationContext, 'files'>, file: string): boolean | undefined =>
  files?.includes(file)

/** Both versions' word for no limit. */
export const numberOrMax = (value: number): string => (value === -1 ? 'max' : String(value))

/** What makes a v1 or hybrid host one with cgroup v2 alone. */
export const USE_V2 = 'boot with systemd.unified_cgroup_hierarchy=1'

/** A refusal of everything that only cgroup v1 has. */
export const onlyV1 = (ask: string, what: string, remedy: string): Refused => ({
  asks: [ask],
  reason: `${what} exists only on cgroup v1`,
  remedy,
})

/** A refusal of everything that only cgroup v2 has. */
export const onlyV2 = (ask: string, what: string): Refused => ({
  asks: [ask],
  reason: `${what} exists only on cgroup v2`,
  remedy: USE_V2,
})
