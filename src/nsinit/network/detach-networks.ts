import type { SyncAgent } from '../../kernel/agent.ts'
import { close } from '../../kernel/descriptors.ts'
import { lockFile } from '../../kernel/files.ts'
import type { Kernel } from '../../kernel/kernel.ts'
import { SyncNetlink } from '../../kernel/sync-netlink.ts'
import { getLink, removeLink } from '../../linux/netlink/links.ts'
import { removeIdleBridge } from './add-bridge.ts'
import type { AttachedInterface, NetworkState } from './network-state.ts'
import type { Rtnetlink } from './rtnetlink.ts'

/**
 * Removes what a container had on the host: its interfaces, which would go with its namespace a moment later, and bridges that nobody else
 * uses. What is gone already is no error. `maker` is an agent in the network namespace of the host.
 * @throws SyscallError
 */
export function detachNetworks(kernel: Kernel, maker: SyncAgent, state: NetworkState, lock: string): void {
  const { interfaces = [], bridges = [] } = state
  if (interfaces.length + bridges.length === 0) return
  whileLocked(kernel, bridges.length > 0 ? lock : undefined, () => {
    const host = SyncNetlink.open(maker)
    try {
      removeNetworks(host, state)
    } finally {
      host.close()
    }
  })
}

/** The same, for whoever holds the lock. */
export function removeNetworks(host: Rtnetlink, { interfaces = [], bridges = [] }: NetworkState): void {
  for (const each of interfaces) removeInterface(host, each)
  for (const name of bridges) removeIdleBridge(host, name)
}

/** A name may have been given to another one since. */
function removeInterface(host: Rtnetlink, { host: name, host_index: index }: AttachedInterface): void {
  const found = host.find(getLink(index))
  if (found?.name === name && found.kind === 'veth') host.find(removeLink(index))
}

/** Keeps others from making and removing bridges meanwhile; without a file there is nothing to keep them from. */
export function whileLocked<T>(kernel: Kernel, file: string | undefined, work: () => T): T {
  if (file === undefined) return work()
  const fd = lockFile(kernel, file, 'exclusive') as number
  try {
    return work()
  } finally {
    close(kernel, fd)
  }
}
