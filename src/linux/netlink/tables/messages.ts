/** Messages of netlink(7) and rtnetlink(7): linux/netlink.h, linux/rtnetlink.h. */
import { type NameOf, choiceSet } from '../../constant-set.ts'

/** Types of messages that every family has */
export const NLMSG = {
  NLMSG_NOOP: 1,
  NLMSG_ERROR: 2,
  NLMSG_DONE: 3,
  NLMSG_OVERRUN: 4,
} as const

/** Flags of a header; those of requests and of answers share their bits */
export const NLM_F = {
  NLM_F_REQUEST: 1,
  NLM_F_MULTI: 2,
  NLM_F_ACK: 4,
  NLM_F_ECHO: 8,
  NLM_F_DUMP_INTR: 16,
  NLM_F_DUMP_FILTERED: 32,
  NLM_F_DUMP: 768,
  NLM_F_REPLACE: 256,
  NLM_F_EXCL: 512,
  NLM_F_CREATE: 1024,
  NLM_F_APPEND: 2048,
  NLM_F_CAPPED: 256,
  NLM_F_ACK_TLVS: 512,
} as const

/** What may stand behind an error (NETLINK_EXT_ACK) */
export const NLMSGERR_ATTR = {
  NLMSGERR_ATTR_UNUSED: 0,
  NLMSGERR_ATTR_MSG: 1,
  NLMSGERR_ATTR_OFFS: 2,
  NLMSGERR_ATTR_COOKIE: 3,
  NLMSGERR_ATTR_POLICY: 4,
  NLMSGERR_ATTR_MISS_TYPE: 5,
  NLMSGERR_ATTR_MISS_NEST: 6,
} as const

/** Options of a socket at level SOL_NETLINK */
export const NETLINK_OPTION = {
  NETLINK_ADD_MEMBERSHIP: 1,
  NETLINK_DROP_MEMBERSHIP: 2,
  NETLINK_CAP_ACK: 10,
  NETLINK_EXT_ACK: 11,
  NETLINK_GET_STRICT_CHK: 12,
} as const

/** Types of messages of rtnetlink */
export const RTM = {
  RTM_NEWLINK: 16,
  RTM_DELLINK: 17,
  RTM_GETLINK: 18,
  RTM_SETLINK: 19,
  RTM_NEWADDR: 20,
  RTM_DELADDR: 21,
  RTM_GETADDR: 22,
  RTM_NEWROUTE: 24,
  RTM_DELROUTE: 25,
  RTM_GETROUTE: 26,
  RTM_NEWNEIGH: 28,
  RTM_DELNEIGH: 29,
  RTM_GETNEIGH: 30,
  RTM_NEWRULE: 32,
  RTM_DELRULE: 33,
  RTM_GETRULE: 34,
  RTM_NEWNSID: 88,
  RTM_DELNSID: 89,
  RTM_GETNSID: 90,
} as const

/** Groups of events */
export const RTNLGRP = choiceSet(
  'RouteGroup',
  'linux/rtnetlink.h',
  () => ({
    RTNLGRP_LINK: 1,
    RTNLGRP_NEIGH: 3,
    RTNLGRP_IPV4_IFADDR: 5,
    RTNLGRP_IPV4_ROUTE: 7,
    RTNLGRP_IPV4_RULE: 8,
    RTNLGRP_IPV6_IFADDR: 9,
    RTNLGRP_IPV6_ROUTE: 11,
    RTNLGRP_IPV6_RULE: 19,
    RTNLGRP_NSID: 28,
  }),
  { isEnum: true },
)
export type RouteGroup = NameOf<typeof RTNLGRP>
