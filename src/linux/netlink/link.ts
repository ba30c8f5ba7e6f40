import { flagNames } from '../flags.ts'
import { IFF, type InterfaceFlag } from '../tables/interfaces.ts'
import { type Attributes, decodeAttributes, defined, headOf, i32Of, textOf, u32Of, u8Of } from './decode.ts'
import { formatMac } from './ip.ts'
import { decodeLinkInfo, type LinkInfo } from './link-info.ts'
import { decodeStatistics, type LinkStatistics } from './link-statistics.ts'
import { IFLA, IFLA_INFO } from './tables/links.ts'

/** RFC 2863, 3.1.14: linux/if.h IF_OPER_* */
const STATES = ['unknown', 'notpresent', 'down', 'lowerlayerdown', 'testing', 'dormant', 'up'] as const
export type LinkState = (typeof STATES)[number]

/** A link as the kernel has it. */
export interface Link {
  readonly index: number
  readonly name: string
  /** ARPHRD_* of linux/if_arp.h: 1 Ethernet, 772 loopback */
  readonly type: number
  readonly flags: readonly (InterfaceFlag | number | bigint)[]
  /** Whether it was set up (IFF_UP); `state` says whether it works */
  readonly up: boolean
  readonly state: LinkState
  /** In bytes */
  readonly mtu: number
  /** In packets */
  readonly txQueueLength: number
  readonly group: number
  readonly address?: string
  readonly broadcast?: string
  readonly alias?: string
  /** Index of the bridge, or other link, that it is a port of */
  readonly master?: number
  /** Index of what it stands on, or of the other end of a veth */
  readonly link?: number
  /** Id of the namespace that `link` is in, when it is another one */
  readonly linkNamespaceId?: number
  /** `veth`, `bridge`, …; hardware and the loopback have none */
  readonly kind?: string
  /** What it is a port of: `bridge` */
  readonly masterKind?: string
  readonly info: LinkInfo
  readonly statistics?: LinkStatistics
}

/** Size of `struct ifinfomsg` */
const IFINFOMSG = 16

/** A message RTM_NEWLINK or RTM_DELLINK. @throws AgentError */
export function decodeLink(body: Uint8Array): Link {
  const head = headOf(body, IFINFOMSG)
  const attributes = decodeAttributes(body, IFINFOMSG)
  const info = decodeAttributes(attributes.get(IFLA.IFLA_LINKINFO) ?? new Uint8Array(0))
  const kind = textOf(info.get(IFLA_INFO.IFLA_INFO_KIND))
  const flags = head.getUint32(8, true)
  return defined({
    index: head.getInt32(4, true),
    name: textOf(attributes.get(IFLA.IFLA_IFNAME)) ?? '',
    type: head.getUint16(2, true),
    flags: flagNames(IFF, flags) as InterfaceFlag[],
    up: (flags & IFF.values.IFF_UP) !== 0,
    state: STATES[u8Of(attributes.get(IFLA.IFLA_OPERSTATE)) ?? 0] ?? 'unknown',
    mtu: u32Of(attributes.get(IFLA.IFLA_MTU)) ?? 0,
    txQueueLength: u32Of(attributes.get(IFLA.IFLA_TXQLEN)) ?? 0,
    group: u32Of(attributes.get(IFLA.IFLA_GROUP)) ?? 0,
    ...relations(attributes),
    kind,
    masterKind: textOf(info.get(IFLA_INFO.IFLA_INFO_SLAVE_KIND)),
    info: decodeLinkInfo(kind, decodeAttributes(info.get(IFLA_INFO.IFLA_INFO_DATA) ?? new Uint8Array(0))),
    statistics: decodeStatistics(attributes.get(IFLA.IFLA_STATS64)),
  }) as Link
}

function relations(attributes: Attributes): Partial<Record<keyof Link, unknown>> {
  return {
    address: macOf(attributes.get(IFLA.IFLA_ADDRESS)),
    broadcast: macOf(attributes.get(IFLA.IFLA_BROADCAST)),
    alias: textOf(attributes.get(IFLA.IFLA_IFALIAS)),
    master: u32Of(attributes.get(IFLA.IFLA_MASTER)),
    link: u32Of(attributes.get(IFLA.IFLA_LINK)),
    linkNamespaceId: i32Of(attributes.get(IFLA.IFLA_LINK_NETNSID)),
  }
}

const macOf = (bytes: Uint8Array | undefined): string | undefined => bytes && formatMac(bytes)
