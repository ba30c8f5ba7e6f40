/** rtnetlink(7) as data: requests, and what the answers mean. */
export {
  type Address,
  type AddressFilter,
  type AddressRef,
  addAddress,
  listAddresses,
  type NewAddress,
  removeAddress,
} from './addresses.ts'
export { Conversation, DATAGRAM_ROOM, DUMP_ATTEMPTS } from './conversation.ts'
export { decodeEvents, type NetlinkEvent } from './events.ts'
export {
  type Cidr,
  type Family,
  formatIp,
  formatMac,
  type Ip,
  parseCidr,
  parseIp,
  parseMac,
  parseNetwork,
} from './ip.ts'
export type { LinkInfo } from './link-info.ts'
export type {
  BridgeOptions,
  IpvlanIsolation,
  IpvlanMode,
  LinkKind,
  MacvlanMode,
  PortOptions,
  VlanProtocol,
} from './link-kind.ts'
export { checkLinkName, type LinkRef } from './link-name.ts'
export type { BirthSettings, LinkSettings, NamespaceRef, PeerSettings } from './link-settings.ts'
export type { LinkStatistics } from './link-statistics.ts'
export type { Link, LinkState } from './link.ts'
export {
  createLink,
  getLink,
  type LinkChanges,
  type LinkFilter,
  listLinks,
  type NewLink,
  removeLink,
  setLink,
} from './links.ts'
export { getNamespaceId, setNamespaceId } from './namespaces.ts'
export {
  addNeighbour,
  listNeighbours,
  type Neighbour,
  type NeighbourFilter,
  type NeighbourState,
  type NewNeighbour,
  removeNeighbour,
} from './neighbours.ts'
export type { NetlinkRequest } from './request.ts'
export type { NextHop, Protocol, Route, RouteType } from './route.ts'
export { addRoute, listRoutes, type NewNextHop, type NewRoute, removeRoute, type RouteFilter } from './routes.ts'
export { addRule, listRules, type NewRule, removeRule, type Rule, type RuleAction } from './rules.ts'
export type { Scope, TableRef } from './scope.ts'
export type { RouteGroup } from './tables/messages.ts'
export type { AddressFlag, NextHopFlag } from './tables/routing.ts'
