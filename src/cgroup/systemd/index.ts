/** systemd as the maker of groups, asked over D-Bus. */
export { parseCgroupsPath, type ScopePlace } from './cgroups-path.ts'
export type { ManagerKind } from './bus-places.ts'
export { delegatedScope, type DelegatedScope, type DelegatedScopeOptions } from './delegated-scope.ts'
export type { ManagerOptions } from './systemd-manager.ts'
export { type Scope, startScope, type StartScopeOptions } from './scope.ts'
export { escapeUnitName, slicePath } from './unit-name.ts'
