/** Attributes of addresses, routes, rules, neighbours and namespaces: linux/if_addr.h, linux/rtnetlink.h, linux/fib_rules.h, linux/neighbour.h. */
import { type NameOf, flagSet } from '../../constant-set.ts'

/** Attributes of an address */
export const IFA = {
  IFA_UNSPEC: 0,
  IFA_ADDRESS: 1,
  IFA_LOCAL: 2,
  IFA_LABEL: 3,
  IFA_BROADCAST: 4,
  IFA_ANYCAST: 5,
  IFA_CACHEINFO: 6,
  IFA_MULTICAST: 7,
  IFA_FLAGS: 8,
  IFA_RT_PRIORITY: 9,
  IFA_TARGET_NETNSID: 10,
  IFA_PROTO: 11,
} as const

/** Flags of an address */
export const IFA_F = flagSet(
  'AddressFlag',
  'linux/if_addr.h',
  () => ({
    IFA_F_SECONDARY: 1,
    IFA_F_TEMPORARY: 1,
    IFA_F_NODAD: 2,
    IFA_F_OPTIMISTIC: 4,
    IFA_F_DADFAILED: 8,
    IFA_F_HOMEADDRESS: 16,
    IFA_F_DEPRECATED: 32,
    IFA_F_TENTATIVE: 64,
    IFA_F_PERMANENT: 128,
    IFA_F_MANAGETEMPADDR: 256,
    IFA_F_NOPREFIXROUTE: 512,
    IFA_F_MCAUTOJOIN: 1024,
    IFA_F_STABLE_PRIVACY: 2048,
  }),
  { isEnum: true },
)
export type AddressFlag = NameOf<typeof IFA_F>

/** Attributes of a route */
export const RTA = {
  RTA_UNSPEC: 0,
  RTA_DST: 1,
  RTA_SRC: 2,
  RTA_IIF: 3,
  RTA_OIF: 4,
  RTA_GATEWAY: 5,
  RTA_PRIORITY: 6,
  RTA_PREFSRC: 7,
  RTA_METRICS: 8,
  RTA_MULTIPATH: 9,
  RTA_PROTOINFO: 10,
  RTA_FLOW: 11,
  RTA_CACHEINFO: 12,
  RTA_SESSION: 13,
  RTA_MP_ALGO: 14,
  RTA_TABLE: 15,
  RTA_MARK: 16,
  RTA_MFC_STATS: 17,
  RTA_VIA: 18,
  RTA_NEWDST: 19,
  RTA_PREF: 20,
  RTA_ENCAP_TYPE: 21,
  RTA_ENCAP: 22,
  RTA_EXPIRES: 23,
  RTA_PAD: 24,
  RTA_UID: 25,
  RTA_TTL_PROPAGATE: 26,
  RTA_IP_PROTO: 27,
  RTA_SPORT: 28,
  RTA_DPORT: 29,
  RTA_NH_ID: 30,
} as const

/** Inside RTA_METRICS */
export const RTAX = {
  RTAX_UNSPEC: 0,
  RTAX_LOCK: 1,
  RTAX_MTU: 2,
  RTAX_WINDOW: 3,
  RTAX_RTT: 4,
  RTAX_RTTVAR: 5,
  RTAX_SSTHRESH: 6,
  RTAX_CWND: 7,
  RTAX_ADVMSS: 8,
  RTAX_REORDERING: 9,
  RTAX_HOPLIMIT: 10,
  RTAX_INITCWND: 11,
  RTAX_FEATURES: 12,
  RTAX_RTO_MIN: 13,
  RTAX_INITRWND: 14,
  RTAX_QUICKACK: 15,
  RTAX_CC_ALGO: 16,
  RTAX_FASTOPEN_NO_COOKIE: 17,
} as const

/** Types of routes */
export const RTN = {
  RTN_UNICAST: 1,
  RTN_LOCAL: 2,
  RTN_BROADCAST: 3,
  RTN_ANYCAST: 4,
  RTN_MULTICAST: 5,
  RTN_BLACKHOLE: 6,
  RTN_UNREACHABLE: 7,
  RTN_PROHIBIT: 8,
  RTN_THROW: 9,
} as const

/** Who made a route */
export const RTPROT = {
  RTPROT_UNSPEC: 0,
  RTPROT_REDIRECT: 1,
  RTPROT_KERNEL: 2,
  RTPROT_BOOT: 3,
  RTPROT_STATIC: 4,
  RTPROT_RA: 9,
  RTPROT_DHCP: 16,
} as const

/** Distance to a destination */
export const RT_SCOPE = {
  RT_SCOPE_UNIVERSE: 0,
  RT_SCOPE_SITE: 200,
  RT_SCOPE_LINK: 253,
  RT_SCOPE_HOST: 254,
  RT_SCOPE_NOWHERE: 255,
} as const

/** Tables that have a name */
export const RT_TABLE = {
  RT_TABLE_UNSPEC: 0,
  RT_TABLE_DEFAULT: 253,
  RT_TABLE_MAIN: 254,
  RT_TABLE_LOCAL: 255,
} as const

/** Flags of a next hop */
export const RTNH_F = flagSet(
  'NextHopFlag',
  'linux/rtnetlink.h',
  () => ({
    RTNH_F_DEAD: 1,
    RTNH_F_PERVASIVE: 2,
    RTNH_F_ONLINK: 4,
    RTNH_F_OFFLOAD: 8,
    RTNH_F_LINKDOWN: 16,
    RTNH_F_UNRESOLVED: 32,
    RTNH_F_TRAP: 64,
  }),
  { isEnum: true },
)
export type NextHopFlag = NameOf<typeof RTNH_F>

/** Attributes of a rule */
export const FRA = {
  FRA_UNSPEC: 0,
  FRA_DST: 1,
  FRA_SRC: 2,
  FRA_IIFNAME: 3,
  FRA_GOTO: 4,
  FRA_PRIORITY: 6,
  FRA_FWMARK: 10,
  FRA_FLOW: 11,
  FRA_TUN_ID: 12,
  FRA_SUPPRESS_IFGROUP: 13,
  FRA_SUPPRESS_PREFIXLEN: 14,
  FRA_TABLE: 15,
  FRA_FWMASK: 16,
  FRA_OIFNAME: 17,
  FRA_PAD: 18,
  FRA_L3MDEV: 19,
  FRA_UID_RANGE: 20,
  FRA_PROTOCOL: 21,
  FRA_IP_PROTO: 22,
  FRA_SPORT_RANGE: 23,
  FRA_DPORT_RANGE: 24,
} as const

/** What a rule does */
export const FR_ACT = {
  FR_ACT_UNSPEC: 0,
  FR_ACT_TO_TBL: 1,
  FR_ACT_GOTO: 2,
  FR_ACT_NOP: 3,
  FR_ACT_BLACKHOLE: 6,
  FR_ACT_UNREACHABLE: 7,
  FR_ACT_PROHIBIT: 8,
} as const

/** Flags of a rule */
export const FIB_RULE = {
  FIB_RULE_INVERT: 2,
} as const

/** Attributes of a neighbour */
export const NDA = {
  NDA_UNSPEC: 0,
  NDA_DST: 1,
  NDA_LLADDR: 2,
  NDA_CACHEINFO: 3,
  NDA_PROBES: 4,
  NDA_VLAN: 5,
  NDA_PORT: 6,
  NDA_VNI: 7,
  NDA_IFINDEX: 8,
  NDA_MASTER: 9,
  NDA_LINK_NETNSID: 10,
  NDA_SRC_VNI: 11,
  NDA_PROTOCOL: 12,
  NDA_NH_ID: 13,
  NDA_FDB_EXT_ATTRS: 14,
  NDA_FLAGS_EXT: 15,
  NDA_NDM_STATE_MASK: 16,
  NDA_NDM_FLAGS_MASK: 17,
} as const

/** Flags of a neighbour */
export const NTF = {
  NTF_USE: 1,
  NTF_SELF: 2,
  NTF_MASTER: 4,
  NTF_PROXY: 8,
  NTF_EXT_LEARNED: 16,
  NTF_OFFLOADED: 32,
  NTF_STICKY: 64,
  NTF_ROUTER: 128,
} as const

/** States of a neighbour */
export const NUD = {
  NUD_INCOMPLETE: 1,
  NUD_REACHABLE: 2,
  NUD_STALE: 4,
  NUD_DELAY: 8,
  NUD_PROBE: 16,
  NUD_FAILED: 32,
  NUD_NOARP: 64,
  NUD_PERMANENT: 128,
  NUD_NONE: 0,
} as const

/** Attributes of the id of a namespace */
export const NETNSA = {
  NETNSA_NONE: 0,
  NETNSA_NSID: 1,
  NETNSA_PID: 2,
  NETNSA_FD: 3,
  NETNSA_TARGET_NSID: 4,
  NETNSA_CURRENT_NSID: 5,
} as const
