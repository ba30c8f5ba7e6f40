import type { ContainerNetwork } from '../container-json/container-config.ts'

/** A pair of interfaces, one end in a bridge of the host, the other in the container. */
export interface AttachedInterface {
  /** Name of the end on the host */
  readonly host: string
  /** Index of the same: the kernel gives it to no later interface, as it would a name */
  readonly host_index: number
  /** Name in the container */
  readonly child: string
  readonly bridge: string
}

/** What a container has on the host of networks. Its first three fields are those of 2014's state.json; absent when there is nothing. */
export interface NetworkState {
  /** End on the host of the first pair, in its bridge */
  readonly veth_host?: string
  /** The other end, in the container from its beginning */
  readonly veth_child?: string
  /** Network namespace that was joined */
  readonly ns_path?: string
  /** All pairs */
  readonly interfaces?: readonly AttachedInterface[]
  /** Bridges that the container asked for: whoever leaves one last removes it */
  readonly bridges?: readonly string[]
}

/** Bridges that networks ask for. */
export const askedBridges = (networks: readonly ContainerNetwork[]): readonly string[] => [
  ...new Set(networks.flatMap((each) => (each.type === 'veth' && each.createBridge === true ? [each.bridge] : []))),
]
