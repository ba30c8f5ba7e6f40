import { SyscallError, UnsupportedError } from '../base/errors.ts'
import type { LinkRef } from '../linux/netlink/link-name.ts'
import type { Link } from '../linux/netlink/link.ts'
import {
  createLink,
  getLink,
  type LinkChanges,
  type LinkFilter,
  listLinks,
  type NewLink,
  removeLink,
  setLink,
} from '../linux/netlink/links.ts'
import type { Agent } from '../process/agent.ts'
import { program } from '../program/builder.ts'
import { nameIn, type TunDevice, tunSteps } from '../program/network-steps.ts'
import { findBy, type Requester } from './requester.ts'

/** A device that was made by /dev/net/tun. */
export interface Tun {
  readonly link: Link
  /** A descriptor of the agent's process, the device's other side; none for a persistent one, which stays without it */
  readonly fd?: number
}

/** The links of a network namespace. */
export class Links {
  readonly #netlink: Requester
  readonly #agent: Agent

  constructor(netlink: Requester, agent: Agent) {
    this.#netlink = netlink
    this.#agent = agent
  }

  /**
   * Makes a link, and tells it as the kernel has it; undefined for one that was made in another namespace.
   * @throws SyscallError EEXIST for a name that is taken, EOPNOTSUPP for a kind that this kernel does not have; InvalidInputError
   */
  async create(link: NewLink & { readonly netns: NonNullable<NewLink['netns']> }): Promise<undefined>
  async create(link: NewLink & { readonly netns?: never }): Promise<Link>
  async create(link: NewLink): Promise<Link | undefined>
  async create(link: NewLink): Promise<Link | undefined> {
    await this.#netlink.request(createLink(link))
    return link.netns === undefined ? this.get(link.name) : undefined
  }

  /**
   * Makes a tun or tap device; the agent stands in the namespace that gets it.
   * @throws SyscallError EBUSY for a name that is taken, EPERM; UnsupportedError without /dev/net/tun; InvalidInputError
   */
  async createTun(device: TunDevice): Promise<Tun> {
    const p = program()
    const { fd, request } = tunSteps(p, device)
    const stays = device.persist === true
    if (stays) p.close(fd)
    const result = await this.#agent.run(p).catch((error: unknown) => {
      throw withoutDevice(error)
    })
    const link = await this.get(nameIn(result.get(request)))
    return stays ? { link } : { link, fd: Number(result.get(fd)) }
  }

  /** Changes a link: settings, name, namespace. @throws SyscallError ENODEV when there is none; InvalidInputError */
  set(ref: LinkRef, changes: LinkChanges): Promise<void> {
    return this.#netlink.request(setLink(ref, changes))
  }

  /** Removes a link; of a veth both ends go. @throws SyscallError ENODEV when there is none; InvalidInputError */
  remove(ref: LinkRef): Promise<void> {
    return this.#netlink.request(removeLink(ref))
  }

  /** One link. @throws SyscallError ENODEV when there is none; InvalidInputError */
  get(ref: LinkRef): Promise<Link> {
    return this.#netlink.request(getLink(ref))
  }

  /** One link, or undefined. @throws InvalidInputError */
  find(ref: LinkRef): Promise<Link | undefined> {
    return findBy(this.#netlink, getLink(ref))
  }

  /** All links, or those that fit. @throws InvalidInputError */
  list(filter?: LinkFilter): Promise<readonly Link[]> {
    return this.#netlink.request(listLinks(filter))
  }
}

function withoutDevice(error: unknown): unknown {
  const isMissing =
    error instanceof SyscallError && error.call === 'openat' && /^(ENOENT|ENODEV|ENXIO)$/.test(error.errno)
  if (!isMissing) return error
  return new UnsupportedError('This machine has no /dev/net/tun', {
    fact: '/dev/net/tun',
    remedy: 'load the module tun, and make the device where the agent sees it',
    cause: error,
  })
}
