import { StateError, SyscallError, UnsupportedError } from '../../base/errors.ts'
import type { SyncAgent } from '../../kernel/agent.ts'
import { readLink } from '../../kernel/files.ts'
import type { Kernel } from '../../kernel/kernel.ts'
import { isAlive } from '../../kernel/process.ts'
import { SyncNetlink } from '../../kernel/sync-netlink.ts'
import { program } from '../../program/builder.ts'

/** A process whose network is joined. */
export interface Joined {
  readonly pid: number
  /** When it began: another process may have its number by now. Absent: it is a child that nobody has waited for */
  readonly startTime?: number
  /** JSON pointer of what is to be set up there, for errors */
  readonly field?: string
}

/**
 * Rtnetlink in the network namespace of a process, which must have one of its own, by a child of an agent.
 * @throws StateError when it has none of its own, or has ended; UnsupportedError for who may not
 */
export function joinNetwork(kernel: Kernel, agent: SyncAgent, { pid, startTime, field }: Joined): SyncNetlink {
  if (permitted(field, () => isNetworkShared(kernel, agent, pid))) {
    const why = `Process ${pid} is in the network of the host, which is no container's to set up: give it NEWNET`
    throw new StateError(why, { state: 'shared network', wanted: 'own network' })
  }
  const netlink = permitted(field, () => SyncNetlink.open(agent, { namespace: { pid } }))
  // Looked at afterwards: what was entered before is of the process that lives still.
  if (startTime === undefined || isAlive(kernel, pid, startTime)) return netlink
  netlink.close()
  throw new StateError(`Process ${pid} has ended`, { state: 'stopped', wanted: 'running' })
}

/** Whether a process is in the network namespace of an agent. @throws SyscallError EACCES for who may not know */
export function isNetworkShared(kernel: Kernel, agent: SyncAgent, pid: number): boolean {
  const p = program()
  const own = p.readlinkat('AT_FDCWD', '/proc/self/ns/net')
  return agent.run(p).get(own) === readLink(kernel, `/proc/${pid}/ns/net`)
}

/** A container that starts cannot be looked into by an ordinary user (ptrace(2), PTRACE_MODE_READ_FSCREDS). */
function permitted<T>(field: string | undefined, work: () => T): T {
  try {
    return work()
  } catch (error) {
    if (!(error instanceof SyscallError) || !['EACCES', 'EPERM'].includes(error.errno)) throw error
    const why = `${field === undefined ? '' : `${field}: `}the network of the container is not this user's to set up`
    throw new UnsupportedError(`${why}: ${error.message}`, {
      fact: 'CAP_NET_ADMIN',
      remedy: 'be root, or have no networks but one of type loopback without mtu and address',
      cause: error,
    })
  }
}
