import { InvalidInputError, SyscallError } from '../../base/errors.ts'
import { addAddress } from '../../linux/netlink/addresses.ts'
import { createLink, getLink, listLinks, removeLink, setLink } from '../../linux/netlink/links.ts'
import { addRoute } from '../../linux/netlink/routes.ts'
import type { VethNetwork } from '../container-json/container-config.ts'
import { explained, type Purpose } from './explained.ts'
import type { AttachedInterface } from './network-state.ts'
import type { Rtnetlink } from './rtnetlink.ts'

/** IFNAMSIZ without the NUL */
const LONGEST_NAME = 15

/** A network of type veth, on its way. */
export interface WantedVeth {
  readonly network: VethNetwork
  /** JSON pointer of it */
  readonly field: string
  /** First process of the container, as the agent of `host` numbers it */
  readonly pid: number
  /** Index of the bridge */
  readonly bridge: number
  /** Families whose default route is given by `routes` of the configuration */
  readonly routed: ReadonlySet<'inet' | 'inet6'>
}

/** Makes a pair, one end in the bridge, one in the container, and sets both up. @throws InvalidInputError; there is no pair then */
export function addVeth(host: Rtnetlink, inside: Rtnetlink, wanted: WantedVeth): AttachedInterface {
  const { network, field } = wanted
  assertFree(inside, network.name, field)
  const name = makePair(host, wanted)
  try {
    const { index } = host.request(getLink(name))
    setInside(inside, wanted)
    return { host: name, host_index: index, child: network.name, bridge: network.bridge }
  } catch (error) {
    host.find(removeLink(name))
    throw error
  }
}

function assertFree(inside: Rtnetlink, name: string, field: string): void {
  if (!inside.find(getLink(name))) return
  const at = `${field}/name`
  const rule = `${at} ${JSON.stringify(name)} is taken by another interface of the container: give each a name of its own`
  throw new InvalidInputError(rule, { field: at })
}

/** The name of the end on the host: the prefix and the first number that no interface has. */
function makePair(host: Rtnetlink, wanted: WantedVeth): string {
  const { network } = wanted
  const taken = new Set(host.request(listLinks()).map(({ name }) => name))
  for (let number = 0; ; number++) {
    const name = `${network.vethPrefix}${number}`
    if (name.length > LONGEST_NAME) throw noName(wanted)
    if (taken.has(name)) continue
    try {
      host.request(pair(name, wanted))
      return name
    } catch (error) {
      // Somebody has made one of that name since; anything else of that errno would be tried for ever.
      if (isTaken(error) && host.find(getLink(name))) continue
      return explained(refused(error, wanted), () => {
        throw error
      })
    }
  }
}

/** What of the settings the kernel means by an error of the whole message. */
function refused(error: unknown, { network, field }: WantedVeth): Purpose {
  const errno = error instanceof SyscallError ? error.errno : ''
  if (errno === 'EADDRNOTAVAIL' && network.macAddress !== undefined) {
    const remedy = 'give a unicast address that is not all zeros, 02:42:ac:11:00:02 for instance'
    return { field: `${field}/mac_address`, problem: `${network.macAddress} cannot be that of an interface`, remedy }
  }
  if (errno === 'EINVAL' && network.mtu !== undefined) {
    return {
      field: `${field}/mtu`,
      problem: `${network.mtu} cannot be that of a pair`,
      remedy: 'give 68 to 65535 bytes',
    }
  }
  return { field, problem: 'cannot be made', remedy: REMEDY }
}

const REMEDY = 'check bridge, mtu and txqueuelen'

const isTaken = (error: unknown): boolean => error instanceof SyscallError && error.errno === 'EEXIST'

function noName({ network: { vethPrefix }, field }: WantedVeth): InvalidInputError {
  const at = `${field}/veth_prefix`
  const rule = `${at} ${JSON.stringify(vethPrefix)} leaves no room for a number that no interface of the host has`
  return new InvalidInputError(`${rule}: give a shorter prefix`, { field: at })
}

/** Both ends at once, each where it belongs and with all its settings: the other end never stands on the host. */
function pair(name: string, { network, pid, bridge }: WantedVeth): ReturnType<typeof createLink> {
  const { mtu, txQueueLength, macAddress } = network
  const both = {
    ...(mtu === undefined ? {} : { mtu }),
    ...(txQueueLength === undefined ? {} : { txQueueLength }),
  }
  return createLink({
    kind: 'veth',
    name,
    master: bridge,
    up: true,
    ...both,
    peer: {
      name: network.name,
      netns: { pid },
      ...both,
      ...(macAddress === undefined ? {} : { address: macAddress }),
    },
  })
}

function setInside(inside: Rtnetlink, { network, field, routed }: WantedVeth): void {
  const { name: dev, address, ipv6Address, gateway, ipv6Gateway } = network
  if (address !== undefined) {
    explained(addressPurpose(`${field}/address`), () =>
      inside.request(addAddress({ dev, address, ...(isHostLength(address) ? {} : { broadcast: 'auto' }) })),
    )
  }
  if (ipv6Address !== undefined) {
    // Tentative for a second otherwise, and no program can bind it meanwhile (RFC 4862, 5.4).
    const request = addAddress({ dev, address: ipv6Address, flags: ['IFA_F_NODAD'] })
    explained(addressPurpose(`${field}/ipv6_address`), () => inside.request(request))
  }
  explained({ field, problem: `cannot be set up as ${dev}`, remedy: REMEDY }, () =>
    inside.request(setLink(dev, { up: true })),
  )
  if (gateway !== undefined && !routed.has('inet')) defaultRoute(inside, dev, gateway, `${field}/gateway`)
  if (ipv6Gateway !== undefined && !routed.has('inet6')) defaultRoute(inside, dev, ipv6Gateway, `${field}/ipv6_gateway`)
}

const addressPurpose = (field: string) => ({
  field,
  problem: 'cannot be an address of the container',
  remedy: 'give an address of the family, with the length of its network',
})

/** A network of one or two addresses has no broadcast address (RFC 3021). */
const isHostLength = (address: string): boolean => /\/3[12]$/.test(address)

function defaultRoute(inside: Rtnetlink, dev: string, via: string, field: string): void {
  const remedy = 'give one in the network of the address, and one per family for all networks'
  explained({ field, problem: `${via} cannot be the default route of the container`, remedy }, () =>
    inside.request(addRoute({ to: 'default', via, dev })),
  )
}
