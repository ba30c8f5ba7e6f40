import { AgentError } from '../../base/errors.ts'
import type { SocketAddress } from '../address.ts'
import type { InMessage } from '../message-params.ts'
import { assertAccepted, type Verdict, verdictOf } from './acknowledgement.ts'
import { decodeMessages, type NetlinkMessage } from './decode.ts'
import { type NetlinkRequest, stampRequest } from './request.ts'
import { NLM_F, NLMSG } from './tables/messages.ts'

/** Room for one datagram in bytes: the kernel makes parts of a dump at most this large (netlink_dump() in af_netlink.c). */
export const DATAGRAM_ROOM = 32 * 1024

/** How often a dump is begun again because what it lists was changed meanwhile */
export const DUMP_ATTEMPTS = 20

/** How a request is told apart from others of its socket. */
export interface Identity {
  readonly sequence: number
  /** Of the socket, as getsockname(2) tells it */
  readonly port: number
  /** Indexes of the links of the request */
  readonly indexes: readonly number[]
}

/** One request and its answer, datagram by datagram, whoever carries them. */
export class Conversation<T> {
  readonly #request: NetlinkRequest<T>
  readonly #identity: Identity
  /** What is to be sent */
  readonly datagram: Uint8Array
  readonly #messages: NetlinkMessage[] = []
  #verdict: Verdict | undefined
  #interrupted = false

  constructor(request: NetlinkRequest<T>, identity: Identity) {
    this.#request = request
    this.#identity = identity
    this.datagram = stampRequest(request, identity)
  }

  /** Whether nothing more is to come. */
  get isComplete(): boolean {
    return this.#verdict !== undefined
  }

  /** Whether the kernel's tables changed while it listed them (NLM_F_DUMP_INTR): what came may lack something */
  get isInterrupted(): boolean {
    return this.#interrupted
  }

  /**
   * Takes a datagram. What is no answer to this request is left aside: of other senders than the kernel, of earlier requests.
   * @throws AgentError for one that was cut off, or is malformed
   */
  take({ data, from, flags }: InMessage): void {
    if (!isKernel(from)) return
    if (flags.includes('MSG_TRUNC')) {
      throw new AgentError(`${this.#request.title}: the answer has a part of more than ${DATAGRAM_ROOM} bytes`)
    }
    for (const message of decodeMessages(data)) {
      if (message.sequence !== this.#identity.sequence || message.port !== this.#identity.port) continue
      if (this.isComplete) throw new AgentError(`${this.#request.title}: something followed the end of the answer`)
      this.#takeMessage(message)
    }
  }

  #takeMessage(message: NetlinkMessage): void {
    if ((message.flags & NLM_F.NLM_F_DUMP_INTR) !== 0) this.#interrupted = true
    switch (message.type) {
      case NLMSG.NLMSG_NOOP:
        return
      case NLMSG.NLMSG_OVERRUN:
        throw new AgentError(`${this.#request.title}: the kernel lost a part of the answer (NLMSG_OVERRUN)`)
      case NLMSG.NLMSG_ERROR:
      case NLMSG.NLMSG_DONE:
        this.#verdict = verdictOf(message, this.datagram)
        return
      default:
        this.#messages.push(message)
        if (this.#isWhole(message)) this.#verdict = { errno: 0 }
    }
  }

  /** A single answer ends itself; an acknowledgement that was asked for, or the end of a dump, follows otherwise. */
  #isWhole({ flags }: NetlinkMessage): boolean {
    const asked = new DataView(this.datagram.buffer).getUint16(6, true)
    return !this.#request.isDump && (asked & NLM_F.NLM_F_ACK) === 0 && (flags & NLM_F.NLM_F_MULTI) === 0
  }

  /** What the answer means. Preconditions: it is complete. @throws SyscallError with the kernel's own words, AgentError */
  result(): T {
    if (this.#verdict === undefined) throw new AgentError(`${this.#request.title}: the kernel gave no whole answer`)
    assertAccepted(this.#request, this.#verdict)
    return this.#request.decode(this.#messages)
  }
}

/** Anyone with CAP_NET_ADMIN may write to a netlink socket; only the kernel has port 0. */
const isKernel = (from: SocketAddress | undefined): boolean =>
  from !== undefined && !(from instanceof Uint8Array) && 'netlink' in from && from.netlink === 0
