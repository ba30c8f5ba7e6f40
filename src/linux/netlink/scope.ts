import { RT_SCOPE, RT_TABLE } from './tables/routing.ts'

/** How far a destination is, or an address counts (rtnetlink(7), rtm_scope). */
export const SCOPES = {
  global: RT_SCOPE.RT_SCOPE_UNIVERSE,
  site: RT_SCOPE.RT_SCOPE_SITE,
  link: RT_SCOPE.RT_SCOPE_LINK,
  host: RT_SCOPE.RT_SCOPE_HOST,
  nowhere: RT_SCOPE.RT_SCOPE_NOWHERE,
} as const
export type Scope = keyof typeof SCOPES

/** Tables of routes that every machine has, as ip-route(8) names them. */
export const TABLES = {
  default: RT_TABLE.RT_TABLE_DEFAULT,
  main: RT_TABLE.RT_TABLE_MAIN,
  local: RT_TABLE.RT_TABLE_LOCAL,
} as const
export type TableRef = number | keyof typeof TABLES
