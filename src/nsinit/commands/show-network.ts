import { listAddresses } from '../../linux/netlink/addresses.ts'
import { listLinks } from '../../linux/netlink/links.ts'
import { listRoutes } from '../../linux/netlink/routes.ts'
import type { Rtnetlink } from '../network/rtnetlink.ts'

/** A line per interface, and one below it per address. */
export function interfaceLines(netlink: Rtnetlink): readonly string[] {
  const addresses = netlink.request(listAddresses())
  return netlink
    .request(listLinks())
    .flatMap(({ index, name, up, mtu, address, kind }) => [
      `${index}: ${name}: ${up ? 'up' : 'down'} mtu ${mtu}${kind ? ` ${kind}` : ''}${address ? ` ${address}` : ''}`,
      ...addresses
        .filter((each) => each.index === index)
        .map((each) => `    ${each.family} ${each.address}/${each.prefix} scope ${each.scope}`),
    ])
}

/** A line per route of the main table, as ip(8) would take it. */
export function routeLines(netlink: Rtnetlink): readonly string[] {
  const names = new Map(netlink.request(listLinks()).map(({ index, name }) => [index, name]))
  return netlink
    .request(listRoutes({ table: 'main' }))
    .map(({ to, via, dev, source }) =>
      [
        to,
        ...(via === undefined ? [] : ['via', via]),
        ...(dev === undefined ? [] : ['dev', names.get(dev) ?? String(dev)]),
        ...(source === undefined ? [] : ['src', source]),
      ].join(' '),
    )
}
