import { InvalidInputError } from '../../base/errors.ts'
import { addAddress, listAddresses } from '../../linux/netlink/addresses.ts'
import { createLink, getLink, listLinks, removeLink, setLink } from '../../linux/netlink/links.ts'
import type { Link } from '../../linux/netlink/link.ts'
import { explained } from './explained.ts'
import type { Rtnetlink } from './rtnetlink.ts'

/** What tells a bridge that this program made from all others. */
export const ALIAS = 'carrel nsinit'

/** A bridge that a network names. */
export interface WantedBridge {
  readonly name: string
  /** JSON pointer of its network */
  readonly field: string
  /** With which it is made when it is not there; absent: it must be there */
  readonly made?: { readonly addresses: readonly BridgeAddress[]; readonly mtu?: number }
}

export interface BridgeAddress {
  /** With length */
  readonly address: string
  /** Key of the network that asks for it */
  readonly key: string
}

/**
 * The index of a bridge of the host, which is made when that is asked for. Whoever asks for it holds the lock of `attachNetworks`.
 * @throws InvalidInputError for what is no bridge, is not there, or lacks an address; nothing was made then
 */
export function addBridge(host: Rtnetlink, wanted: WantedBridge): number {
  const found = host.find(getLink(wanted.name))
  if (!found) return makeBridge(host, wanted)
  const field = `${wanted.field}/bridge`
  if (found.kind !== 'bridge') {
    const rule = `${field} ${JSON.stringify(wanted.name)} is an interface of another kind (${found.kind ?? 'hardware'})`
    throw new InvalidInputError(`${rule}: name a bridge`, { field })
  }
  if (wanted.made && isOurs(found) && isIdle(host, found)) {
    // Left by one that was killed, perhaps before it was complete.
    host.find(removeLink(found.index))
    return makeBridge(host, wanted)
  }
  if (wanted.made) assertAddresses(host, found, wanted, wanted.made.addresses)
  return found.index
}

/** Removes a bridge that this program made, once it has no port. One that others made stays, and so does one that is in use. */
export function removeIdleBridge(host: Rtnetlink, name: string): void {
  const found = host.find(getLink(name))
  if (found && isOurs(found) && isIdle(host, found)) host.find(removeLink(found.index))
}

const isOurs = ({ kind, alias }: Link): boolean => kind === 'bridge' && alias === ALIAS

const isIdle = (host: Rtnetlink, { index }: Link): boolean => host.request(listLinks({ master: index })).length === 0

function makeBridge(host: Rtnetlink, { name, field, made }: WantedBridge): number {
  const at = `${field}/bridge`
  if (!made) {
    const remedy = 'make it, or have it made: "create_bridge": true'
    throw new InvalidInputError(`${at} names no interface of the host, ${JSON.stringify(name)}: ${remedy}`, {
      field: at,
    })
  }
  const { addresses, mtu } = made
  const purpose = { field: at, problem: `${JSON.stringify(name)} cannot be made`, remedy: 'give another name' }
  explained(purpose, () => host.request(createLink({ kind: 'bridge', name, ...(mtu === undefined ? {} : { mtu }) })))
  try {
    const { index, address } = host.request(getLink(name))
    explained(purpose, () =>
      // Its hardware address would become that of its lowest port, and change with the ports, until it is set.
      host.request(setLink(index, { alias: ALIAS, ...(address === undefined ? {} : { address }) })),
    )
    for (const { address: each, key } of addresses) {
      const problem = `cannot be an address of the bridge ${JSON.stringify(name)}`
      const remedy = 'give an address that no other interface of the host has'
      explained({ field: `${field}/${key}`, problem, remedy }, () => host.request(bridgeAddress(index, each)))
    }
    explained(purpose, () => host.request(setLink(index, { up: true })))
    return index
  } catch (error) {
    host.find(removeLink(name))
    throw error
  }
}

const bridgeAddress = (dev: number, address: string) =>
  addAddress(
    address.includes(':') ? { dev, address, flags: ['IFA_F_NODAD'] } : { dev, address, broadcast: 'auto' as const },
  )

function assertAddresses(
  host: Rtnetlink,
  { index, name }: Link,
  { field }: WantedBridge,
  wanted: readonly BridgeAddress[],
): void {
  const there = host.request(listAddresses({ dev: index })).map(({ address, prefix }) => `${address}/${prefix}`)
  for (const { address, key } of wanted) {
    if (there.includes(address)) continue
    const at = `${field}/${key}`
    const rule = `${at} would be ${address} of the bridge ${JSON.stringify(name)}, which is there and has ${there.join(', ') || 'none'}`
    const remedy = 'give one of those, another bridge, or no "create_bridge"'
    throw new InvalidInputError(`${rule}: ${remedy}`, { field: at })
  }
}
