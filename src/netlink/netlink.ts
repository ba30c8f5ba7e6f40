import { StateError } from '../base/errors.ts'
import type { NetlinkRequest } from '../linux/netlink/request.ts'
import type { Agent } from '../process/agent.ts'
import { type Program, program } from '../program/builder.ts'
import {
  closeNetlink,
  type Exchange,
  exchange,
  isAnswer,
  type NetlinkSocket,
  openNetlink,
} from '../program/netlink-exchange.ts'
import { childForNamespace, joinKept, type NamespaceSource } from '../program/network-steps.ts'
import { Addresses } from './addresses.ts'
import { drivenBy } from './driven.ts'
import { type EventOptions, watchEvents } from './events.ts'
import { Links } from './links.ts'
import type { NetlinkEvent } from '../linux/netlink/events.ts'
import { Namespaces } from './namespaces.ts'
import { Neighbours } from './neighbours.ts'
import { Routes } from './routes.ts'
import { Rules } from './rules.ts'

/** Where a socket is opened. */
export interface NetlinkOptions {
  /** Another network namespace than that of the agent, which a child of the agent joins; numbers are those of the agent */
  readonly namespace?: NamespaceSource
}

/**
 * rtnetlink(7) in one network namespace, asked through an agent. Requests are carried out one after the other, in their order.
 * @example
 * await using netlink = await Netlink.open(agent)
 * await netlink.links.create({ kind: 'bridge', name: 'br0', up: true })
 */
export class Netlink implements AsyncDisposable {
  readonly #agent: Agent
  /** Whether the agent is a child that was made for this */
  readonly #isOwn: boolean
  #socket: NetlinkSocket | undefined
  /** The request before, whatever became of it */
  #before: Promise<unknown> = Promise.resolve()
  #isClosed = false

  readonly links: Links
  readonly addresses: Addresses
  readonly routes: Routes
  readonly rules: Rules
  readonly neighbours: Neighbours
  readonly namespaces: Namespaces

  private constructor(agent: Agent, isOwn: boolean) {
    this.#agent = agent
    this.#isOwn = isOwn
    this.links = new Links(this, agent)
    this.addresses = new Addresses(this)
    this.routes = new Routes(this)
    this.rules = new Rules(this)
    this.neighbours = new Neighbours(this)
    this.namespaces = new Namespaces(this, agent)
  }

  /** Opens a socket in the network namespace that the agent stands in, or in another one. @throws SyscallError, InvalidInputError */
  static async open(agent: Agent, { namespace }: NetlinkOptions = {}): Promise<Netlink> {
    const netlink = new Netlink(namespace ? await inside(agent, namespace) : agent, namespace !== undefined)
    try {
      netlink.#socket = await netlink.#drive(openNetlink())
      return netlink
    } catch (error) {
      await netlink.close()
      throw error
    }
  }

  /** Carries a request out. @throws SyscallError with the kernel's own words, StateError, AgentError */
  request<T>(request: NetlinkRequest<T>): Promise<T> {
    const answer = this.#before.then(() => this.#ask(request))
    this.#before = answer.catch(() => undefined)
    return answer
  }

  /**
   * What changes in the namespace once this has resolved; a child of the agent listens until the iteration ends.
   * @throws SyscallError, InvalidInputError, the signal's reason
   */
  async events(options: EventOptions): Promise<AsyncIterableIterator<NetlinkEvent>> {
    this.#assertOpen()
    return watchEvents(this.#agent, options)
  }

  /** Closes the socket, and ends the child that stood in another namespace; requests that wait are carried out before. */
  async close(): Promise<void> {
    if (this.#isClosed) return
    this.#isClosed = true
    await this.#before
    await this.#drop()
    if (this.#isOwn) await this.#agent.close()
  }

  [Symbol.asyncDispose](): Promise<void> {
    return this.close()
  }

  async #ask<T>(request: NetlinkRequest<T>): Promise<T> {
    this.#assertOpen()
    this.#socket ??= await this.#drive(openNetlink())
    try {
      return await this.#drive(exchange(this.#socket, request))
    } catch (error) {
      // Half an answer may still come out of the socket.
      if (!isAnswer(error)) await this.#drop()
      throw error
    }
  }

  #drive<T>(steps: Exchange<T>): Promise<T> {
    return drivenBy(steps, (p) => this.#agent.run(p))
  }

  #assertOpen(): void {
    if (this.#isClosed) throw new StateError('Netlink is closed', { state: 'closed', wanted: 'open' })
  }

  async #drop(): Promise<void> {
    const socket = this.#socket
    this.#socket = undefined
    if (!socket) return
    // An agent that is gone has taken its descriptors with it.
    await this.#drive(closeNetlink(socket)).catch(() => undefined)
  }
}

/** A child of an agent in a network namespace. */
async function inside(agent: Agent, namespace: NamespaceSource): Promise<Agent> {
  const p = program()
  const { pid, pidfd } = childForNamespace(p, p.attached(0), namespace)
  p.send(pidfd)
  const birth = agent.conceive()
  try {
    birth.born(await agent.run(p, { descriptors: [birth.socket] }), pid)
  } catch (error) {
    birth.fail(error)
    throw error
  }
  try {
    await drivenBy(joinKept(namespace), (each: Program) => birth.agent.run(each))
    return birth.agent
  } catch (error) {
    await birth.agent.close()
    throw error
  }
}
