import { InvalidInputError } from '../../base/errors.ts'
import { checkFamily } from './addresses.ts'
import {
  attribute,
  checkBoolean,
  checkKeys,
  checkNumber,
  checkWord,
  given,
  joined,
  linkIndex,
  nested,
  type Piece,
  piece,
  u16,
  u32,
  wordNumber,
} from './encode.ts'
import { type Cidr, FAMILIES, type Family, type Ip, parseIp, parseNetwork } from './ip.ts'
import type { LinkRef } from './link-name.ts'
import { creating, makeChange, makeRequest, type NetlinkRequest } from './request.ts'
import { PROTOCOLS, type Protocol, type Route, ROUTE_TYPES, type RouteType, routesOf } from './route.ts'
import { type Scope, SCOPES, type TableRef, TABLES } from './scope.ts'
import { NLM_F } from './tables/messages.ts'
import { RTA, RTAX, RTNH_F } from './tables/routing.ts'

/** One of several ways of a route. */
export interface NewNextHop {
  readonly via?: string
  readonly dev?: LinkRef
  /** Its share, 1 to 256; 1 without it */
  readonly weight?: number
  readonly onlink?: boolean
}

/** A route that is to be. */
export interface NewRoute {
  /** `10.0.0.0/8`, `2001:db8::/32`, a single address, or `default` */
  readonly to: string
  /** Of a default without `via`: inet without it */
  readonly family?: Family
  /** The gateway */
  readonly via?: string
  readonly dev?: LinkRef
  /** Own address that is used when none was chosen */
  readonly source?: string
  /** `main` without it */
  readonly table?: TableRef
  /** Of several to one network that with the lowest is taken */
  readonly metric?: number
  readonly scope?: Scope | number
  readonly type?: RouteType
  /** Who made it, as others see it; static without it */
  readonly protocol?: Protocol | number
  /** The gateway is on the link, whatever networks the link is in */
  readonly onlink?: boolean
  /** Largest packet on this way in bytes */
  readonly mtu?: number
  /** Several ways, instead of `via` and `dev` */
  readonly nexthops?: readonly NewNextHop[]
  /** Whether one that is there already is changed, instead of an error EEXIST */
  readonly replace?: boolean
}

/** Which routes are listed. */
export interface RouteFilter {
  readonly family?: Family
  readonly table?: TableRef
  readonly dev?: LinkRef
  readonly type?: RouteType
  readonly protocol?: Protocol | number
}

const KEYS = [
  'to',
  'family',
  'via',
  'dev',
  'source',
  'table',
  'metric',
  'scope',
  'type',
  'protocol',
  'onlink',
  'mtu',
  'nexthops',
  'replace',
] as const satisfies readonly (keyof NewRoute)[]

/** Adds a route. The kernel says EEXIST for a second one, ENETUNREACH for a gateway that no link reaches. @throws InvalidInputError */
export const addRoute = (route: NewRoute): NetlinkRequest<void> =>
  makeChange({
    type: 'RTM_NEWROUTE',
    flags: creating(route.replace),
    ...encodeRoute(route, { protocol: 'static' }),
    about: aboutRoute(route),
  })

/** Takes a route away: that which all settings fit. The kernel says ESRCH when there is none. @throws InvalidInputError */
export const removeRoute = (route: NewRoute): NetlinkRequest<void> =>
  makeChange({ type: 'RTM_DELROUTE', flags: 0, ...encodeRoute(route, {}), about: aboutRoute(route) })

function aboutRoute({ to, via, dev, nexthops, type }: NewRoute): string {
  const ways = nexthops?.map((hop) => aboutWay(hop, ' nexthop')).join('') ?? ''
  return `${type === undefined || type === 'unicast' ? '' : `${type} `}${to}${aboutWay({ via, dev })}${ways}`
}

const aboutWay = (way: { via?: string | undefined; dev?: LinkRef | undefined }, before = ''): string =>
  `${before}${way.via === undefined ? '' : ` via ${way.via}`}${way.dev === undefined ? '' : ` dev ${way.dev}`}`

interface Encoded {
  readonly head: Piece
  readonly attributes: readonly Piece[]
}

function encodeRoute(route: NewRoute, { protocol }: { readonly protocol?: Protocol }): Encoded {
  checkKeys(route, KEYS, 'A route')
  const destination = destinationOf(route)
  const table = tableNumber(route.table)
  const type = checkWord(ROUTE_TYPES, route.type ?? 'unicast', 'type')
  const by = route.protocol ?? protocol
  const head = rtmsg({
    family: destination.family,
    prefix: destination.prefix,
    table,
    protocol: by === undefined ? 0 : wordNumber(PROTOCOLS, by, 'protocol'),
    scope: scopeOf(route, protocol !== undefined),
    type: protocol === undefined && route.type === undefined ? 0 : type,
    flags: onlinkFlag(route.onlink, 'onlink'),
  })
  return { head, attributes: [...destinationAttributes(destination, table), ...wayAttributes(route, destination)] }
}

function destinationAttributes(destination: Cidr, table: number): readonly Piece[] {
  return [
    ...(destination.prefix > 0 ? [attribute(RTA.RTA_DST, destination.bytes)] : []),
    attribute(RTA.RTA_TABLE, u32(table)),
  ]
}

function wayAttributes(route: NewRoute, { family }: Cidr): readonly Piece[] {
  const { via, dev, source, metric, mtu, nexthops } = route
  if (nexthops && (via !== undefined || dev !== undefined)) {
    throw new InvalidInputError('nexthops stand instead of via and dev: give each its own', { field: 'nexthops' })
  }
  return [
    ...gateway(via, family, 'via'),
    ...given(dev, (ref) => attribute(RTA.RTA_OIF, linkIndex(ref, 'dev'))),
    ...given(source, (ip) => attribute(RTA.RTA_PREFSRC, sameFamily(parseIp(ip, 'source'), family, 'source').bytes)),
    ...given(metric, (n) => attribute(RTA.RTA_PRIORITY, u32(checkNumber(n, 'metric', 0, 0xffff_ffff)))),
    ...given(mtu, (n) =>
      nested(RTA.RTA_METRICS, [attribute(RTAX.RTAX_MTU, u32(checkNumber(n, 'mtu', 68, 65535, 'bytes')))]),
    ),
    ...given(nexthops, (hops) => attribute(RTA.RTA_MULTIPATH, joined(nextHops(hops, family)))),
  ]
}

/** `struct rtnexthop`: its length, flags, weight - 1, index; then attributes */
function nextHops(hops: readonly NewNextHop[], family: Family): readonly Piece[] {
  if (!Array.isArray(hops) || hops.length === 0) {
    throw new InvalidInputError('nexthops must be a list of at least one way', { field: 'nexthops' })
  }
  return hops.map((hop: NewNextHop, i) => {
    const field = `nexthops[${i}]`
    checkKeys(hop, ['via', 'dev', 'weight', 'onlink'], field)
    const weight = checkNumber(hop.weight ?? 1, `${field}.weight`, 1, 256)
    const way = gateway(hop.via, family, `${field}.via`)
    const length = 8 + way.reduce((sum, { bytes }) => sum + bytes.length, 0)
    const start = Uint8Array.of(...u16(length), onlinkFlag(hop.onlink, `${field}.onlink`), weight - 1)
    const index = hop.dev === undefined ? piece(u32(0)) : linkIndex(hop.dev, `${field}.dev`)
    return joined([piece(start), index, ...way])
  })
}

/** A gateway of the other family is RTA_VIA: its family, its bytes (Linux 5.2). */
function gateway(via: string | undefined, family: Family, field: string): readonly Piece[] {
  return given(via, (address) => {
    const ip = parseIp(address, field)
    if (ip.family === family) return attribute(RTA.RTA_GATEWAY, ip.bytes)
    if (family === 'inet6') {
      throw new InvalidInputError(`${field} must be an IPv6 address, as the destination is`, { field })
    }
    return attribute(RTA.RTA_VIA, Uint8Array.of(...u16(FAMILIES.inet6.number), ...ip.bytes))
  })
}

function sameFamily(ip: Ip, family: Family, field: string): Ip {
  if (ip.family === family) return ip
  throw new InvalidInputError(`${field} must be of the same family as the destination`, { field })
}

const onlinkFlag = (onlink: boolean | undefined, field: string): number =>
  onlink !== undefined && checkBoolean(onlink, field) ? RTNH_F.values.RTNH_F_ONLINK : 0

function destinationOf({ to, family, via }: NewRoute): Cidr {
  const wanted = family === undefined ? undefined : checkFamily(family)
  if (to === 'default') {
    const own = wanted ?? (via === undefined ? 'inet' : parseIp(via, 'via').family)
    return { family: own, bytes: new Uint8Array(FAMILIES[own].size), prefix: 0 }
  }
  const network = parseNetwork(to, 'to')
  if (wanted !== undefined && wanted !== network.family) {
    throw new InvalidInputError('family must be that of the destination: leave it out', { field: 'family' })
  }
  return network
}

/** @throws InvalidInputError */
export const tableNumber = (table: TableRef | undefined): number =>
  table === undefined ? TABLES.main : wordNumber(TABLES, table, 'table', 0xffff_ffff)

/**
 * As ip-route(8) does: a neighbour is nearer than what is behind a gateway, and what is the machine's own is nearest. Of a route that is
 * taken away nothing is said that the caller did not say.
 */
function scopeOf({ scope, type = 'unicast', via, nexthops }: NewRoute, isNew: boolean): number {
  if (scope !== undefined) return wordNumber(SCOPES, scope, 'scope')
  if (!isNew) return SCOPES.nowhere
  if (type === 'local') return SCOPES.host
  if (type === 'broadcast' || type === 'multicast' || type === 'anycast') return SCOPES.link
  return type === 'unicast' && via === undefined && nexthops === undefined ? SCOPES.link : SCOPES.global
}

interface RouteHead {
  readonly family: Family | undefined
  readonly prefix?: number
  readonly table: number
  readonly protocol: number
  readonly scope: number
  readonly type: number
  readonly flags?: number
}

/** `struct rtmsg`; a table beyond 255 stands in its attribute alone */
function rtmsg({ family, prefix = 0, table, protocol, scope, type, flags = 0 }: RouteHead): Piece {
  const number = family === undefined ? 0 : FAMILIES[family].number
  const head = Uint8Array.of(number, prefix, 0, 0, table > 255 ? 0 : table, protocol, scope, type)
  return joined([piece(head), piece(u32(flags))])
}

/** The routes of all tables, or some. @throws InvalidInputError */
export function listRoutes(filter: RouteFilter = {}): NetlinkRequest<readonly Route[]> {
  checkKeys(filter, ['family', 'table', 'dev', 'type', 'protocol'], 'filter')
  const { family, table, dev, type, protocol } = filter
  const only = family === undefined ? undefined : checkFamily(family)
  const wanted = {
    table: table === undefined ? 0 : tableNumber(table),
    type: type === undefined ? 0 : checkWord(ROUTE_TYPES, type, 'type'),
    protocol: protocol === undefined ? 0 : wordNumber(PROTOCOLS, protocol, 'protocol'),
  }
  return makeRequest({
    type: 'RTM_GETROUTE',
    flags: NLM_F.NLM_F_DUMP,
    // Asked for one family, a table that has no routes yet would be an error ENOENT.
    head: rtmsg({ ...wanted, family: wanted.table > 0 ? undefined : only, scope: 0 }),
    attributes: [
      ...(wanted.table > 0 ? [attribute(RTA.RTA_TABLE, u32(wanted.table))] : []),
      ...given(dev, (ref) => attribute(RTA.RTA_OIF, linkIndex(ref, 'dev'))),
    ],
    about: Object.values(filter).join(' '),
    // Tables of routes to many and of MPLS say nothing of a filter.
    decode: (messages) =>
      routesOf(messages).filter(
        (route) =>
          (only === undefined || route.family === only) && (wanted.table === 0 || route.table === wanted.table),
      ),
  })
}
