import { type Address, decodeAddress } from './addresses.ts'
import { decodeMessages, type NetlinkMessage } from './decode.ts'
import { decodeLink, type Link } from './link.ts'
import { decodeNeighbour, type Neighbour } from './neighbours.ts'
import { decodeRoute, type Route } from './route.ts'
import { decodeRule, type Rule } from './rules.ts'
import { RTM } from './tables/messages.ts'

/** What happened in a network namespace: what is there now, new or changed, or is no longer there. */
export type NetlinkEvent =
  | { readonly type: 'link'; readonly removed: boolean; readonly link: Link }
  | { readonly type: 'address'; readonly removed: boolean; readonly address: Address }
  | { readonly type: 'route'; readonly removed: boolean; readonly route: Route }
  | { readonly type: 'rule'; readonly removed: boolean; readonly rule: Rule }
  | { readonly type: 'neighbour'; readonly removed: boolean; readonly neighbour: Neighbour }
  /** More happened than the socket had room for: what is known of the namespace must be asked for again */
  | { readonly type: 'lost' }

/** The events of a datagram; what has no form here is left out. @throws AgentError for one that is malformed */
export const decodeEvents = (bytes: Uint8Array): readonly NetlinkEvent[] =>
  decodeMessages(bytes).flatMap((message) => eventOf(message) ?? [])

function eventOf({ type, body }: NetlinkMessage): NetlinkEvent | undefined {
  switch (type) {
    case RTM.RTM_NEWLINK:
    case RTM.RTM_DELLINK:
      // Bridges tell of their ports by the same message, of another family.
      return body[0] === 0 ? { type: 'link', removed: type === RTM.RTM_DELLINK, link: decodeLink(body) } : undefined
    case RTM.RTM_NEWADDR:
    case RTM.RTM_DELADDR: {
      const address = decodeAddress(body)
      return address && { type: 'address', removed: type === RTM.RTM_DELADDR, address }
    }
    case RTM.RTM_NEWROUTE:
    case RTM.RTM_DELROUTE: {
      const route = decodeRoute(body)
      return route && { type: 'route', removed: type === RTM.RTM_DELROUTE, route }
    }
    case RTM.RTM_NEWRULE:
    case RTM.RTM_DELRULE: {
      const rule = decodeRule(body)
      return rule && { type: 'rule', removed: type === RTM.RTM_DELRULE, rule }
    }
    case RTM.RTM_NEWNEIGH:
    case RTM.RTM_DELNEIGH: {
      const neighbour = decodeNeighbour(body)
      return neighbour && { type: 'neighbour', removed: type === RTM.RTM_DELNEIGH, neighbour }
    }
    default:
      return undefined
  }
}
