import { SyncAgent } from '../../kernel/agent.ts'
import type { Kernel } from '../../kernel/kernel.ts'
import { SyncNetlink } from '../../kernel/sync-netlink.ts'
import type { LinkStatistics } from '../../linux/netlink/link-statistics.ts'
import { getLink } from '../../linux/netlink/links.ts'
import type { AttachedInterface, NetworkState } from './network-state.ts'

/** What an interface of a container has received and sent, as the container sees it; the names are those of 2014's statistics. */
export interface InterfaceCounters {
  /** In the container */
  readonly name: string
  /** The other end */
  readonly host: string
  readonly rx_bytes: number
  readonly rx_packets: number
  readonly rx_errors: number
  readonly rx_dropped: number
  readonly tx_bytes: number
  readonly tx_packets: number
  readonly tx_errors: number
  readonly tx_dropped: number
}

/** Counters of a container's pairs, read from the ends on the host. @throws SyscallError */
export function networkCounters(kernel: Kernel, { interfaces = [] }: NetworkState): readonly InterfaceCounters[] {
  if (interfaces.length === 0) return []
  const agent = SyncAgent.start(kernel)
  try {
    const host = SyncNetlink.open(agent)
    return interfaces.flatMap((each) => {
      const found = host.find(getLink(each.host_index))
      return found?.name === each.host && found.statistics ? [countersOf(each, found.statistics)] : []
    })
  } finally {
    agent.end()
  }
}

/** What the host's end has sent is what the container has received. */
const countersOf = ({ child, host }: AttachedInterface, ends: LinkStatistics): InterfaceCounters => ({
  ...{ name: child, host },
  rx_bytes: ends.txBytes,
  rx_packets: ends.txPackets,
  rx_errors: ends.txErrors,
  rx_dropped: ends.txDropped,
  tx_bytes: ends.rxBytes,
  tx_packets: ends.rxPackets,
  tx_errors: ends.rxErrors,
  tx_dropped: ends.rxDropped,
})
