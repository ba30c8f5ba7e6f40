import { type NameOf, flagSet } from '../constant-set.ts'

/** Flags of a network interface (netdevice(7)). */
export const IFF = flagSet('InterfaceFlag', 'linux/if.h', () => ({
  IFF_UP: 1,
  IFF_BROADCAST: 2,
  IFF_DEBUG: 4,
  IFF_LOOPBACK: 8,
  IFF_POINTOPOINT: 0x10,
  IFF_NOTRAILERS: 0x20,
  IFF_RUNNING: 0x40,
  IFF_NOARP: 0x80,
  IFF_PROMISC: 0x100,
  IFF_ALLMULTI: 0x200,
  IFF_MASTER: 0x400,
  IFF_SLAVE: 0x800,
  IFF_MULTICAST: 0x1000,
  IFF_PORTSEL: 0x2000,
  IFF_AUTOMEDIA: 0x4000,
  IFF_DYNAMIC: 0x8000,
  IFF_LOWER_UP: 0x10000,
  IFF_DORMANT: 0x20000,
  IFF_ECHO: 0x40000,
}))
export type InterfaceFlag = NameOf<typeof IFF>

/** Flags of TUNSETIFF. */
export const TUN_FLAGS = flagSet('TunFlag', 'linux/if_tun.h', () => ({
  IFF_TUN: 1,
  IFF_TAP: 2,
  IFF_NAPI: 0x10,
  IFF_NAPI_FRAGS: 0x20,
  IFF_NO_CARRIER: 0x40,
  IFF_NO_PI: 0x1000,
  IFF_VNET_HDR: 0x4000,
  IFF_TUN_EXCL: 0x8000,
  IFF_MULTI_QUEUE: 0x100,
  IFF_ATTACH_QUEUE: 0x200,
  IFF_DETACH_QUEUE: 0x400,
  IFF_PERSIST: 0x800,
  IFF_NOFILTER: 0x1000,
}))
export type TunFlag = NameOf<typeof TUN_FLAGS>

/** Offloads of TUNSETOFFLOAD. */
export const TUN_OFFLOAD = flagSet('TunOffload', 'linux/if_tun.h', () => ({
  TUN_F_CSUM: 1,
  TUN_F_TSO4: 2,
  TUN_F_TSO6: 4,
  TUN_F_TSO_ECN: 8,
  TUN_F_UFO: 0x10,
}))
export type TunOffload = NameOf<typeof TUN_OFFLOAD>
