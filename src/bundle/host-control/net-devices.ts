import { InvalidInputError, SyscallError, UnsupportedError } from '../../base/errors.ts'
import { errnoName } from '../../linux/errno.ts'
import { type Program, program } from '../../program/builder.ts'
import type { ProgramResult } from '../../program/result.ts'
import type { Linux } from '../spec.ts'
import {
  decodeAddress,
  decodeAttributes,
  decodeMessages,
  encodeMessage,
  IFA,
  ifaddrmsg,
  ifinfomsg,
  IFLA,
  type InterfaceAddress,
  type NetlinkMessage,
  NLM_F,
  NLMSG,
  RTM,
  text,
  textOf,
  u32,
} from './netlink.ts'

/** Runs a program in a process that stands in a network namespace. */
export type Netlink = (p: Program) => ProgramResult

const IFINFOMSG = 16
const IFF_UP = 1
const IFA_F_PERMANENT = 0x80
const IFA_F_TENTATIVE = 0x40
const RT_SCOPE_UNIVERSE = 0
const ROOM = 65536

/**
 * Moves interfaces of the host into the network namespace of a process, with their permanent global addresses, and sets them up
 * (runtime-spec config-linux.md, Network Devices). `host` and `container` stand in the two namespaces; `pid` is a process in the
 * container's, as `host` numbers it.
 * @throws InvalidInputError for an interface that is missing, or a name that is taken
 */
export function moveNetDevices(
  devices: NonNullable<Linux['netDevices']>,
  host: Netlink,
  container: Netlink,
  pid: number,
): void {
  for (const [key, { name }] of Object.entries(devices)) moveDevice({ key, name: name || key }, host, container, pid)
}

interface Device {
  /** On the host */
  readonly key: string
  /** In the container; may end in %d, for which the kernel puts a number */
  readonly name: string
}

function moveDevice({ key, name }: Device, host: Netlink, container: Netlink, pid: number): void {
  const field = `/linux/netDevices/${key.replaceAll('~', '~0').replaceAll('/', '~1')}`
  const index = linksOf(host).get(key)
  if (index === undefined) {
    throw new InvalidInputError(`${field} names no network interface of the runtime's network namespace`, { field })
  }
  const before = linksOf(container)
  if (before.has(name)) {
    const rule = `is taken by another interface of the container's network namespace: give another name`
    throw new InvalidInputError(`${field}/name ${JSON.stringify(name)} ${rule}`, { field: `${field}/name` })
  }
  const addresses = addressesOf(host, index)
  change(host, RTM.SETLINK, 0, ifinfomsg({ index }), [
    [IFLA.IFNAME, text(name)],
    [IFLA.NET_NS_PID, u32(pid)],
  ])
  const known = new Set(before.values())
  const moved = [...linksOf(container).values()].find((each) => !known.has(each))
  if (moved === undefined) {
    throw new UnsupportedError(`${field} was moved, but is not in the container's network namespace`, {
      fact: 'netDevices',
      remedy: 'check that nothing else moves interfaces at the same time',
    })
  }
  for (const address of addresses) addAddress(container, address, moved)
  change(container, RTM.NEWLINK, 0, ifinfomsg({ index: moved, flags: IFF_UP, change: IFF_UP }))
}

/** Indexes of interfaces by name. */
function linksOf(run: Netlink): ReadonlyMap<string, number> {
  const links = exchange(run, encodeMessage(RTM.GETLINK, NLM_F.REQUEST | NLM_F.DUMP, ifinfomsg()))
  return new Map(
    links
      .filter(({ type }) => type === RTM.NEWLINK)
      .map(({ body }) => [
        textOf(decodeAttributes(body, IFINFOMSG).get(IFLA.IFNAME)),
        new DataView(body.buffer, body.byteOffset).getInt32(4, true),
      ]),
  )
}

/** The addresses that a move must preserve: permanent ones of global scope, of any family. */
function addressesOf(run: Netlink, index: number): readonly InterfaceAddress[] {
  return exchange(run, encodeMessage(RTM.GETADDR, NLM_F.REQUEST | NLM_F.DUMP, new Uint8Array(8)))
    .filter(({ type }) => type === RTM.NEWADDR)
    .map(({ body }) => decodeAddress(body))
    .filter((each) => each.index === index && each.scope === RT_SCOPE_UNIVERSE)
    .filter(({ flags }) => (flags & IFA_F_PERMANENT) !== 0)
}

function addAddress(run: Netlink, address: InterfaceAddress, index: number): void {
  const kept = [IFA.LOCAL, IFA.ADDRESS, IFA.BROADCAST].flatMap((type): [number, Uint8Array][] => {
    const data = address.attributes.get(type)
    return data === undefined ? [] : [[type, data]]
  })
  const flags = u32(address.flags & ~IFA_F_TENTATIVE)
  change(run, RTM.NEWADDR, NLM_F.CREATE | NLM_F.EXCL, ifaddrmsg(address, index), [...kept, [IFA.FLAGS, flags]])
}

/** A request that changes something. @throws SyscallError */
function change(
  run: Netlink,
  type: number,
  flags: number,
  body: Uint8Array,
  attributes: Parameters<typeof encodeMessage>[3] = [],
): void {
  exchange(run, encodeMessage(type, NLM_F.REQUEST | NLM_F.ACK | flags, body, attributes))
}

/** One request, and all that is answered. @throws SyscallError with the kernel's error */
function exchange(run: Netlink, request: Uint8Array): readonly NetlinkMessage[] {
  const p = program()
  p.because('netDevices', 'Asks rtnetlink(7)')
  const socket = p.socket('AF_NETLINK', ['SOCK_RAW', 'SOCK_CLOEXEC'], 0)
  p.sendmsg(socket, { data: request }, [])
  const answer = p.recvfrom(socket, ROOM, [])
  const result = run(p)
  const fd = Number(result.get(socket))
  const messages = [...decodeMessages(result.get(answer))]
  while (!isComplete(messages)) {
    const more = program()
    const part = more.recvfrom(fd, ROOM, [])
    messages.push(...decodeMessages(run(more).get(part)))
  }
  const end = program()
  end.close(fd)
  run(end)
  assertAccepted(messages)
  return messages
}

const isComplete = (messages: readonly NetlinkMessage[]): boolean =>
  messages.some(({ type }) => type === NLMSG.DONE || type === NLMSG.ERROR)

/** An answer of type ERROR holds 0, or -errno. */
function assertAccepted(messages: readonly NetlinkMessage[]): void {
  for (const { type, body } of messages) {
    if (type !== NLMSG.ERROR) continue
    const error = new DataView(body.buffer, body.byteOffset).getInt32(0, true)
    if (error === 0) continue
    const because = 'An interface is moved to the network namespace of the container'
    throw new SyscallError({
      call: 'rtnetlink',
      args: '',
      errno: errnoName(-error),
      step: 0,
      steps: 1,
      feature: 'netDevices',
      because,
    })
  }
}
