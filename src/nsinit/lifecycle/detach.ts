import { SyncAgent } from '../../kernel/agent.ts'
import type { Context } from '../../oci/context.ts'
import type { NetworkState } from '../network/network-state.ts'

/** File that whoever makes and removes bridges of containers holds. */
export const networkLock = ({ options }: Pick<Context, 'options'>): string => `${options.root}/.networks`

/** Whether something on the host outlives the network namespace of a container: a bridge that it asked for. */
export const needsDetach = ({ bridges = [] }: NetworkState): boolean => bridges.length > 0

/** Removes what a container has on the host of networks; what is gone is no error. @throws SyscallError */
export async function detached(context: Pick<Context, 'kernel' | 'options'>, state: NetworkState): Promise<void> {
  if (!state.interfaces && !needsDetach(state)) return
  const { detachNetworks } = await import('../network/detach-networks.ts')
  const maker = SyncAgent.start(context.kernel)
  try {
    detachNetworks(context.kernel, maker, state, networkLock(context))
  } finally {
    maker.end()
  }
}
