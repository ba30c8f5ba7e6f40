import { AgentError, StateError, SyscallError } from '../base/errors.ts'
import type { InMessage } from '../linux/message-params.ts'
import { Conversation, DATAGRAM_ROOM, DUMP_ATTEMPTS } from '../linux/netlink/conversation.ts'
import type { NamedLink } from '../linux/netlink/encode.ts'
import { getLink } from '../linux/netlink/links.ts'
import type { NetlinkRequest } from '../linux/netlink/request.ts'
import { NETLINK_OPTION } from '../linux/netlink/tables/messages.ts'
import type { Fd, Ref } from '../linux/ref.ts'
import { type Program, program } from './builder.ts'
import type { ProgramResult } from './result.ts'

/** Programs to be run one after the other in one process, each result given back before the next: `driven` does it. */
export type Exchange<T> = Generator<Program, T, ProgramResult>

/** A socket of rtnetlink(7) in some process. */
export interface NetlinkSocket {
  readonly fd: number
  /** Its address, which answers carry */
  readonly port: number
  /** Number of the last request */
  sequence: number
}

/** Bytes that may wait in a socket: a dump fills them while nobody reads */
const RECEIVE_BUFFER = 1024 * 1024

/**
 * Adds a socket in the network namespace that the process stands in: the kernel explains its errors (Linux 4.12), and takes exactly the
 * filters of dumps that it knows (4.20); an older kernel does neither.
 */
export function netlinkSocketSteps(p: Program): Ref<Fd> {
  p.because('netlink', 'Talks to rtnetlink(7)')
  const socket = p.socket('AF_NETLINK', ['SOCK_RAW', 'SOCK_CLOEXEC'], 0)
  const { NETLINK_EXT_ACK, NETLINK_CAP_ACK, NETLINK_GET_STRICT_CHK } = NETLINK_OPTION
  for (const option of [NETLINK_EXT_ACK, NETLINK_CAP_ACK, NETLINK_GET_STRICT_CHK]) {
    p.tolerate('ENOPROTOOPT').setsockopt(socket, 'SOL_NETLINK', option, 1)
  }
  p.setsockopt(socket, 'SOL_SOCKET', 'SO_RCVBUF', RECEIVE_BUFFER)
  return socket
}

/** Opens a socket. @throws SyscallError */
export function* openNetlink(): Exchange<NetlinkSocket> {
  const p = program()
  const socket = netlinkSocketSteps(p)
  p.bind(socket, { netlink: 0 })
  const name = p.getsockname(socket)
  const result = yield p
  const address = result.get(name)
  if (address instanceof Uint8Array || !('netlink' in address)) {
    throw new AgentError('A netlink socket has an address of another family')
  }
  return { fd: Number(result.get(socket)), port: address.netlink, sequence: 0 }
}

/** Closes a socket. */
export function* closeNetlink({ fd }: NetlinkSocket): Exchange<void> {
  const p = program()
  p.close(fd)
  yield p
}

/**
 * One request and its answer; a dump that was interrupted is asked for again.
 * @throws SyscallError with the kernel's own words; StateError for a dump that is interrupted again and again; AgentError
 */
export function* exchange<T>(socket: NetlinkSocket, request: NetlinkRequest<T>): Exchange<T> {
  const indexes: number[] = []
  for (const link of request.links) indexes.push(yield* indexOf(socket, link, request.title))
  for (let attempt = 0; attempt < DUMP_ATTEMPTS; attempt++) {
    socket.sequence = (socket.sequence + 1) >>> 0 || 1
    const { sequence, port } = socket
    const conversation = new Conversation(request, { sequence, port, indexes })
    conversation.take(yield* ask(socket, conversation.datagram, request.title))
    while (!conversation.isComplete) conversation.take(yield* receive(socket, request.title))
    if (!conversation.isInterrupted) return conversation.result()
  }
  throw new StateError(`${request.title}: what is listed changed during each of ${DUMP_ATTEMPTS} attempts`, {
    state: 'changing',
    wanted: 'unchanged',
  })
}

/** The index of a link that a request names. @throws SyscallError naming the request too */
function* indexOf(socket: NetlinkSocket, { name, field }: NamedLink, title: string): Exchange<number> {
  try {
    return (yield* exchange(socket, getLink(name))).index
  } catch (error) {
    if (!(error instanceof SyscallError) || error.errno !== 'ENODEV') throw error
    const { call, args, errno, step, steps } = error
    const because = `${field} of ${title} names no link of this network namespace`
    throw new SyscallError({ call, args, errno, step, steps, because })
  }
}

/** The kernel answers before sendto(2) returns: rtnetlink works in the context of who asks. */
function* ask(socket: NetlinkSocket, datagram: Uint8Array, title: string): Exchange<InMessage> {
  const p = program()
  p.because('netlink', title)
  p.sendto(socket.fd, datagram, [], { netlink: 0 })
  return yield* received(p, socket, title)
}

function* receive(socket: NetlinkSocket, title: string): Exchange<InMessage> {
  const p = program()
  p.because('netlink', title)
  return yield* received(p, socket, title)
}

/** Never waits: an answer that is not there does not come. */
function* received(p: Program, { fd }: NetlinkSocket, title: string): Exchange<InMessage> {
  const message = p.tolerate('EAGAIN').recvmsg(fd, { size: DATAGRAM_ROOM }, ['MSG_DONTWAIT'])
  const value: unknown = (yield p).get(message)
  if (typeof value === 'object' && value !== null) return value as InMessage
  throw new AgentError(`${title}: the kernel gave no whole answer`)
}

/** Runs the programs of an exchange by a function that waits for each. */
export function driven<T>(steps: Exchange<T>, run: (p: Program) => ProgramResult): T {
  let next = steps.next()
  while (next.done !== true) {
    let result: ProgramResult
    try {
      result = run(next.value)
    } catch (error) {
      next = steps.throw(error)
      continue
    }
    next = steps.next(result)
  }
  return next.value
}

/** Whether an error is the kernel's answer to a request: the socket goes on then, and is closed after any other. */
export const isAnswer = (error: unknown): boolean => error instanceof SyscallError && error.call.startsWith('RTM_')
