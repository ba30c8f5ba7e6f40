import type { Address } from '../linux/netlink/addresses.ts'
import type { Link } from '../linux/netlink/link.ts'
import type { Route } from '../linux/netlink/route.ts'
import { tableLines, type TableOptions } from './text-table.ts'

/** What a network namespace has. */
export interface Network {
  readonly links: readonly Link[]
  readonly addresses: readonly Address[]
  readonly routes: readonly Route[]
}

/** A network for people: a table of its links, a table of its routes. */
export function networkText({ links, addresses, routes }: Network, options: TableOptions): string {
  const nameOf = (index: number | undefined): string =>
    index === undefined ? '' : (links.find((link) => link.index === index)?.name ?? String(index))
  const addressesOf = ({ index }: Link): string =>
    addresses
      .filter((each) => each.index === index)
      .map(({ address, prefix }) => `${address}/${prefix}`)
      .join(' ')
  const linkLines = tableLines<Link>(
    [
      { title: 'LINK', cell: ({ name }) => shown(name) },
      { title: 'KIND', cell: ({ kind, type }) => kind ?? (type === LOOPBACK ? 'loopback' : '') },
      { title: 'STATE', cell: ({ up, state }) => (up ? state : 'off') },
      { title: 'MTU', align: 'right', cell: ({ mtu }) => String(mtu) },
      { title: 'HARDWARE', cell: ({ address }) => address ?? '', drop: 2 },
      { title: 'MASTER', cell: ({ master }) => shown(nameOf(master)), drop: 1 },
      { title: 'ADDRESSES', cell: addressesOf },
    ],
    links,
    options,
  )
  const routeLines = tableLines<Route>(
    [
      { title: 'ROUTE', cell: ({ to, type }) => (type === 'unicast' ? to : `${type} ${to}`) },
      { title: 'VIA', cell: ({ via, nexthops }) => via ?? nexthops.flatMap((hop) => hop.via ?? []).join(' ') },
      {
        title: 'LINK',
        cell: ({ dev, nexthops }) => shown([dev, ...nexthops.map((hop) => hop.dev)].map(nameOf).join(' ').trim()),
      },
      { title: 'SOURCE', cell: ({ source }) => source ?? '' },
      { title: 'METRIC', align: 'right', cell: ({ metric }) => (metric === undefined ? '' : String(metric)) },
    ],
    routes,
    options,
  )
  return [...linkLines, ...(routes.length > 0 ? ['', ...routeLines] : []), ''].join('\n')
}

/** ARPHRD_LOOPBACK of linux/if_arp.h */
const LOOPBACK = 772

/** Names are any bytes: none may move the cursor of a terminal. */
const shown = (name: string): string => name.replaceAll(/[^\x20-\x7e]/g, '?')
