import { type Attributes, be16Of, defined, u16Of, u32Of, u8Of } from './decode.ts'
import { formatIp } from './ip.ts'
import {
  type BridgeOptions,
  IPVLAN_ISOLATIONS,
  IPVLAN_MODES,
  type IpvlanIsolation,
  type IpvlanMode,
  MACVLAN_MODES,
  type MacvlanMode,
  VLAN_PROTOCOLS,
  type VlanProtocol,
} from './link-kind.ts'
import { IFLA_BR, IFLA_IPVLAN, IFLA_MACVLAN, IFLA_VLAN, IFLA_VXLAN } from './tables/links.ts'

/** What a link says of its own kind; what the kernel does not tell is not there. */
export type LinkInfo =
  | ({ readonly kind: 'bridge' } & BridgeOptions)
  | { readonly kind: 'macvlan' | 'macvtap'; readonly mode?: MacvlanMode }
  | { readonly kind: 'ipvlan'; readonly mode?: IpvlanMode; readonly isolation?: IpvlanIsolation }
  | { readonly kind: 'vlan'; readonly id?: number; readonly protocol?: VlanProtocol }
  | {
      readonly kind: 'vxlan'
      readonly id?: number
      readonly link?: number
      readonly remote?: string
      readonly local?: string
      readonly port?: number
      readonly learning?: boolean
    }
  | { readonly kind: 'veth' | 'dummy' | 'ifb' | 'tun' }
  /** Hardware, the loopback, and kinds that have no form here */
  | { readonly kind: 'other' }

/** IFLA_INFO_DATA by its kind. */
export function decodeLinkInfo(kind: string | undefined, data: Attributes): LinkInfo {
  switch (kind) {
    case 'bridge':
      return { kind, ...bridgeOf(data) }
    case 'macvlan':
    case 'macvtap':
      return defined({ kind, mode: modeOf(MACVLAN_MODES, u32Of(data.get(IFLA_MACVLAN.IFLA_MACVLAN_MODE))) })
    case 'ipvlan':
      return defined({
        kind,
        mode: modeOf(IPVLAN_MODES, u16Of(data.get(IFLA_IPVLAN.IFLA_IPVLAN_MODE))),
        isolation: modeOf(IPVLAN_ISOLATIONS, u16Of(data.get(IFLA_IPVLAN.IFLA_IPVLAN_FLAGS))),
      })
    case 'vlan':
      return defined({
        kind,
        id: u16Of(data.get(IFLA_VLAN.IFLA_VLAN_ID)),
        protocol: modeOf(VLAN_PROTOCOLS, be16Of(data.get(IFLA_VLAN.IFLA_VLAN_PROTOCOL))),
      })
    case 'vxlan':
      return { kind, ...vxlanOf(data) }
    case 'veth':
    case 'dummy':
    case 'ifb':
    case 'tun':
      return { kind }
    default:
      return { kind: 'other' }
  }
}

const modeOf = <Word extends string>(
  words: Readonly<Record<Word, number>>,
  value: number | undefined,
): Word | undefined => (Object.keys(words) as Word[]).find((word) => words[word] === value)

const isOn = (value: number | undefined): boolean | undefined => (value === undefined ? undefined : value !== 0)
const milliseconds = (ticks: number | undefined): number | undefined => (ticks === undefined ? undefined : ticks * 10)

function bridgeOf(data: Attributes): BridgeOptions {
  return defined({
    stp: isOn(u32Of(data.get(IFLA_BR.IFLA_BR_STP_STATE))),
    forwardDelayMs: milliseconds(u32Of(data.get(IFLA_BR.IFLA_BR_FORWARD_DELAY))),
    helloTimeMs: milliseconds(u32Of(data.get(IFLA_BR.IFLA_BR_HELLO_TIME))),
    maxAgeMs: milliseconds(u32Of(data.get(IFLA_BR.IFLA_BR_MAX_AGE))),
    ageingTimeMs: milliseconds(u32Of(data.get(IFLA_BR.IFLA_BR_AGEING_TIME))),
    priority: u16Of(data.get(IFLA_BR.IFLA_BR_PRIORITY)),
    vlanFiltering: isOn(u8Of(data.get(IFLA_BR.IFLA_BR_VLAN_FILTERING))),
    multicastSnooping: isOn(u8Of(data.get(IFLA_BR.IFLA_BR_MCAST_SNOOPING))),
  })
}

function vxlanOf(data: Attributes): Omit<Extract<LinkInfo, { kind: 'vxlan' }>, 'kind'> {
  const address = (v4: number, v6: number): string | undefined => {
    const bytes = data.get(v4) ?? data.get(v6)
    return bytes && formatIp(bytes)
  }
  return defined({
    id: u32Of(data.get(IFLA_VXLAN.IFLA_VXLAN_ID)),
    link: u32Of(data.get(IFLA_VXLAN.IFLA_VXLAN_LINK)),
    remote: address(IFLA_VXLAN.IFLA_VXLAN_GROUP, IFLA_VXLAN.IFLA_VXLAN_GROUP6),
    local: address(IFLA_VXLAN.IFLA_VXLAN_LOCAL, IFLA_VXLAN.IFLA_VXLAN_LOCAL6),
    port: be16Of(data.get(IFLA_VXLAN.IFLA_VXLAN_PORT)),
    learning: isOn(u8Of(data.get(IFLA_VXLAN.IFLA_VXLAN_LEARNING))),
  })
}
