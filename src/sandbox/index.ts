/** `carrel`: sandboxes for commands that are not trusted. */
export { Command, type PipedCommand } from './command.ts'
export type { BindOption, ResourceOptions, RunOptions, SandboxOptions } from './options.ts'
export { CommandError, type Outcome, type ResourceUsage, type RunResult } from './result.ts'
export { type PipedSpawnOptions, Sandbox, type SpawnOptions } from './sandbox.ts'
export type { NotApplied } from '../features/cgroups/find-refusal.ts'
export type { GroupEvent, GroupEventKind, GroupWatch, Resources, Statistics, StatisticsKind } from '../cgroup/index.ts'
export type { SeccompProfile } from '../features/seccomp/index.ts'
export * from '../base/errors.ts'
