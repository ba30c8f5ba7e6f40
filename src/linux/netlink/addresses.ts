import { InvalidInputError } from '../../base/errors.ts'
import { machineArch } from '../arch.ts'
import { type Flags, flagNames, flagsValue } from '../flags.ts'
import { decodeAttributes, defined, headOf, type NetlinkMessage, textOf, u32Of, wordOf } from './decode.ts'
import {
  attribute,
  checkKeys,
  checkNumber,
  given,
  joined,
  linkIndex,
  type Piece,
  piece,
  text,
  u32,
  wordNumber,
} from './encode.ts'
import { broadcastOf, type Cidr, FAMILIES, type Family, familyOf, formatIp, parseCidr, parseIp } from './ip.ts'
import type { LinkRef } from './link-name.ts'
import { creating, makeChange, makeRequest, type NetlinkRequest } from './request.ts'
import { type Scope, SCOPES } from './scope.ts'
import { NLM_F, RTM } from './tables/messages.ts'
import { type AddressFlag, IFA, IFA_F } from './tables/routing.ts'

/** An address that a link is to have. */
export interface NewAddress {
  readonly dev: LinkRef
  /** `10.0.0.1/24`; without a prefix a single address */
  readonly address: string
  /** Of the other side of a point-to-point link, with the prefix of what is reached there */
  readonly peer?: string
  /** IPv4 alone; `auto` is the last address of the network */
  readonly broadcast?: string
  /** IPv4 alone: the name of the link, or that with `:` and more behind it */
  readonly label?: string
  readonly scope?: Scope | number
  /** `['IFA_F_NODAD']` uses an IPv6 address without asking whether somebody has it */
  readonly flags?: Flags<AddressFlag>
  /** For ever without it */
  readonly validSeconds?: number
  /** Not longer than valid; for new connections */
  readonly preferredSeconds?: number
  /** Of the route to its network */
  readonly metric?: number
  /** Whether one that is there already is changed, instead of an error EEXIST */
  readonly replace?: boolean
}

/** Names an address of a link. */
export type AddressRef = Pick<NewAddress, 'dev' | 'address' | 'peer'>

/** Which addresses are listed. */
export interface AddressFilter {
  readonly dev?: LinkRef
  readonly family?: Family
}

/** An address as the kernel has it. */
export interface Address {
  /** Of its link */
  readonly index: number
  readonly family: Family
  /** Without its prefix */
  readonly address: string
  readonly prefix: number
  readonly peer?: string
  readonly broadcast?: string
  readonly label?: string
  /** A word of SCOPES, or a number as text */
  readonly scope: string
  readonly flags: readonly (AddressFlag | number | bigint)[]
  /** For ever without it */
  readonly validSeconds?: number
  readonly preferredSeconds?: number
  readonly metric?: number
}

const KEYS = [
  'dev',
  'address',
  'peer',
  'broadcast',
  'label',
  'scope',
  'flags',
  'validSeconds',
  'preferredSeconds',
  'metric',
  'replace',
] as const satisfies readonly (keyof NewAddress)[]

/** Size of `struct ifaddrmsg` */
const IFADDRMSG = 8
/** Lifetime of an address that stays (INFINITY_LIFE_TIME) */
const FOR_EVER = 0xffff_ffff

/** Gives a link an address. The kernel says EEXIST when it has it. @throws InvalidInputError */
export function addAddress(address: NewAddress): NetlinkRequest<void> {
  checkKeys(address, KEYS, 'An address')
  const { dev, broadcast, label, scope, flags, metric, replace } = address
  const cidr = parseCidr(address.address, 'address')
  const only = { cidr, label, broadcast }
  return makeChange({
    type: 'RTM_NEWADDR',
    flags: creating(replace),
    head: ifaddrmsg(address, cidr, scope === undefined ? 0 : wordNumber(SCOPES, scope, 'scope')),
    attributes: [
      ...ends(address, cidr),
      ...given(ofIpv4(only, 'broadcast'), (ip) =>
        given(broadcastBytes(ip, cidr), (b) => attribute(IFA.IFA_BROADCAST, b)),
      ),
      ...given(ofIpv4(only, 'label'), (name) => attribute(IFA.IFA_LABEL, text(checkLabel(name)))),
      ...given(flags, (list) => attribute(IFA.IFA_FLAGS, u32(Number(flagsValue(IFA_F, list, machineArch(), 'flags'))))),
      ...lifetimes(address),
      ...given(metric, (n) => attribute(IFA.IFA_RT_PRIORITY, u32(checkNumber(n, 'metric', 0, 0xffff_ffff)))),
    ],
    about: `${address.address} dev ${dev}`,
  })
}

/** Takes an address away. The kernel says EADDRNOTAVAIL when the link does not have it. @throws InvalidInputError */
export function removeAddress(address: AddressRef): NetlinkRequest<void> {
  checkKeys(address, ['dev', 'address', 'peer'], 'An address')
  const cidr = parseCidr(address.address, 'address')
  return makeChange({
    type: 'RTM_DELADDR',
    flags: 0,
    head: ifaddrmsg(address, cidr, 0),
    attributes: ends(address, cidr),
    about: `${address.address} dev ${address.dev}`,
  })
}

/** The addresses of all links, or of some. @throws InvalidInputError */
export function listAddresses(filter: AddressFilter = {}): NetlinkRequest<readonly Address[]> {
  checkKeys(filter, ['dev', 'family'], 'filter')
  const family = filter.family === undefined ? 0 : FAMILIES[checkFamily(filter.family)].number
  const index = filter.dev === undefined ? piece(u32(0)) : linkIndex(filter.dev, 'dev')
  return makeRequest({
    type: 'RTM_GETADDR',
    flags: NLM_F.NLM_F_DUMP,
    head: joined([piece(Uint8Array.of(family, 0, 0, 0)), index]),
    about: Object.values(filter).join(' '),
    decode: addressesOf,
  })
}

/** @throws InvalidInputError */
export function checkFamily(family: unknown): Family {
  if (family === 'inet' || family === 'inet6') return family
  throw new InvalidInputError('family must be inet or inet6', { field: 'family' })
}

function ifaddrmsg({ dev, peer }: AddressRef, cidr: Cidr, scope: number): Piece {
  const prefix = peer === undefined ? cidr.prefix : parseCidr(peer, 'peer').prefix
  const head = Uint8Array.of(FAMILIES[cidr.family].number, prefix, 0, scope)
  return joined([piece(head), linkIndex(dev, 'dev')])
}

/** The own end is IFA_LOCAL; IFA_ADDRESS is the other one, where there is one (rtnetlink(7)). */
function ends({ peer }: AddressRef, cidr: Cidr): readonly Piece[] {
  const other = peer === undefined ? cidr : parseCidr(peer, 'peer')
  if (other.family !== cidr.family) {
    throw new InvalidInputError('peer must be of the same family as address', { field: 'peer' })
  }
  return [attribute(IFA.IFA_LOCAL, cidr.bytes), attribute(IFA.IFA_ADDRESS, other.bytes)]
}

/** A setting that only IPv4 has. @throws InvalidInputError where it stands with another address */
function ofIpv4<K extends 'broadcast' | 'label'>(
  { cidr, ...settings }: { readonly cidr: Cidr } & { readonly [P in K]: string | undefined },
  name: K,
): string | undefined {
  const value = (settings as { readonly [P in K]: string | undefined })[name]
  if (value === undefined || cidr.family === 'inet') return value
  throw new InvalidInputError(`${name} is for IPv4 alone: leave it out`, { field: name })
}

function broadcastBytes(broadcast: string, cidr: Cidr): Uint8Array | undefined {
  if (broadcast === 'auto') return broadcastOf(cidr)
  const { family, bytes } = parseIp(broadcast, 'broadcast')
  if (family === 'inet') return bytes
  throw new InvalidInputError('broadcast must be an IPv4 address, or auto', { field: 'broadcast' })
}

/** Room of IFNAMSIZ with the NUL. */
function checkLabel(label: unknown): string {
  if (typeof label === 'string' && /^[^\0]+$/.test(label) && new TextEncoder().encode(label).length <= 15) return label
  throw new InvalidInputError('label must be text of 1 to 15 bytes that begins with the name of the link', {
    field: 'label',
  })
}

/** `struct ifa_cacheinfo`: preferred, valid, and two times that only the kernel tells */
function lifetimes({ validSeconds, preferredSeconds }: NewAddress): readonly Piece[] {
  if (validSeconds === undefined && preferredSeconds === undefined) return []
  const seconds = (value: number | undefined, field: string): number =>
    value === undefined ? FOR_EVER : checkNumber(value, field, 0, FOR_EVER - 1, 'seconds')
  const valid = seconds(validSeconds, 'validSeconds')
  if (valid === 0) {
    throw new InvalidInputError('validSeconds must be at least 1: remove the address instead', {
      field: 'validSeconds',
    })
  }
  const preferred = preferredSeconds === undefined ? valid : seconds(preferredSeconds, 'preferredSeconds')
  if (preferred > valid) {
    throw new InvalidInputError('preferredSeconds must not be more than validSeconds', { field: 'preferredSeconds' })
  }
  return [attribute(IFA.IFA_CACHEINFO, joined([preferred, valid, 0, 0].map((n) => piece(u32(n)))))]
}

const addressesOf = (messages: readonly NetlinkMessage[]): readonly Address[] =>
  messages.filter(({ type }) => type === RTM.RTM_NEWADDR).flatMap(({ body }) => decodeAddress(body) ?? [])

/** A message RTM_NEWADDR or RTM_DELADDR; undefined for one of another family. @throws AgentError */
export function decodeAddress(body: Uint8Array): Address | undefined {
  const head = headOf(body, IFADDRMSG)
  const family = familyOf(head.getUint8(0))
  const attributes = decodeAttributes(body, IFADDRMSG)
  const other = attributes.get(IFA.IFA_ADDRESS)
  const local = attributes.get(IFA.IFA_LOCAL) ?? other
  if (family === undefined || local === undefined) return undefined
  const [own, peer] = [formatIp(local), other && formatIp(other)]
  const broadcast = attributes.get(IFA.IFA_BROADCAST)
  return defined({
    index: head.getUint32(4, true),
    family,
    address: own,
    prefix: head.getUint8(1),
    peer: peer === own ? undefined : peer,
    broadcast: broadcast && formatIp(broadcast),
    label: textOf(attributes.get(IFA.IFA_LABEL)),
    scope: wordOf(SCOPES, head.getUint8(3)),
    flags: flagNames(IFA_F, u32Of(attributes.get(IFA.IFA_FLAGS)) ?? head.getUint8(2)) as AddressFlag[],
    ...lifetimesOf(attributes.get(IFA.IFA_CACHEINFO)),
    metric: u32Of(attributes.get(IFA.IFA_RT_PRIORITY)),
  }) as Address
}

function lifetimesOf(bytes: Uint8Array | undefined): Pick<Address, 'validSeconds' | 'preferredSeconds'> {
  if (bytes === undefined || bytes.length < 16) return {}
  const seconds = (at: number): number | undefined => {
    const value = u32Of(bytes.subarray(at, at + 4))
    return value === FOR_EVER ? undefined : value
  }
  return defined({ preferredSeconds: seconds(0), validSeconds: seconds(4) })
}
