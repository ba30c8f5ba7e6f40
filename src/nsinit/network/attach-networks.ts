import { InvalidInputError } from '../../base/errors.ts'
import type { SyncAgent } from '../../kernel/agent.ts'
import type { Kernel } from '../../kernel/kernel.ts'
import { SyncNetlink } from '../../kernel/sync-netlink.ts'
import type { ContainerNetwork, ContainerRoute, VethNetwork } from '../container-json/container-config.ts'
import { addBridge, type WantedBridge } from './add-bridge.ts'
import { addRoutes, routedFamilies } from './add-routes.ts'
import { addVeth } from './add-veth.ts'
import { removeNetworks, whileLocked } from './detach-networks.ts'
import { joinNetwork } from './join-network.ts'
import { askedBridges, type AttachedInterface, type NetworkState } from './network-state.ts'
import type { Rtnetlink } from './rtnetlink.ts'
import { setLoopback } from './set-loopback.ts'

/** A container that is to get its networks. */
export interface AttachOptions {
  /** Agent in the network namespace of the host */
  readonly maker: SyncAgent
  /** First process of the container, in a network namespace of its own; a child of the maker, or held by a descriptor meanwhile */
  readonly pid: number
  readonly networks: readonly ContainerNetwork[]
  readonly routes: readonly ContainerRoute[]
  /** File that is locked while bridges are made and removed */
  readonly lock: string
}

/**
 * Sets up what a configuration says of networks: loopback, pairs on bridges of the host, routes.
 * @throws InvalidInputError with the JSON pointer, UnsupportedError; nothing is left on the host then
 */
export function attachNetworks(kernel: Kernel, options: AttachOptions): NetworkState {
  const { networks, routes, lock } = options
  const joined = networks.find((network) => network.type === 'netns')
  if (joined) {
    if (routes.length === 0) return { ns_path: joined.nsPath }
    throw new InvalidInputError('/routes must be empty with a network of type "netns": that one has its own', {
      field: '/routes',
    })
  }
  if (networks.every(isDone) && routes.length === 0) return {}
  return whileLocked(kernel, askedBridges(networks).length > 0 ? lock : undefined, () => attach(kernel, options))
}

/** Loopback is up in each new network namespace: `oci` sets it up, for an ordinary user too. */
const isDone = (network: ContainerNetwork): boolean =>
  network.type === 'loopback' && network.mtu === undefined && network.address === undefined

/** JSON pointer of the first one that is to be set up */
function firstOf(networks: readonly ContainerNetwork[]): string {
  const index = networks.findIndex((each) => !isDone(each))
  return index < 0 ? '/routes' : `/networks/${index}`
}

function attach(kernel: Kernel, options: AttachOptions): NetworkState {
  const { maker, pid, networks } = options
  const host = SyncNetlink.open(maker)
  try {
    const inside = joinNetwork(kernel, maker, { pid, field: firstOf(networks) })
    try {
      return addAll(host, inside, options)
    } finally {
      inside.close()
    }
  } finally {
    host.close()
  }
}

function addAll(host: Rtnetlink, inside: Rtnetlink, { pid, networks, routes }: AttachOptions): NetworkState {
  const interfaces: AttachedInterface[] = []
  const bridges = new Set<string>()
  const routed = routedFamilies(routes)
  try {
    networks.forEach((network, index) => {
      const field = `/networks/${index}`
      if (network.type === 'loopback') return setLoopback(inside, network, field)
      if (network.type === 'netns') return
      if (isMaker(network)) bridges.add(network.bridge)
      const bridge = addBridge(host, bridgeOf(network, field))
      interfaces.push(addVeth(host, inside, { network, field, pid, bridge, routed }))
    })
    addRoutes(inside, routes)
    return stateOf(interfaces, [...bridges])
  } catch (error) {
    removeNetworks(host, stateOf(interfaces, [...bridges]))
    throw error
  }
}

function stateOf(interfaces: readonly AttachedInterface[], bridges: readonly string[]): NetworkState {
  const [first] = interfaces
  if (!first) return bridges.length > 0 ? { bridges } : {}
  return {
    ...{ veth_host: first.host, veth_child: first.child, interfaces },
    ...(bridges.length > 0 ? { bridges } : {}),
  }
}

const isMaker = ({ createBridge }: VethNetwork): boolean => createBridge === true

/** A bridge that is made is the gateway: it has its addresses, with the length of the container's. */
function bridgeOf(network: VethNetwork, field: string): WantedBridge {
  const { bridge: name, address, gateway, ipv6Address, ipv6Gateway, mtu } = network
  if (!isMaker(network)) return { name, field }
  const addresses = [
    ...(gateway === undefined ? [] : [{ key: 'gateway', address: `${gateway}${lengthOf(address, '/32')}` }]),
    ...(ipv6Gateway === undefined
      ? []
      : [{ key: 'ipv6_gateway', address: `${ipv6Gateway}${lengthOf(ipv6Address, '/128')}` }]),
  ]
  return { name, field, made: { addresses, ...(mtu === undefined ? {} : { mtu }) } }
}

const lengthOf = (address: string | undefined, alone: string): string => address?.replace(/^[^/]*/, '') ?? alone
