import { flagNames } from '../flags.ts'
import { type Attributes, decodeAttributes, defined, headOf, type NetlinkMessage, u32Of, wordOf } from './decode.ts'
import { FAMILIES, type Family, familyOf, formatIp } from './ip.ts'
import { SCOPES } from './scope.ts'
import { RTM } from './tables/messages.ts'
import { type NextHopFlag, RTA, RTAX, RTN, RTNH_F, RTPROT } from './tables/routing.ts'

/** What happens to a packet that a route is for. */
export const ROUTE_TYPES = {
  unicast: RTN.RTN_UNICAST,
  local: RTN.RTN_LOCAL,
  broadcast: RTN.RTN_BROADCAST,
  anycast: RTN.RTN_ANYCAST,
  multicast: RTN.RTN_MULTICAST,
  blackhole: RTN.RTN_BLACKHOLE,
  unreachable: RTN.RTN_UNREACHABLE,
  prohibit: RTN.RTN_PROHIBIT,
  throw: RTN.RTN_THROW,
} as const
export type RouteType = keyof typeof ROUTE_TYPES

/** Who makes routes. */
export const PROTOCOLS = {
  redirect: RTPROT.RTPROT_REDIRECT,
  kernel: RTPROT.RTPROT_KERNEL,
  boot: RTPROT.RTPROT_BOOT,
  static: RTPROT.RTPROT_STATIC,
  ra: RTPROT.RTPROT_RA,
  dhcp: RTPROT.RTPROT_DHCP,
} as const
export type Protocol = keyof typeof PROTOCOLS

/** One way of a route. */
export interface NextHop {
  readonly via?: string
  /** Index of a link */
  readonly dev?: number
  readonly weight: number
  readonly flags: readonly (NextHopFlag | number | bigint)[]
}

/** A route as the kernel has it. */
export interface Route {
  readonly family: Family
  /** `10.0.0.0/24`, or `default` */
  readonly to: string
  readonly via?: string
  /** Index of a link */
  readonly dev?: number
  readonly source?: string
  readonly table: number
  readonly metric?: number
  /** A word of SCOPES, or a number as text */
  readonly scope: string
  /** A word of ROUTE_TYPES, or a number as text */
  readonly type: string
  /** A word of PROTOCOLS, or a number as text */
  readonly protocol: string
  readonly flags: readonly (NextHopFlag | number | bigint)[]
  readonly mtu?: number
  /** The ways, where there are several */
  readonly nexthops: readonly NextHop[]
}

/** Size of `struct rtmsg` */
const RTMSG = 12
/** Size of `struct rtnexthop` */
const RTNEXTHOP = 8
/** Flags of the route itself, above those of its next hop */
const NEXT_HOP_FLAGS = 0xff

export const routesOf = (messages: readonly NetlinkMessage[]): readonly Route[] =>
  messages.filter(({ type }) => type === RTM.RTM_NEWROUTE).flatMap(({ body }) => decodeRoute(body) ?? [])

/** A message RTM_NEWROUTE or RTM_DELROUTE; undefined for one of another family. @throws AgentError */
export function decodeRoute(body: Uint8Array): Route | undefined {
  const head = headOf(body, RTMSG)
  const family = familyOf(head.getUint8(0))
  if (family === undefined) return undefined
  const attributes = decodeAttributes(body, RTMSG)
  const source = attributes.get(RTA.RTA_PREFSRC)
  return defined({
    family,
    to: destinationText(attributes.get(RTA.RTA_DST), head.getUint8(1), family),
    via: gatewayOf(attributes),
    dev: u32Of(attributes.get(RTA.RTA_OIF)),
    source: source && formatIp(source),
    table: u32Of(attributes.get(RTA.RTA_TABLE)) ?? head.getUint8(4),
    metric: u32Of(attributes.get(RTA.RTA_PRIORITY)),
    scope: wordOf(SCOPES, head.getUint8(6)),
    type: wordOf(ROUTE_TYPES, head.getUint8(7)),
    protocol: wordOf(PROTOCOLS, head.getUint8(5)),
    flags: flagNames(RTNH_F, head.getUint32(8, true) & NEXT_HOP_FLAGS) as NextHopFlag[],
    mtu: mtuOf(attributes.get(RTA.RTA_METRICS)),
    nexthops: nextHopsOf(attributes.get(RTA.RTA_MULTIPATH) ?? new Uint8Array(0)),
  }) as Route
}

const mtuOf = (metrics: Uint8Array | undefined): number | undefined =>
  metrics && u32Of(decodeAttributes(metrics).get(RTAX.RTAX_MTU))

function destinationText(bytes: Uint8Array | undefined, prefix: number, family: Family): string {
  if (bytes === undefined)
    return prefix === 0 ? 'default' : `${formatIp(new Uint8Array(FAMILIES[family].size))}/${prefix}`
  return `${formatIp(bytes)}/${prefix}`
}

function gatewayOf(attributes: Attributes): string | undefined {
  const [same, other] = [attributes.get(RTA.RTA_GATEWAY), attributes.get(RTA.RTA_VIA)]
  if (same) return formatIp(same)
  return other && formatIp(other.subarray(2))
}

function nextHopsOf(bytes: Uint8Array): readonly NextHop[] {
  const hops: NextHop[] = []
  for (let at = 0; at < bytes.length;) {
    const head = headOf(bytes.subarray(at), RTNEXTHOP)
    // Never backwards and never for ever, whatever length stands there.
    const size = Math.max(RTNEXTHOP, head.getUint16(0, true))
    const attributes = decodeAttributes(bytes.subarray(at, at + size), RTNEXTHOP)
    hops.push(
      defined({
        via: gatewayOf(attributes),
        dev: head.getUint32(4, true),
        weight: head.getUint8(3) + 1,
        flags: flagNames(RTNH_F, head.getUint8(2)) as NextHopFlag[],
      }) as NextHop,
    )
    at += (size + 3) & ~3
  }
  return hops
}
