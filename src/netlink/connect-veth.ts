import { CarrelError, InvalidInputError, StateError, SyscallError } from '../base/errors.ts'
import { checkNumber } from '../linux/netlink/encode.ts'
import { formatIp, parseCidr, parseIp } from '../linux/netlink/ip.ts'
import { checkLinkName } from '../linux/netlink/link-name.ts'
import type { Link } from '../linux/netlink/link.ts'
import type { Agent } from '../process/agent.ts'
import { Netlink } from './netlink.ts'

/** One end of a pair. */
export interface VethEnd {
  /** Without one on the host's side the first free of `veth0`, `veth1`, … */
  readonly name?: string
  /** `10.0.0.1/24`, of both families */
  readonly addresses?: readonly string[]
}

/** A pair of links between the network of an agent and that of a process. */
export interface VethOptions {
  /** The process, as the agent numbers it */
  readonly pid: number
  readonly host?: VethEnd
  readonly guest: VethEnd & { readonly name: string }
  /** The host's end becomes a port of it; it is made when there is none, and has these addresses then too */
  readonly bridge?: VethEnd & { readonly name: string }
  /** In bytes */
  readonly mtu?: number
  /** The guest's default route */
  readonly gateway?: string
}

/** The two ends, as the kernel has them. */
export interface VethPair {
  readonly host: Link
  readonly guest: Link
}

/** How many names are tried while others take them at the same time */
const ATTEMPTS = 64

/**
 * Connects the network of an agent with that of a process by a new pair of links, both up, and the process's loopback too. What fails
 * leaves no link behind, in neither of them, none up that was down, and no address on a bridge that was there.
 * @throws InvalidInputError for a name that is taken, a gateway that the kernel refuses; StateError when both are in one network; SyscallError
 */
export async function connectVeth(agent: Agent, options: VethOptions): Promise<VethPair> {
  checkOptions(options)
  await using host = await Netlink.open(agent)
  const fd = await host.namespaces.open({ pid: options.pid })
  try {
    await using guest = await Netlink.open(agent, { namespace: { fd } })
    await assertApart(agent, fd, options.pid)
    return await connect({ host, guest, fd }, options)
  } finally {
    await agent.sys.close(fd)
  }
}

/** Everything that can be wrong in itself is said before anything is made. */
function checkOptions({ host = {}, guest, bridge, gateway, mtu }: VethOptions): void {
  for (const [end, field] of [
    [host, 'host'],
    [guest, 'guest'],
    [bridge ?? {}, 'bridge'],
  ] as const) {
    if (end.name !== undefined) checkLinkName(end.name, `${field}.name`)
    for (const address of end.addresses ?? []) parseCidr(address, `${field}.addresses`)
  }
  if (gateway !== undefined) parseIp(gateway, 'gateway')
  // Of Ethernet (linux/if_ether.h: ETH_MIN_MTU, ETH_MAX_MTU): the kernel says no without a word when it makes a pair.
  if (mtu !== undefined) checkNumber(mtu, 'mtu', 68, 65535, 'bytes')
  if (bridge && host.addresses?.length) {
    throw new InvalidInputError('host.addresses cannot be on a port of a bridge: give them to the bridge', {
      field: 'host.addresses',
    })
  }
}

async function assertApart(agent: Agent, fd: number, pid: number): Promise<void> {
  const [own, other] = await Promise.all([
    agent.sys.statx('AT_FDCWD', '/proc/self/ns/net', [], ['STATX_INO']),
    agent.sys.statx(fd, '', ['AT_EMPTY_PATH'], ['STATX_INO']),
  ])
  if (own.stx_ino !== other.stx_ino) return
  throw new StateError(`Process ${pid} is in this network itself: start it with a network namespace of its own`, {
    state: 'one network',
    wanted: 'two networks',
  })
}

interface Sides {
  readonly host: Netlink
  readonly guest: Netlink
  /** The guest's namespace, as the agent has it open */
  readonly fd: number
}

async function connect(sides: Sides, options: VethOptions): Promise<VethPair> {
  const { host, guest } = sides
  const undo: (() => Promise<void>)[] = []
  try {
    if (options.bridge) await findBridge(host, options.bridge, options.mtu, undo)
    const name = await createPair(sides, options)
    undo.push(() => host.links.remove(name))
    await dress(host, name, options.host?.addresses)
    await dress(guest, options.guest.name, options.guest.addresses)
    if (options.gateway !== undefined) await addGateway(guest, options.gateway)
    // Last, as going down again would take addresses along that were there before (IPv6).
    if (options.bridge) await host.links.set(options.bridge.name, { up: true })
    await guest.links.set('lo', { up: true })
    return { host: await host.links.get(name), guest: await guest.links.get(options.guest.name) }
  } catch (error) {
    for (const step of undo.toReversed()) {
      await step().catch((failure: unknown) => {
        if (error instanceof CarrelError) error.cleanup.push(failure)
      })
    }
    throw error
  }
}

async function dress(netlink: Netlink, dev: string, addresses: readonly string[] = []): Promise<void> {
  await addAddresses(netlink, dev, addresses)
  await netlink.links.set(dev, { up: true })
}

/** Without asking whether somebody has an IPv6 address: on a new link nobody else can. */
async function addAddresses(netlink: Netlink, dev: string, addresses: readonly string[]): Promise<void> {
  for (const address of addresses) {
    const isNew =
      parseCidr(address, 'addresses').family === 'inet6' ? { flags: 'IFA_F_NODAD' as const } : { broadcast: 'auto' }
    await netlink.addresses.add({ dev, address, ...isNew })
  }
}

/** @throws InvalidInputError */
async function addGateway(guest: Netlink, gateway: string): Promise<void> {
  try {
    await guest.routes.add({ to: 'default', via: gateway })
  } catch (error) {
    if (!(error instanceof SyscallError)) throw error
    const rule = `gateway ${gateway} cannot be the guest's default route: ${error.message}`
    throw new InvalidInputError(`${rule}: give an address in a network of guest.addresses, and one default route`, {
      field: 'gateway',
      cause: error,
    })
  }
}

async function findBridge(
  host: Netlink,
  { name, addresses = [] }: VethEnd & { readonly name: string },
  mtu: number | undefined,
  undo: (() => Promise<void>)[],
): Promise<void> {
  const found = await host.links.find(name)
  if (found && found.kind !== 'bridge') {
    const rule = `bridge.name "${name}" is a link of another kind (${found.kind ?? 'hardware'})`
    throw new InvalidInputError(`${rule}: name a bridge, or what is not there, to have one made`, {
      field: 'bridge.name',
    })
  }
  if (!found) {
    await host.links.create({ kind: 'bridge', name, ...(mtu === undefined ? {} : { mtu }) })
    undo.push(() => host.links.remove(name))
  }
  const there = (await host.addresses.list({ dev: name })).map(({ address, prefix }) => `${address}/${prefix}`)
  const missing = addresses.filter((address) => !there.includes(canonical(address)))
  if (found) undo.push(...missing.map((address) => () => removeIfThere(host, name, address)))
  await addAddresses(host, name, missing)
}

/** As the kernel tells an address: `FD00:0::1/64` is `fd00::1/64`. */
function canonical(address: string): string {
  const { bytes, prefix } = parseCidr(address, 'addresses')
  return `${formatIp(bytes)}/${prefix}`
}

/** It may be what could not be added. */
async function removeIfThere(netlink: Netlink, dev: string, address: string): Promise<void> {
  try {
    await netlink.addresses.remove({ dev, address })
  } catch (error) {
    if (!(error instanceof SyscallError) || error.errno !== 'EADDRNOTAVAIL') throw error
  }
}

/** The names of both ends are free, or it says which is not. Gives the name of the host's. */
async function createPair({ host, guest, fd }: Sides, options: VethOptions): Promise<string> {
  const { mtu, bridge } = options
  const given = options.host?.name
  const own = options.guest.name
  if (given !== undefined) await assertFree(host, given, 'host.name')
  await assertFree(guest, own, 'guest.name')
  const size = mtu === undefined ? {} : { mtu }
  for (let attempt = 0; ; attempt++) {
    const name = given ?? freeName(await host.links.list())
    try {
      const master = bridge ? { master: bridge.name } : {}
      await host.links.create({ kind: 'veth', name, ...size, ...master, peer: { name: own, netns: { fd }, ...size } })
      return name
    } catch (error) {
      // Somebody else was faster: a name of ours is tried again, one of the caller's is his.
      if (!(error instanceof SyscallError) || error.errno !== 'EEXIST' || attempt >= ATTEMPTS) throw error
      await assertFree(guest, own, 'guest.name')
      if (given !== undefined) await assertFree(host, given, 'host.name')
    }
  }
}

async function assertFree(netlink: Netlink, name: string, field: string): Promise<void> {
  const link = await netlink.links.find(name)
  if (!link) return
  const what = link.kind === undefined ? 'a link' : `a ${link.kind}`
  throw new InvalidInputError(`${field} "${name}" is taken by ${what}: choose another name, or remove that one`, {
    field,
  })
}

function freeName(links: readonly Link[]): string {
  const taken = new Set(links.map(({ name }) => name))
  for (let number = 0; ; number++) {
    const name = `veth${number}`
    if (!taken.has(name)) return name
  }
}
