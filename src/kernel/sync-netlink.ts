import { SyscallError } from '../base/errors.ts'
import type { NetlinkRequest } from '../linux/netlink/request.ts'
import { type Program, program } from '../program/builder.ts'
import {
  closeNetlink,
  driven,
  exchange,
  isAnswer,
  type NetlinkSocket,
  openNetlink,
} from '../program/netlink-exchange.ts'
import {
  childForNamespace,
  joinKept,
  type NamespaceSource,
  nameIn,
  type TunDevice,
  tunSteps,
} from '../program/network-steps.ts'
import { succeeded } from '../program/result.ts'
import { SyncAgent } from './agent.ts'

/** Where a socket is opened. */
export interface SyncNetlinkOptions {
  /** Another network namespace than that of the agent, which a child of the agent joins; numbers are those of the agent */
  readonly namespace?: NamespaceSource
}

const NOT_THERE: ReadonlySet<string> = new Set(['ENODEV', 'ENOENT', 'ESRCH', 'EADDRNOTAVAIL'])

/** rtnetlink(7) by an agent without an event loop: each request is answered before the next line. */
export class SyncNetlink {
  readonly #agent: SyncAgent
  /** Of an agent that is a child made for this */
  readonly #parent: SyncAgent | undefined
  #socket: NetlinkSocket | undefined

  private constructor(agent: SyncAgent, parent?: SyncAgent) {
    this.#agent = agent
    this.#parent = parent
    this.#socket = driven(openNetlink(), this.#run)
  }

  readonly #run = (p: Program) => this.#agent.run(p)

  /** Opens a socket in the network namespace that the agent stands in, or in another one. @throws SyscallError, InvalidInputError */
  static open(agent: SyncAgent, { namespace }: SyncNetlinkOptions = {}): SyncNetlink {
    if (namespace === undefined) return new SyncNetlink(agent)
    const child = inside(agent, namespace)
    try {
      return new SyncNetlink(child, agent)
    } catch (error) {
      end(child, agent)
      throw error
    }
  }

  /** Carries a request out. @throws SyscallError with the kernel's own words, StateError, AgentError */
  request<T>(request: NetlinkRequest<T>): T {
    this.#socket ??= driven(openNetlink(), this.#run)
    try {
      return driven(exchange(this.#socket, request), this.#run)
    } catch (error) {
      // Half an answer may still come out of the socket.
      if (!isAnswer(error)) this.#drop()
      throw error
    }
  }

  /** The same; undefined for what the kernel says is not there. */
  find<T>(request: NetlinkRequest<T>): T | undefined {
    try {
      return this.request(request)
    } catch (error) {
      if (isAnswer(error) && error instanceof SyscallError && NOT_THERE.has(error.errno)) return undefined
      throw error
    }
  }

  /** Closes the socket, and ends the child that stood in another namespace. */
  close(): void {
    this.#drop()
    if (this.#parent) end(this.#agent, this.#parent)
  }

  #drop(): void {
    const socket = this.#socket
    this.#socket = undefined
    if (!socket) return
    try {
      driven(closeNetlink(socket), this.#run)
    } catch {
      // The agent is gone, and its descriptors with it.
    }
  }
}

/** A child of an agent in a network namespace; in the user namespace of that process too, when only there it has the right to join. */
function inside(agent: SyncAgent, namespace: NamespaceSource): SyncAgent {
  const { agent: child } = SyncAgent.child(agent, (p, control) => {
    const { pid, pidfd } = childForNamespace(p, control, namespace)
    p.close(pidfd)
    return pid
  })
  try {
    driven(joinKept(namespace), (p) => child.run(p))
    return child
  } catch (error) {
    end(child, agent)
    throw error
  }
}

/** Ends a child, and waits until it is gone: it holds the namespace that it stands in. */
function end(child: SyncAgent, parent: SyncAgent): void {
  child.close()
  if (child.pid !== undefined) parent.waitFor(child.pid)
}

/** What a device gives. */
export interface SyncTun {
  /** The name that the kernel gave it */
  readonly name: string
  /** A descriptor of the agent's process; none for a device that stays without it */
  readonly fd?: number
}

/** Makes a tun or tap device in the network namespace that the agent stands in. @throws SyscallError EBUSY for a name that is taken */
export function createTun(agent: SyncAgent, device: TunDevice): SyncTun {
  const p = program()
  const { fd, request } = tunSteps(p, device)
  const isKept = device.persist !== true
  if (!isKept) p.close(fd)
  const result = agent.attempt(p)
  if (result.failure && result.reached(fd)) closeIn(agent, Number(result.get(fd)))
  const name = nameIn(succeeded(result).get(request))
  return isKept ? { name, fd: Number(result.get(fd)) } : { name }
}

/** What was opened before a program failed is open in its process; closing it takes a device away that is not persistent. */
function closeIn(agent: SyncAgent, fd: number): void {
  if (fd < 0) return
  const p = program()
  p.close(fd)
  agent.run(p)
}
