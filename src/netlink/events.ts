import { InvalidInputError } from '../base/errors.ts'
import { errnoNumber } from '../linux/errno.ts'
import type { InMessage } from '../linux/message-params.ts'
import { DATAGRAM_ROOM } from '../linux/netlink/conversation.ts'
import { decodeEvents, type NetlinkEvent } from '../linux/netlink/events.ts'
import { NETLINK_OPTION, type RouteGroup, RTNLGRP } from '../linux/netlink/tables/messages.ts'
import { choiceValue } from '../linux/constant-set.ts'
import { machineArch } from '../linux/arch.ts'
import type { MsgFlag } from '../linux/tables/sockets.ts'
import type { Agent } from '../process/agent.ts'
import { program } from '../program/builder.ts'
import { netlinkSocketSteps } from '../program/netlink-exchange.ts'

/** Which events come, and until when. */
export interface EventOptions {
  /** Groups by their kernel names: `['RTNLGRP_LINK', 'RTNLGRP_IPV4_IFADDR']` */
  readonly groups: readonly RouteGroup[]
  /** Ends the iteration, without an error */
  readonly signal?: AbortSignal
}

/**
 * What changes in the network namespace of an agent, told by a child of it that does nothing but wait. It listens when this resolves.
 * @throws SyscallError, InvalidInputError
 */
export async function watchEvents(
  agent: Agent,
  { groups, signal }: EventOptions,
): Promise<AsyncIterableIterator<NetlinkEvent>> {
  if (!Array.isArray(groups) || groups.length === 0) {
    throw new InvalidInputError('groups must be a list of at least one group, RTNLGRP_LINK for instance', {
      field: 'groups',
    })
  }
  const numbers = groups.map((group) => Number(choiceValue(RTNLGRP, group, machineArch(), 'groups')))
  signal?.throwIfAborted()
  const listener = await agent.fork()
  try {
    return untilAborted(listener, await listenTo(listener, numbers), signal)
  } catch (error) {
    await listener.close()
    throw error
  }
}

/** Ends with the signal at any time, also before the first event was asked for. */
function untilAborted(listener: Agent, fd: number, signal?: AbortSignal): AsyncIterableIterator<NetlinkEvent> {
  const stop = (): void => void listener.close()
  signal?.addEventListener('abort', stop, { once: true })
  const events = eventsFrom(listener, fd, signal)
  const end = async (): Promise<IteratorResult<NetlinkEvent>> => {
    signal?.removeEventListener('abort', stop)
    await listener.close()
    return { done: true, value: undefined }
  }
  return {
    next: async () => {
      const next = await events.next()
      return next.done ? end() : next
    },
    return: end,
    [Symbol.asyncIterator]() {
      return this
    },
  }
}

async function* eventsFrom(listener: Agent, fd: number, signal?: AbortSignal): AsyncGenerator<NetlinkEvent, void> {
  try {
    for (;;) {
      const message = await receive(listener, fd, [])
      if (typeof message === 'object') yield* eventsOf(message)
      else yield* afterOverrun(listener, fd)
    }
  } catch (error) {
    if (!signal?.aborted) throw error
  }
}

/**
 * The socket had no room (netlink(7), "Reliability"), and has none until all that waits in it is read: what happens meanwhile is lost too,
 * and the kernel says so only once. Only then is the loss told, so that whoever asks for everything again misses nothing.
 */
async function* afterOverrun(listener: Agent, fd: number): AsyncGenerator<NetlinkEvent, void> {
  for (;;) {
    const message = await receive(listener, fd, ['MSG_DONTWAIT'])
    if (message === 'none') break
    if (message !== 'overrun') yield* eventsOf(message)
  }
  yield { type: 'lost' }
}

async function listenTo(listener: Agent, groups: readonly number[]): Promise<number> {
  const p = program()
  const socket = netlinkSocketSteps(p)
  p.bind(socket, { netlink: 0 })
  for (const group of groups) p.setsockopt(socket, 'SOL_NETLINK', NETLINK_OPTION.NETLINK_ADD_MEMBERSHIP, group)
  return Number((await listener.run(p)).get(socket))
}

async function receive(
  listener: Agent,
  fd: number,
  flags: readonly MsgFlag[],
): Promise<InMessage | 'none' | 'overrun'> {
  const p = program()
  const message = p.tolerate('ENOBUFS', 'EAGAIN').recvmsg(fd, { size: DATAGRAM_ROOM }, flags)
  const value: unknown = (await listener.run(p)).get(message)
  if (typeof value === 'object' && value !== null) return value as InMessage
  return value === -errnoNumber('EAGAIN') ? 'none' : 'overrun'
}

function eventsOf({ data, from, flags }: InMessage): readonly NetlinkEvent[] {
  // Only the kernel has port 0.
  const isKernel = from !== undefined && !(from instanceof Uint8Array) && 'netlink' in from && from.netlink === 0
  if (!isKernel) return []
  return flags.includes('MSG_TRUNC') ? [{ type: 'lost' }] : decodeEvents(data)
}
