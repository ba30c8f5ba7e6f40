import { InvalidInputError } from '../../base/errors.ts'
import { parseIp } from './ip.ts'
import {
  attribute,
  be16,
  checkBoolean,
  checkKeys,
  checkNumber,
  checkWord,
  given,
  linkIndex,
  nested,
  type Piece,
  text,
  u16,
  u32,
  u8,
} from './encode.ts'
import type { LinkRef } from './link-name.ts'
import type { PeerSettings } from './link-settings.ts'
import {
  IFLA,
  IFLA_BR,
  IFLA_BRPORT,
  IFLA_INFO,
  IFLA_IPVLAN,
  IFLA_MACVLAN,
  IFLA_VLAN,
  IFLA_VXLAN,
  IPVLAN_F,
  IPVLAN_MODE,
  MACVLAN_MODE,
} from './tables/links.ts'

/** Settings of a bridge. Times in milliseconds, whole hundredths of a second. */
export interface BridgeOptions {
  /** Spanning tree protocol */
  readonly stp?: boolean
  /** Time in the states listening and learning; the kernel takes 2 to 30 s while stp is on */
  readonly forwardDelayMs?: number
  readonly helloTimeMs?: number
  readonly maxAgeMs?: number
  /** How long an address that was seen is remembered; 0: for ever, by a hub */
  readonly ageingTimeMs?: number
  /** In the election of the root of the spanning tree */
  readonly priority?: number
  readonly vlanFiltering?: boolean
  readonly multicastSnooping?: boolean
}

/** Settings of a port of a bridge. */
export interface PortOptions {
  /** Frames may go back where they came from */
  readonly hairpin?: boolean
  readonly learning?: boolean
  /** Frames for unknown addresses go here too */
  readonly flood?: boolean
  /** Reaches only ports that are not isolated */
  readonly isolated?: boolean
}

export const MACVLAN_MODES = {
  private: MACVLAN_MODE.MACVLAN_MODE_PRIVATE,
  vepa: MACVLAN_MODE.MACVLAN_MODE_VEPA,
  bridge: MACVLAN_MODE.MACVLAN_MODE_BRIDGE,
  passthru: MACVLAN_MODE.MACVLAN_MODE_PASSTHRU,
  source: MACVLAN_MODE.MACVLAN_MODE_SOURCE,
} as const
export type MacvlanMode = keyof typeof MACVLAN_MODES

export const IPVLAN_MODES = {
  l2: IPVLAN_MODE.IPVLAN_MODE_L2,
  l3: IPVLAN_MODE.IPVLAN_MODE_L3,
  l3s: IPVLAN_MODE.IPVLAN_MODE_L3S,
} as const
export type IpvlanMode = keyof typeof IPVLAN_MODES

export const IPVLAN_ISOLATIONS = {
  bridge: 0,
  private: IPVLAN_F.IPVLAN_F_PRIVATE,
  vepa: IPVLAN_F.IPVLAN_F_VEPA,
} as const
export type IpvlanIsolation = keyof typeof IPVLAN_ISOLATIONS

/** Ethernet types of tags (linux/if_ether.h: ETH_P_8021Q, ETH_P_8021AD) */
export const VLAN_PROTOCOLS = { '802.1Q': 0x8100, '802.1ad': 0x88a8 } as const
export type VlanProtocol = keyof typeof VLAN_PROTOCOLS

/** What a new link is, with the settings that only this kind has. */
export type LinkKind =
  | { readonly kind: 'veth'; readonly peer: PeerSettings & { readonly name: string } }
  | ({ readonly kind: 'bridge' } & BridgeOptions)
  | { readonly kind: 'dummy' }
  | { readonly kind: 'ifb' }
  | { readonly kind: 'macvlan' | 'macvtap'; readonly link: LinkRef; readonly mode?: MacvlanMode }
  | {
      readonly kind: 'ipvlan'
      readonly link: LinkRef
      readonly mode?: IpvlanMode
      readonly isolation?: IpvlanIsolation
    }
  | { readonly kind: 'vlan'; readonly link: LinkRef; readonly id: number; readonly protocol?: VlanProtocol }
  | {
      readonly kind: 'vxlan'
      readonly id: number
      readonly link?: LinkRef
      readonly remote?: string
      readonly local?: string
      readonly port?: number
      readonly learning?: boolean
    }

/** Settings of each kind beside those of every link; `link`, what it stands on, is an attribute of the link itself. */
export const KIND_KEYS: Readonly<Record<LinkKind['kind'], readonly string[]>> = {
  veth: ['peer'],
  bridge: [
    'stp',
    'forwardDelayMs',
    'helloTimeMs',
    'maxAgeMs',
    'ageingTimeMs',
    'priority',
    'vlanFiltering',
    'multicastSnooping',
  ],
  dummy: [],
  ifb: [],
  macvlan: ['link', 'mode'],
  macvtap: ['link', 'mode'],
  ipvlan: ['link', 'mode', 'isolation'],
  vlan: ['link', 'id', 'protocol'],
  vxlan: ['link', 'id', 'remote', 'local', 'port', 'learning'],
}

const flag = (type: number, value: boolean | undefined, field: string): readonly Piece[] =>
  given(value, (on) => attribute(type, u8(checkBoolean(on, field) ? 1 : 0)))

/** Hundredths of a second (USER_HZ) from milliseconds. @throws InvalidInputError */
function ticks(type: number, value: number | undefined, field: string): readonly Piece[] {
  return given(value, (ms) => {
    const checked = checkNumber(ms, field, 0, 0xffff_ffff, 'milliseconds')
    if (checked % 10 !== 0) {
      throw new InvalidInputError(`${field} ${ms} is no multiple of 10: the kernel counts hundredths of a second`, {
        field,
      })
    }
    return attribute(type, u32(checked / 10))
  })
}

/** IFLA_LINKINFO with new settings of a bridge. @throws InvalidInputError */
export function bridgeInfo(options: BridgeOptions, at = ''): Piece {
  checkKeys(options, KIND_KEYS.bridge, 'bridge')
  return kindInfo('bridge', bridgeData(options, at))
}

function bridgeData(options: BridgeOptions, at: string): readonly Piece[] {
  return [
    ...ticks(IFLA_BR.IFLA_BR_FORWARD_DELAY, options.forwardDelayMs, `${at}forwardDelayMs`),
    ...ticks(IFLA_BR.IFLA_BR_HELLO_TIME, options.helloTimeMs, `${at}helloTimeMs`),
    ...ticks(IFLA_BR.IFLA_BR_MAX_AGE, options.maxAgeMs, `${at}maxAgeMs`),
    ...ticks(IFLA_BR.IFLA_BR_AGEING_TIME, options.ageingTimeMs, `${at}ageingTimeMs`),
    ...given(options.stp, (on) => attribute(IFLA_BR.IFLA_BR_STP_STATE, u32(checkBoolean(on, `${at}stp`) ? 1 : 0))),
    ...given(options.priority, (n) =>
      attribute(IFLA_BR.IFLA_BR_PRIORITY, u16(checkNumber(n, `${at}priority`, 0, 0xffff))),
    ),
    ...flag(IFLA_BR.IFLA_BR_VLAN_FILTERING, options.vlanFiltering, `${at}vlanFiltering`),
    ...flag(IFLA_BR.IFLA_BR_MCAST_SNOOPING, options.multicastSnooping, `${at}multicastSnooping`),
  ]
}

/** IFLA_LINKINFO with new settings of a port. @throws InvalidInputError */
export function portInfo(options: PortOptions): Piece {
  checkKeys(options, ['hairpin', 'learning', 'flood', 'isolated'], 'port')
  const data = [
    ...flag(IFLA_BRPORT.IFLA_BRPORT_MODE, options.hairpin, 'port.hairpin'),
    ...flag(IFLA_BRPORT.IFLA_BRPORT_LEARNING, options.learning, 'port.learning'),
    ...flag(IFLA_BRPORT.IFLA_BRPORT_UNICAST_FLOOD, options.flood, 'port.flood'),
    ...flag(IFLA_BRPORT.IFLA_BRPORT_ISOLATED, options.isolated, 'port.isolated'),
  ]
  return nested(IFLA.IFLA_LINKINFO, [
    attribute(IFLA_INFO.IFLA_INFO_SLAVE_KIND, text('bridge')),
    nested(IFLA_INFO.IFLA_INFO_SLAVE_DATA, data),
  ])
}

/** IFLA_LINKINFO: a kind and its settings. */
export const kindInfo = (kind: string, data: readonly Piece[]): Piece =>
  nested(IFLA.IFLA_LINKINFO, [
    attribute(IFLA_INFO.IFLA_INFO_KIND, text(kind)),
    ...(data.length > 0 ? [nested(IFLA_INFO.IFLA_INFO_DATA, data)] : []),
  ])

/** IFLA_INFO_DATA of a new link that is no veth. @throws InvalidInputError */
export function kindData(link: Exclude<LinkKind, { kind: 'veth' }>): readonly Piece[] {
  switch (link.kind) {
    case 'bridge':
      return bridgeData(link, '')
    case 'dummy':
    case 'ifb':
      return []
    case 'macvlan':
    case 'macvtap':
      return given(link.mode, (mode) =>
        attribute(IFLA_MACVLAN.IFLA_MACVLAN_MODE, u32(checkWord(MACVLAN_MODES, mode, 'mode'))),
      )
    case 'ipvlan':
      return [
        ...given(link.mode, (mode) =>
          attribute(IFLA_IPVLAN.IFLA_IPVLAN_MODE, u16(checkWord(IPVLAN_MODES, mode, 'mode'))),
        ),
        ...given(link.isolation, (kind) =>
          attribute(IFLA_IPVLAN.IFLA_IPVLAN_FLAGS, u16(checkWord(IPVLAN_ISOLATIONS, kind, 'isolation'))),
        ),
      ]
    case 'vlan':
      return [
        attribute(IFLA_VLAN.IFLA_VLAN_ID, u16(checkNumber(link.id, 'id', 0, 4094))),
        ...given(link.protocol, (name) =>
          attribute(IFLA_VLAN.IFLA_VLAN_PROTOCOL, be16(checkWord(VLAN_PROTOCOLS, name, 'protocol'))),
        ),
      ]
    case 'vxlan':
      return vxlanData(link)
  }
}

function vxlanData(link: Extract<LinkKind, { kind: 'vxlan' }>): readonly Piece[] {
  const address = (value: string, field: string, v4: number, v6: number): Piece => {
    const { family, bytes } = parseIp(value, field)
    return attribute(family === 'inet' ? v4 : v6, bytes)
  }
  const { IFLA_VXLAN_GROUP, IFLA_VXLAN_GROUP6, IFLA_VXLAN_LOCAL, IFLA_VXLAN_LOCAL6 } = IFLA_VXLAN
  return [
    attribute(IFLA_VXLAN.IFLA_VXLAN_ID, u32(checkNumber(link.id, 'id', 0, 0xff_ffff))),
    ...given(link.link, (ref) => attribute(IFLA_VXLAN.IFLA_VXLAN_LINK, linkIndex(ref, 'link'))),
    ...given(link.remote, (ip) => address(ip, 'remote', IFLA_VXLAN_GROUP, IFLA_VXLAN_GROUP6)),
    ...given(link.local, (ip) => address(ip, 'local', IFLA_VXLAN_LOCAL, IFLA_VXLAN_LOCAL6)),
    // The kernel's own default is a port of before the standard (4789, RFC 7348).
    attribute(IFLA_VXLAN.IFLA_VXLAN_PORT, be16(checkNumber(link.port ?? 4789, 'port', 1, 0xffff))),
    ...flag(IFLA_VXLAN.IFLA_VXLAN_LEARNING, link.learning, 'learning'),
  ]
}
