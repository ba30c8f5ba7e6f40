import { InvalidInputError, UnsupportedError } from '../../base/errors.ts'
import { type Address, addAddress, listAddresses } from '../../linux/netlink/addresses.ts'
import { listLinks, setLink } from '../../linux/netlink/links.ts'
import type { NetlinkRequest } from '../../linux/netlink/request.ts'
import type { Program } from '../../program/builder.ts'
import { closeNetlink, driven, exchange, openNetlink } from '../../program/netlink-exchange.ts'
import type { ProgramResult } from '../../program/result.ts'
import type { Linux } from '../spec.ts'

/** Runs a program in a process that stands in a network namespace. */
export type Netlink = (p: Program) => ProgramResult

/** Rtnetlink in one network namespace. */
type Ask = <T>(request: NetlinkRequest<T>) => T

/**
 * Moves interfaces of the host into the network namespace of a process, with their permanent global addresses, and sets them up
 * (runtime-spec config-linux.md, Network Devices). `host` and `container` stand in the two namespaces; `pid` is a process in the
 * container's, as `host` numbers it.
 * @throws InvalidInputError for an interface that is missing, or a name that is taken
 */
export function moveNetDevices(
  devices: NonNullable<Linux['netDevices']>,
  host: Netlink,
  container: Netlink,
  pid: number,
): void {
  asking(host, (ofHost) =>
    asking(container, (ofContainer) => {
      for (const [key, { name }] of Object.entries(devices)) {
        moveDevice({ key, name: name || key }, ofHost, ofContainer, pid)
      }
    }),
  )
}

/** Lets work be done with a socket in a namespace. */
function asking(run: Netlink, work: (ask: Ask) => void): void {
  const socket = driven(openNetlink(), run)
  try {
    work((request) => driven(exchange(socket, request), run))
  } finally {
    driven(closeNetlink(socket), run)
  }
}

interface Device {
  /** On the host */
  readonly key: string
  /** In the container; may end in %d, for which the kernel puts a number */
  readonly name: string
}

function moveDevice({ key, name }: Device, host: Ask, container: Ask, pid: number): void {
  const field = `/linux/netDevices/${key.replaceAll('~', '~0').replaceAll('/', '~1')}`
  const index = linksOf(host).get(key)
  if (index === undefined) {
    throw new InvalidInputError(`${field} names no network interface of the runtime's network namespace`, { field })
  }
  const before = linksOf(container)
  if (before.has(name)) {
    const rule = `is taken by another interface of the container's network namespace: give another name`
    throw new InvalidInputError(`${field}/name ${JSON.stringify(name)} ${rule}`, { field: `${field}/name` })
  }
  const addresses = addressesOf(host, index)
  host(setLink(index, { name, netns: { pid } }))
  const known = new Set(before.values())
  const moved = [...linksOf(container).values()].find((each) => !known.has(each))
  if (moved === undefined) {
    throw new UnsupportedError(`${field} was moved, but is not in the container's network namespace`, {
      fact: 'netDevices',
      remedy: 'check that nothing else moves interfaces at the same time',
    })
  }
  for (const address of addresses) container(addressOn(moved, address))
  container(setLink(moved, { up: true }))
}

/** Indexes of interfaces by name. */
const linksOf = (ask: Ask): ReadonlyMap<string, number> =>
  new Map(ask(listLinks()).map(({ name, index }) => [name, index]))

/** The addresses that a move must preserve: permanent ones of global scope. */
const addressesOf = (ask: Ask, index: number): readonly Address[] =>
  ask(listAddresses({ dev: index })).filter(
    (each) => each.index === index && each.scope === 'global' && each.flags.includes('IFA_F_PERMANENT'),
  )

function addressOn(dev: number, { address, prefix, peer, broadcast, flags, metric }: Address): NetlinkRequest<void> {
  return addAddress({
    dev,
    address: `${address}/${prefix}`,
    flags: flags.filter((flag) => flag !== 'IFA_F_TENTATIVE'),
    ...(peer === undefined ? {} : { peer: `${peer}/${prefix}` }),
    ...(broadcast === undefined ? {} : { broadcast }),
    ...(metric === undefined ? {} : { metric }),
  })
}
