/** The door `carrel/cgroup`: groups of processes, what they may use, what they use, and how they end. */
export { Cgroup, type CreateOptions, type ListedGroup } from './cgroup.ts'
export { forgetFacts } from './caller-facts.ts'
export type { DestroyOptions } from './destroy.ts'
export type { GroupWatch } from './group-watch.ts'
export type { MembersOptions } from './members.ts'
export type { UpdateOptions } from './update-group.ts'
export { type CgroupMount, cgroupMounts, cgroupOf, type Membership } from './memberships.ts'
export { findOwnedGroups, type OwnedGroup, removeGroups } from './leftovers.ts'
export {
  delegatedScope,
  type DelegatedScope,
  type DelegatedScopeOptions,
  escapeUnitName,
  type ManagerKind,
  type ManagerOptions,
  parseCgroupsPath,
  type Scope,
  type ScopePlace,
  slicePath,
  startScope,
  type StartScopeOptions,
} from './systemd/index.ts'
export { lifeOf, type OwnerLife, ownerSuffix, ownOwner } from './owner.ts'
export { formatGroupName, type GroupName, type GroupOwner, parseGroupName } from '../features/cgroups/owner.ts'
export type { NotApplied } from '../features/cgroups/find-refusal.ts'
export type { GroupEvent, GroupEventKind } from '../features/cgroups/readings/group-event.ts'
export type { GroupPlace } from '../features/cgroups/group-place.ts'
export type {
  BlockDevice,
  BlockIoResources,
  CpuResources,
  HugepageLimit,
  MemoryResources,
  NetworkResources,
  PidsResources,
  RdmaResources,
  Resources,
  ThrottleDevice,
  WeightDevice,
} from '../features/cgroups/resources.ts'
export type { StatisticsKind } from '../features/cgroups/readings/statistics-files.ts'
export type {
  CpuStatistics,
  DeviceIo,
  HugetlbStatistics,
  IoStatistics,
  MemoryStatistics,
  PidsStatistics,
  Pressure,
  PressureLine,
  RdmaStatistics,
  Statistics,
} from '../features/cgroups/readings/statistics.ts'
export type { DeviceRule } from '../features/devices/device-rule.ts'
export type { CgroupFacts, Controller } from '../host/facts.ts'
export { readCgroupFacts } from '../host/process-source.ts'
export * from '../base/errors.ts'
