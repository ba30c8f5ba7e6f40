import { type NetlinkMessage, HEADER } from './decode.ts'
import { joined, type NamedLink, type Piece, piece } from './encode.ts'
import { NLM_F, RTM } from './tables/messages.ts'

/** A question or an order to the kernel, as data: what is sent, and how its answer is read. */
export interface NetlinkRequest<T> {
  /** One datagram; sequence number, port and the indexes of `links` are the executor's to fill in */
  readonly bytes: Uint8Array
  /** Whether it asks for everything of a kind: the answer has many parts */
  readonly isDump: boolean
  /** Places for the indexes of links that are known by their names */
  readonly links: readonly NamedLink[]
  /** As errors show it, `RTM_NEWROUTE(default via 10.0.0.1)` */
  readonly title: string
  /** Reads the answer, without acknowledgements. @throws AgentError for one that makes no sense */
  readonly decode: (messages: readonly NetlinkMessage[]) => T
}

/** Names of messages of rtnetlink. */
export type MessageName = keyof typeof RTM

/** What a request consists of. */
export interface RequestParts<T> {
  readonly type: MessageName
  /** Flags beside NLM_F_REQUEST; NLM_F_ACK for what has no other answer */
  readonly flags: number
  /** The struct of the family, `struct ifinfomsg` */
  readonly head: Piece | Uint8Array
  readonly attributes?: readonly Piece[]
  /** What it is about, for errors */
  readonly about: string
  readonly decode: (messages: readonly NetlinkMessage[]) => T
}

export function makeRequest<T>({
  type,
  flags,
  head,
  attributes = [],
  about,
  decode,
}: RequestParts<T>): NetlinkRequest<T> {
  const family = head instanceof Uint8Array ? piece(head) : head
  const { bytes, links } = joined([piece(new Uint8Array(HEADER)), family, ...attributes])
  const view = new DataView(bytes.buffer)
  view.setUint32(0, bytes.length, true)
  view.setUint16(4, RTM[type], true)
  view.setUint16(6, NLM_F.NLM_F_REQUEST | flags, true)
  const isDump = (flags & NLM_F.NLM_F_DUMP) === NLM_F.NLM_F_DUMP && type.startsWith('RTM_GET')
  return { bytes, isDump, links, title: `${type}(${about})`, decode }
}

/** A request that changes something: the kernel says done, or no. */
export const makeChange = (parts: Omit<RequestParts<void>, 'decode'>): NetlinkRequest<void> =>
  makeRequest({ ...parts, flags: parts.flags | NLM_F.NLM_F_ACK, decode: () => undefined })

/** The flags of a request that makes something: new, or in the place of what is there. */
export const creating = (replace = false): number =>
  NLM_F.NLM_F_CREATE | (replace ? NLM_F.NLM_F_REPLACE : NLM_F.NLM_F_EXCL)

/** A copy that can be sent. */
export function stampRequest(
  { bytes, links }: Pick<NetlinkRequest<unknown>, 'bytes' | 'links'>,
  {
    sequence,
    port,
    indexes,
  }: { readonly sequence: number; readonly port: number; readonly indexes: readonly number[] },
): Uint8Array {
  const stamped = bytes.slice()
  const view = new DataView(stamped.buffer)
  view.setUint32(8, sequence, true)
  view.setUint32(12, port, true)
  links.forEach(({ at }, i) => view.setUint32(at, indexes[i] ?? 0, true))
  return stamped
}
