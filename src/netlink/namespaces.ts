import { getNamespaceId, setNamespaceId } from '../linux/netlink/namespaces.ts'
import type { Agent } from '../process/agent.ts'
import { program } from '../program/builder.ts'
import { type NamespaceSource, openNamespaceSteps } from '../program/network-steps.ts'
import type { Requester } from './requester.ts'

/** Other network namespaces, as this one knows them. */
export class Namespaces {
  readonly #netlink: Requester
  readonly #agent: Agent

  constructor(netlink: Requester, agent: Agent) {
    this.#netlink = netlink
    this.#agent = agent
  }

  /** Opens a namespace; the descriptor is the agent's, for `netns: { fd }`, and to be closed there. @throws SyscallError, InvalidInputError */
  async open(source: NamespaceSource): Promise<number> {
    const p = program()
    const fd = openNamespaceSteps(p, source)
    return Number((await this.#agent.run(p)).get(fd))
  }

  /** Gives a namespace a number here, a free one without `id`. @throws SyscallError EEXIST when it has one; InvalidInputError */
  setId(source: NamespaceSource, id?: number): Promise<void> {
    return this.#opened(source, (fd) => this.#netlink.request(setNamespaceId({ fd }, id)))
  }

  /** The number of a namespace here; undefined when it has none. @throws SyscallError, InvalidInputError */
  getId(source: NamespaceSource): Promise<number | undefined> {
    return this.#opened(source, (fd) => this.#netlink.request(getNamespaceId({ fd })))
  }

  async #opened<T>(source: NamespaceSource, use: (fd: number) => Promise<T>): Promise<T> {
    const fd = await this.open(source)
    try {
      return await use(fd)
    } finally {
      const p = program()
      p.close(fd)
      await this.#agent.run(p)
    }
  }
}
