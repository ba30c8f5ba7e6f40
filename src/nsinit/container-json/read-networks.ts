import { checkAbsolute, checkChoice, refuse } from '../../bundle/config/fields.ts'
import { checkLinkName } from '../../linux/netlink/link-name.ts'
import { formatMac, parseMac } from '../../linux/netlink/ip.ts'
import type { ContainerNetwork, JoinedNetwork, LoopbackNetwork, VethNetwork } from './container-config.ts'
import { readAddress, readGateway } from './read-addresses.ts'
import { eachOf, flagOf, onlyOne, pointerOf, type Section, section, textOf, wholeOf } from './section.ts'

const NETWORK = [
  'type',
  'name',
  'context',
  'bridge',
  'create_bridge',
  'veth_prefix',
  'ns_path',
  'mac_address',
  'address',
  'gateway',
  'ipv6_address',
  'ipv6_gateway',
  'mtu',
  'txqueuelen',
] as const
const CONTEXT = ['bridge', 'prefix', 'nspath'] as const
const TYPES = ['loopback', 'veth', 'netns'] as const
/** Fields that say something for each type, besides type and context */
const FIELDS: Readonly<Record<(typeof TYPES)[number], readonly string[]>> = {
  loopback: ['address', 'mtu'],
  veth: NETWORK.filter((key) => !['type', 'context', 'ns_path'].includes(key)),
  netns: ['ns_path'],
}
const CONTEXT_FIELDS: Readonly<Record<string, readonly string[]>> = {
  loopback: [],
  veth: ['bridge', 'prefix'],
  netns: ['nspath'],
}
/** Bytes of a name, 15, less those by which the host's ends differ */
const LONGEST_PREFIX = 11
/** RFC 791; IP6_MIN_MTU of the kernel is looked at by the kernel */
const LEAST_MTU = 68
const MOST_MTU = 65_535
const MOST_QUEUE = 0x7fff_ffff

/** `networks`. @throws InvalidInputError */
export function readNetworks(from: Section): readonly ContainerNetwork[] {
  let veths = 0
  const networks = eachOf(from, 'networks', (value, at): ContainerNetwork => {
    const entry = section(value, at, NETWORK)
    const type = textOf(entry, 'type')
    if (type === undefined) refuse(pointerOf(entry, 'type'), `is missing: say ${TYPES.join(' or ')}`)
    checkChoice(type, pointerOf(entry, 'type'), TYPES)
    const context = section(entry.fields['context'], pointerOf(entry, 'context'), CONTEXT)
    refuseUseless(entry, context, type as (typeof TYPES)[number])
    if (type === 'loopback') return readLoopback(entry)
    return type === 'netns' ? readJoined(entry, context) : readVeth(entry, context, `eth${veths++}`)
  })
  checkTogether(networks, pointerOf(from, 'networks'))
  return networks
}

/** What says nothing for a type is refused: somebody believes that it does. */
function refuseUseless(entry: Section, context: Section, type: (typeof TYPES)[number]): void {
  for (const key of NETWORK) {
    if (key === 'type' || key === 'context' || FIELDS[type].includes(key)) continue
    if (isSaid(entry.fields[key]))
      refuse(pointerOf(entry, key), `says nothing for a network of type ${type}: take it out`)
  }
  for (const key of CONTEXT) {
    if (!isSaid(context.fields[key]) || CONTEXT_FIELDS[type]?.includes(key)) continue
    refuse(pointerOf(context, key), `says nothing for a network of type ${type}: take it out`)
  }
}

/** What a Go program left out when it was so */
const isSaid = (value: unknown): boolean => ![undefined, '', 0, false].includes(value as undefined)

function readLoopback(entry: Section): LoopbackNetwork {
  const address = readAddress(entry, 'address', 'inet')
  return { type: 'loopback', ...(address && { address }), ...readMtu(entry) }
}

function readJoined(entry: Section, context: Section): JoinedNetwork {
  const at = pointerOf(entry, 'ns_path')
  const nsPath = onlyOne([at, textOf(entry, 'ns_path')], [pointerOf(context, 'nspath'), textOf(context, 'nspath')])
  if (nsPath === undefined) return refuse(at, 'is missing: name the file of a network namespace, /run/netns/NAME')
  checkAbsolute(nsPath, at)
  return { type: 'netns', nsPath }
}

function readVeth(entry: Section, context: Section, name: string): VethNetwork {
  const bridge = onlyOne(
    [pointerOf(entry, 'bridge'), textOf(entry, 'bridge')],
    [pointerOf(context, 'bridge'), textOf(context, 'bridge')],
  )
  if (bridge === undefined) {
    return refuse(
      pointerOf(entry, 'bridge'),
      'is missing: name the bridge of the host that the container is connected to',
    )
  }
  const macAddress = textOf(entry, 'mac_address')
  const address = readAddress(entry, 'address', 'inet')
  const ipv6Address = readAddress(entry, 'ipv6_address', 'inet6')
  const gateway = readGateway(entry, 'gateway', { family: 'inet', address })
  const ipv6Gateway = readGateway(entry, 'ipv6_gateway', { family: 'inet6', address: ipv6Address })
  const txQueueLength = wholeOf(entry, 'txqueuelen', 1, MOST_QUEUE)
  return {
    type: 'veth',
    name: checkLinkName(textOf(entry, 'name') ?? name, pointerOf(entry, 'name')),
    bridge: checkLinkName(bridge, pointerOf(entry, 'bridge')),
    ...(flagOf(entry, 'create_bridge') === true && { createBridge: true }),
    vethPrefix: readPrefix(entry, context),
    ...(macAddress && { macAddress: formatMac(parseMac(macAddress, pointerOf(entry, 'mac_address'))) }),
    ...(address && { address }),
    ...(gateway && { gateway }),
    ...(ipv6Address && { ipv6Address }),
    ...(ipv6Gateway && { ipv6Gateway }),
    ...readMtu(entry),
    ...(txQueueLength && { txQueueLength }),
  }
}

function readPrefix(entry: Section, context: Section): string {
  const at = pointerOf(entry, 'veth_prefix')
  const given = onlyOne([at, textOf(entry, 'veth_prefix')], [pointerOf(context, 'prefix'), textOf(context, 'prefix')])
  const prefix = checkLinkName(given ?? 'veth', at)
  if (new TextEncoder().encode(prefix).length > LONGEST_PREFIX) {
    refuse(at, `must be at most ${LONGEST_PREFIX} bytes, because a number follows: shorten ${JSON.stringify(prefix)}`)
  }
  return prefix
}

function readMtu(entry: Section): { readonly mtu?: number } {
  const mtu = wholeOf(entry, 'mtu', LEAST_MTU, MOST_MTU)
  return mtu === undefined ? {} : { mtu }
}

function checkTogether(networks: readonly ContainerNetwork[], at: string): void {
  const names = new Set<string>()
  networks.forEach((each, index) => {
    if (each.type === 'netns' && networks.length > 1) {
      refuse(`${at}/${index}`, 'joins a network that is set up already: take the other networks out')
    }
    const name = each.type === 'veth' ? each.name : each.type === 'loopback' ? 'lo' : ''
    if (names.has(name))
      refuse(`${at}/${index}`, `makes the interface ${name} for the second time: keep one, or give name`)
    names.add(name)
  })
}
