import { InvalidInputError } from '../../base/errors.ts'
import { parseMac } from './ip.ts'
import {
  attribute,
  checkBoolean,
  checkNumber,
  given,
  joined,
  linkIndex,
  piece,
  type Piece,
  text,
  u32,
} from './encode.ts'
import type { LinkRef } from './link-name.ts'
import { IFF } from '../tables/interfaces.ts'
import { IFLA } from './tables/links.ts'

/** A network namespace: of a process, or an open one; both as the process numbers them that asks. */
export type NamespaceRef = { readonly pid: number } | { readonly fd: number }

/** What every link has. */
export interface LinkSettings {
  /** Largest packet in bytes */
  readonly mtu?: number
  /** Hardware address, `02:00:00:00:00:01` */
  readonly address?: string
  /** Packets that may wait to be sent */
  readonly txQueueLength?: number
  readonly up?: boolean
  /** Whether it asks for addresses of neighbours */
  readonly arp?: boolean
  readonly multicast?: boolean
  readonly promiscuous?: boolean
  /** The bridge or other link that it becomes a port of; null takes it out of the one it is in */
  readonly master?: LinkRef | null
  /** Free text of at most 255 bytes */
  readonly alias?: string
  readonly group?: number
  /** Where it is made, or moved to */
  readonly netns?: NamespaceRef
}

/** What a new link can have at once: the kernel leaves an alias aside when it makes one. */
export type BirthSettings = Omit<LinkSettings, 'alias'>

/** What the other end of a new veth can have at once: it can neither be up nor a port before the first end is there. */
export type PeerSettings = Omit<BirthSettings, 'up' | 'master'>

export const SETTING_KEYS = [
  'mtu',
  'address',
  'txQueueLength',
  'up',
  'arp',
  'multicast',
  'promiscuous',
  'master',
  'alias',
  'group',
  'netns',
] as const satisfies readonly (keyof LinkSettings)[]
export const BIRTH_KEYS = SETTING_KEYS.filter((key) => key !== 'alias')
export const PEER_KEYS = BIRTH_KEYS.filter((key) => key !== 'up' && key !== 'master')

/** Longest alias in bytes (IFALIASZ without the NUL) */
const ALIAS = 255

/** `struct ifinfomsg`: family, type, index, flags, and which of them change. */
export function ifinfomsg(settings: LinkSettings = {}, index: Piece = piece(u32(0)), at = ''): Piece {
  const flags = flagChanges(settings, at)
  return joined([piece(u32(0)), index, piece(u32(flags.on)), piece(u32(flags.change))])
}

function flagChanges(settings: LinkSettings, at: string): { on: number; change: number } {
  const bits = [
    ['up', settings.up, IFF.values.IFF_UP],
    ['multicast', settings.multicast, IFF.values.IFF_MULTICAST],
    ['promiscuous', settings.promiscuous, IFF.values.IFF_PROMISC],
    ['arp', settings.arp, IFF.values.IFF_NOARP],
  ] as const
  let [on, change] = [0, 0]
  for (const [name, value, bit] of bits) {
    if (value === undefined) continue
    change |= bit
    // The kernel's flag says the opposite: IFF_NOARP.
    if (checkBoolean(value, `${at}${name}`) !== (name === 'arp')) on |= bit
  }
  return { on, change }
}

/** The attributes of settings. @param at what stands before the names of fields @throws InvalidInputError */
export function settingAttributes(settings: LinkSettings, at = ''): readonly Piece[] {
  return [
    ...given(settings.mtu, (mtu) =>
      attribute(IFLA.IFLA_MTU, u32(checkNumber(mtu, `${at}mtu`, 0, 0x7fff_ffff, 'bytes'))),
    ),
    ...given(settings.address, (mac) => attribute(IFLA.IFLA_ADDRESS, parseMac(mac, `${at}address`))),
    ...given(settings.txQueueLength, (n) =>
      attribute(IFLA.IFLA_TXQLEN, u32(checkNumber(n, `${at}txQueueLength`, 0, 0x7fff_ffff, 'packets'))),
    ),
    ...given(settings.master, (master) =>
      attribute(IFLA.IFLA_MASTER, master === null ? piece(u32(0)) : linkIndex(master, `${at}master`)),
    ),
    ...given(settings.alias, (alias) => attribute(IFLA.IFLA_IFALIAS, checkAlias(alias, `${at}alias`))),
    ...given(settings.group, (n) => attribute(IFLA.IFLA_GROUP, u32(checkNumber(n, `${at}group`, 0, 0x7fff_ffff)))),
    ...given(settings.netns, (ref) => namespaceAttribute(ref, `${at}netns`)),
  ]
}

function namespaceAttribute(ref: NamespaceRef, field: string): Piece {
  const { kind, number } = checkNamespaceRef(ref, field)
  return attribute(kind === 'pid' ? IFLA.IFLA_NET_NS_PID : IFLA.IFLA_NET_NS_FD, u32(number))
}

/** @throws InvalidInputError */
export function checkNamespaceRef(ref: unknown, field: string): { kind: 'pid' | 'fd'; number: number } {
  const { pid, fd } = (typeof ref === 'object' && ref !== null ? ref : {}) as { pid?: unknown; fd?: unknown }
  if (pid !== undefined && fd === undefined) {
    return { kind: 'pid', number: checkNumber(pid, `${field}.pid`, 1, 0x7fff_ffff) }
  }
  if (fd !== undefined && pid === undefined) {
    return { kind: 'fd', number: checkNumber(fd, `${field}.fd`, 0, 0x7fff_ffff) }
  }
  throw new InvalidInputError(`${field} must name a namespace by the one of pid and fd: { pid: 4711 }`, { field })
}

function checkAlias(alias: unknown, field: string): Uint8Array {
  if (typeof alias !== 'string' || alias.includes('\0')) {
    throw new InvalidInputError(`${field} must be text without NUL`, { field })
  }
  // An empty one takes the alias away, which the kernel does for no bytes at all.
  const bytes = text(alias).subarray(0, -1)
  if (bytes.length <= ALIAS) return bytes
  throw new InvalidInputError(`${field} has ${bytes.length} bytes: the kernel keeps at most ${ALIAS}`, { field })
}
