import { removeLink } from '../../linux/netlink/links.ts'
import type { Program } from '../../program/builder.ts'
import type { NetworkState } from '../network/network-state.ts'

const NETLINK_ROUTE = 0

/**
 * Removes the ends on the host of a container's interfaces, which the kernel would do some time after its last process. An index is not
 * given again, so it names no other one; that it is gone already is told in an answer that nobody waits for.
 */
export function detachSteps(p: Program, { interfaces = [] }: NetworkState): void {
  if (interfaces.length === 0) return
  p.because('network', 'The ends on the host of pairs whose other ends were the container’s')
  const socket = p.socket('AF_NETLINK', ['SOCK_RAW', 'SOCK_CLOEXEC'], NETLINK_ROUTE)
  for (const { host_index: index } of interfaces) p.write(socket, removeLink(index).bytes)
}
