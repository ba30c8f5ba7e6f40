import { StateError } from '../../base/errors.ts'
import { SyncAgent } from '../../kernel/agent.ts'
import type { Kernel } from '../../kernel/kernel.ts'
import { SyncNetlink } from '../../kernel/sync-netlink.ts'
import { print } from '../../oci/print.ts'
import type { ContainerRecord } from '../../oci/state/container-record.ts'
import { getContainer } from '../lifecycle/find-container.ts'
import type { Nsinit } from '../lifecycle/nsinit-context.ts'
import { isNetworkShared, joinNetwork } from '../network/join-network.ts'
import { parseIpWords } from './parse-ip-words.ts'
import { interfaceLines, routeLines } from './show-network.ts'

/** `ip WORDS` in the network of a live container, without a program of it. @throws InvalidInputError, StateError, SyscallError */
export function ip(nsinit: Nsinit, words: readonly string[]): void {
  const order = parseIpWords(words)
  const { kernel } = nsinit.context
  const agent = SyncAgent.start(kernel)
  try {
    const netlink = networkOf(kernel, agent, {
      record: getContainer(nsinit).record,
      changes: order.change !== undefined,
    })
    if (order.change) return netlink.request(order.change)
    const lines = [
      ...(order.shows === 'routes' ? [] : interfaceLines(netlink)),
      ...(order.shows === 'interfaces' ? [] : routeLines(netlink)),
    ]
    print(kernel, lines.map((line) => `${line}\n`).join(''))
  } finally {
    agent.end()
  }
}

function networkOf(
  kernel: Kernel,
  agent: SyncAgent,
  { record, changes }: { readonly record: ContainerRecord; readonly changes: boolean },
): SyncNetlink {
  if (!isNetworkShared(kernel, agent, record.pid)) return joinNetwork(kernel, agent, record)
  if (!changes) return SyncNetlink.open(agent)
  const why =
    'The container is in the network of the host, which is not changed from here: give it NEWNET, or use ip(8)'
  throw new StateError(why, { state: 'shared network', wanted: 'own network' })
}
