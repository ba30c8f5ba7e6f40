import { checkFamily } from './addresses.ts'
import { decodeAttributes, defined, headOf, type NetlinkMessage, u16Of } from './decode.ts'
import {
  attribute,
  checkBoolean,
  checkKeys,
  checkWord,
  given,
  joined,
  linkIndex,
  type Piece,
  piece,
  u16,
  u32,
} from './encode.ts'
import { FAMILIES, type Family, familyOf, formatIp, formatMac, parseIp, parseMac } from './ip.ts'
import type { LinkRef } from './link-name.ts'
import { creating, makeChange, makeRequest, type NetlinkRequest } from './request.ts'
import { NLM_F, RTM } from './tables/messages.ts'
import { NDA, NTF, NUD } from './tables/routing.ts'

/** What is known of a neighbour, and how well (rtnetlink(7), ndm_state). */
export const NEIGHBOUR_STATES = {
  none: NUD.NUD_NONE,
  incomplete: NUD.NUD_INCOMPLETE,
  reachable: NUD.NUD_REACHABLE,
  stale: NUD.NUD_STALE,
  delay: NUD.NUD_DELAY,
  probe: NUD.NUD_PROBE,
  failed: NUD.NUD_FAILED,
  noarp: NUD.NUD_NOARP,
  permanent: NUD.NUD_PERMANENT,
} as const
export type NeighbourState = keyof typeof NEIGHBOUR_STATES

/** Who has an address on a link. */
export interface NewNeighbour {
  readonly dev: LinkRef
  /** Its address, without a prefix */
  readonly to: string
  /** Its hardware address */
  readonly address?: string
  /** permanent without it */
  readonly state?: NeighbourState
  /** Whether this machine answers for it (NTF_PROXY); it has no hardware address of its own then */
  readonly proxy?: boolean
  readonly router?: boolean
  /** Whether one that is there already is changed, instead of an error EEXIST */
  readonly replace?: boolean
}

/** A neighbour as the kernel has it. */
export interface Neighbour {
  /** Index of its link */
  readonly dev: number
  readonly family: Family
  readonly to: string
  readonly address?: string
  readonly state: NeighbourState
  readonly proxy?: boolean
  readonly router?: boolean
}

/** Which neighbours are listed. */
export interface NeighbourFilter {
  readonly dev?: LinkRef
  readonly family?: Family
  /** Those that this machine answers for, and no others */
  readonly proxies?: boolean
}

const KEYS = [
  'dev',
  'to',
  'address',
  'state',
  'proxy',
  'router',
  'replace',
] as const satisfies readonly (keyof NewNeighbour)[]

/** Size of `struct ndmsg` */
const NDMSG = 12

/** Adds a neighbour. The kernel says EEXIST when there is one. @throws InvalidInputError */
export function addNeighbour(neighbour: NewNeighbour): NetlinkRequest<void> {
  checkKeys(neighbour, KEYS, 'A neighbour')
  const { to, address, state, proxy, router, replace, dev } = neighbour
  const flags = (isSet(proxy, 'proxy') ? NTF.NTF_PROXY : 0) | (isSet(router, 'router') ? NTF.NTF_ROUTER : 0)
  const ip = parseIp(to, 'to')
  return makeChange({
    type: 'RTM_NEWNEIGH',
    flags: creating(replace),
    head: ndmsg({
      family: ip.family,
      index: linkIndex(dev, 'dev'),
      state: checkWord(NEIGHBOUR_STATES, state ?? 'permanent', 'state'),
      flags,
    }),
    attributes: [
      attribute(NDA.NDA_DST, ip.bytes),
      ...given(address, (mac) => attribute(NDA.NDA_LLADDR, parseMac(mac, 'address'))),
    ],
    about: `${to} dev ${dev}`,
  })
}

/** Takes a neighbour away. The kernel says ENOENT when there is none. @throws InvalidInputError */
export function removeNeighbour(neighbour: Pick<NewNeighbour, 'dev' | 'to' | 'proxy'>): NetlinkRequest<void> {
  checkKeys(neighbour, ['dev', 'to', 'proxy'], 'A neighbour')
  const ip = parseIp(neighbour.to, 'to')
  const flags = isSet(neighbour.proxy, 'proxy') ? NTF.NTF_PROXY : 0
  return makeChange({
    type: 'RTM_DELNEIGH',
    flags: 0,
    head: ndmsg({ family: ip.family, index: linkIndex(neighbour.dev, 'dev'), flags }),
    attributes: [attribute(NDA.NDA_DST, ip.bytes)],
    about: `${neighbour.to} dev ${neighbour.dev}`,
  })
}

/** The neighbours of all links, or of some. @throws InvalidInputError */
export function listNeighbours(filter: NeighbourFilter = {}): NetlinkRequest<readonly Neighbour[]> {
  checkKeys(filter, ['dev', 'family', 'proxies'], 'filter')
  const { dev, family } = filter
  const proxies = isSet(filter.proxies, 'proxies')
  return makeRequest({
    type: 'RTM_GETNEIGH',
    flags: NLM_F.NLM_F_DUMP,
    head: ndmsg({
      family: family === undefined ? undefined : checkFamily(family),
      index: piece(u32(0)),
      flags: proxies ? NTF.NTF_PROXY : 0,
    }),
    attributes: given(proxies ? undefined : dev, (ref) => attribute(NDA.NDA_IFINDEX, linkIndex(ref, 'dev'))),
    about: Object.values(filter).join(' '),
    decode: (messages: readonly NetlinkMessage[]) =>
      messages.filter(({ type }) => type === RTM.RTM_NEWNEIGH).flatMap(({ body }) => decodeNeighbour(body) ?? []),
  })
}

const isSet = (value: boolean | undefined, field: string): boolean => value !== undefined && checkBoolean(value, field)

interface Head {
  readonly family: Family | undefined
  readonly index: Piece
  readonly state?: number
  readonly flags?: number
}

/** `struct ndmsg` */
function ndmsg({ family, index, state = 0, flags = 0 }: Head): Piece {
  const number = family === undefined ? 0 : FAMILIES[family].number
  return joined([piece(Uint8Array.of(number, 0, 0, 0)), index, piece(Uint8Array.of(...u16(state), flags, 0))])
}

/** A message RTM_NEWNEIGH or RTM_DELNEIGH; undefined for one of another family, a bridge's for instance. @throws AgentError */
export function decodeNeighbour(body: Uint8Array): Neighbour | undefined {
  const head = headOf(body, NDMSG)
  const attributes = decodeAttributes(body, NDMSG)
  const family = familyOf(head.getUint8(0))
  const to = attributes.get(NDA.NDA_DST)
  if (family === undefined || to === undefined) return undefined
  const address = attributes.get(NDA.NDA_LLADDR)
  const flags = head.getUint8(10)
  const state = u16Of(body.subarray(8, 10))
  const words = Object.keys(NEIGHBOUR_STATES) as NeighbourState[]
  return defined({
    dev: head.getInt32(4, true),
    family,
    to: formatIp(to),
    address: address && formatMac(address),
    state: words.find((word) => NEIGHBOUR_STATES[word] === state) ?? 'none',
    proxy: (flags & NTF.NTF_PROXY) !== 0 ? true : undefined,
    router: (flags & NTF.NTF_ROUTER) !== 0 ? true : undefined,
  }) as Neighbour
}
