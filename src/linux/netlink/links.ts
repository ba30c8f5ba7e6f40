import { AgentError, InvalidInputError } from '../../base/errors.ts'
import { attribute, checkKeys, given, joined, linkIndex, type Piece, text } from './encode.ts'
import {
  type BridgeOptions,
  bridgeInfo,
  KIND_KEYS,
  kindData,
  kindInfo,
  type LinkKind,
  type PortOptions,
  portInfo,
} from './link-kind.ts'
import { decodeLink, type Link } from './link.ts'
import { checkLinkName, checkLinkRef, type LinkRef } from './link-name.ts'
import {
  BIRTH_KEYS,
  type BirthSettings,
  ifinfomsg,
  type LinkSettings,
  PEER_KEYS,
  SETTING_KEYS,
  settingAttributes,
} from './link-settings.ts'
import { creating, makeChange, makeRequest, type NetlinkRequest } from './request.ts'
import type { NetlinkMessage } from './decode.ts'
import { IFLA, VETH_INFO } from './tables/links.ts'
import { NLM_F, RTM } from './tables/messages.ts'

/** A link that is to be made. */
export type NewLink = BirthSettings & { readonly name: string } & LinkKind

/** What can be changed of a link. */
export type LinkChanges = LinkSettings & {
  /** A new name; `eth%d` lets the kernel put the first free number */
  readonly name?: string
  /** Settings of a bridge */
  readonly bridge?: BridgeOptions
  /** Settings of a port of a bridge */
  readonly port?: PortOptions
}

/** Which links are listed. */
export interface LinkFilter {
  readonly kind?: string
  /** Ports of this link */
  readonly master?: LinkRef
}

/**
 * Makes a link. Of a veth both ends are made at once, each where it says.
 * The kernel says EEXIST for a name that is taken, EOPNOTSUPP for a kind that it does not have.
 * @throws InvalidInputError
 */
export function createLink(link: NewLink): NetlinkRequest<void> {
  const kind = (link as { kind?: unknown }).kind
  if (typeof kind !== 'string' || !Object.hasOwn(KIND_KEYS, kind)) {
    const shown = typeof kind === 'string' ? JSON.stringify(kind) : typeof kind
    throw new InvalidInputError(`kind must be one of ${Object.keys(KIND_KEYS).join(', ')}, not ${shown}`, {
      field: 'kind',
    })
  }
  checkKeys(link, ['kind', 'name', ...BIRTH_KEYS, ...KIND_KEYS[link.kind]], `A link of kind ${link.kind}`)
  const name = checkLinkName(link.name, 'name')
  return makeChange({
    type: 'RTM_NEWLINK',
    flags: creating(),
    head: ifinfomsg(link),
    attributes: [
      attribute(IFLA.IFLA_IFNAME, text(name)),
      ...settingAttributes(link),
      ...parentOf(link),
      kindInfo(link.kind, link.kind === 'veth' ? [peerOf(link)] : kindData(link)),
    ],
    about: `${link.kind} ${name}`,
  })
}

/** What a link stands on; a vxlan has it among its own settings. */
function parentOf(link: NewLink): readonly Piece[] {
  if (!('link' in link) || link.kind === 'vxlan') return []
  return [attribute(IFLA.IFLA_LINK, linkIndex(link.link, 'link'))]
}

function peerOf({ peer }: Extract<LinkKind, { kind: 'veth' }>): Piece {
  checkKeys(peer, ['name', ...PEER_KEYS], 'peer')
  const attributes = [
    attribute(IFLA.IFLA_IFNAME, text(checkLinkName(peer.name, 'peer.name'))),
    ...settingAttributes(peer, 'peer.'),
  ]
  return attribute(VETH_INFO.VETH_INFO_PEER, joined([ifinfomsg(peer, undefined, 'peer.'), ...attributes]))
}

/** Changes a link: settings, name, namespace. @throws InvalidInputError */
export function setLink(ref: LinkRef, changes: LinkChanges): NetlinkRequest<void> {
  checkKeys(changes, ['name', 'bridge', 'port', ...SETTING_KEYS], 'changes')
  if (changes.bridge && changes.port) {
    throw new InvalidInputError('bridge and port are settings of two different links: change one after the other', {
      field: 'port',
    })
  }
  return makeChange({
    type: 'RTM_NEWLINK',
    flags: 0,
    head: ifinfomsg(changes, linkIndex(ref, 'ref')),
    attributes: [
      ...given(changes.name, (name) =>
        attribute(IFLA.IFLA_IFNAME, text(checkLinkName(name, 'name', { template: true }))),
      ),
      ...settingAttributes(changes),
      ...given(changes.bridge, (bridge) => bridgeInfo(bridge, 'bridge.')),
      ...given(changes.port, portInfo),
    ],
    about: `${ref} ${Object.keys(changes).join(' ')}`.trim(),
  })
}

/** Removes a link; of a veth both ends go. The kernel says ENODEV when there is none. @throws InvalidInputError */
export const removeLink = (ref: LinkRef): NetlinkRequest<void> =>
  makeChange({ type: 'RTM_DELLINK', flags: 0, ...named(ref), about: String(ref) })

/** One link. The kernel says ENODEV when there is none. @throws InvalidInputError */
export const getLink = (ref: LinkRef): NetlinkRequest<Link> =>
  makeRequest({
    type: 'RTM_GETLINK',
    flags: 0,
    ...named(ref),
    about: String(ref),
    decode: (messages) => {
      const [link] = linksOf(messages)
      if (link) return link
      throw new AgentError(`RTM_GETLINK(${ref}): the answer holds no link`)
    },
  })

/** A link by its name needs no question for its index first. */
function named(ref: LinkRef): { head: Piece; attributes: readonly Piece[] } {
  const checked = checkLinkRef(ref, 'ref')
  if (typeof checked === 'number') return { head: ifinfomsg({}, linkIndex(checked, 'ref')), attributes: [] }
  return { head: ifinfomsg(), attributes: [attribute(IFLA.IFLA_IFNAME, text(checked))] }
}

/** All links of the namespace, or some. @throws InvalidInputError */
export function listLinks(filter: LinkFilter = {}): NetlinkRequest<readonly Link[]> {
  checkKeys(filter, ['kind', 'master'], 'filter')
  const { kind, master } = filter
  const attributes = [
    ...given(master, (ref) => attribute(IFLA.IFLA_MASTER, linkIndex(ref, 'master'))),
    ...given(kind, (name) => kindInfo(checkKindName(name), [])),
  ]
  return makeRequest({
    type: 'RTM_GETLINK',
    flags: NLM_F.NLM_F_DUMP,
    head: ifinfomsg(),
    attributes,
    about: Object.values(filter).join(' '),
    // A kernel that knows no module of that name lists all links.
    decode: (messages) => linksOf(messages).filter((link) => kind === undefined || link.kind === kind),
  })
}

function checkKindName(kind: unknown): string {
  if (typeof kind === 'string' && /^[\w-]{1,15}$/.test(kind)) return kind
  throw new InvalidInputError('kind must be the name of a kind of links, bridge or veth for instance', {
    field: 'kind',
  })
}

const linksOf = (messages: readonly NetlinkMessage[]): readonly Link[] =>
  messages.filter(({ type }) => type === RTM.RTM_NEWLINK).map(({ body }) => decodeLink(body))
