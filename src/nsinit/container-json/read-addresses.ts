import { refuse } from '../../bundle/config/fields.ts'
import { type Cidr, type Family, formatIp, type Ip, parseCidr, parseIp, parseNetwork } from '../../linux/netlink/ip.ts'
import { checkLinkName } from '../../linux/netlink/link-name.ts'
import type { ContainerRoute } from './container-config.ts'
import { pointerOf, type Section, section, textOf } from './section.ts'

const WORDS: Readonly<Record<Family, string>> = { inet: 'IPv4', inet6: 'IPv6' }
/** The loopback network (RFC 1122) */
const LOOPBACK = 127

/** The address of an interface, with the length of its network, in canonical form. @throws InvalidInputError */
export function readAddress(from: Section, key: string, family: Family): string | undefined {
  const text = textOf(from, key)
  if (text === undefined) return undefined
  const at = pointerOf(from, key)
  const cidr = parseCidr(text, at)
  checkFamily(cidr, family, at)
  if (!text.includes('/')) {
    refuse(at, `has no length of its network: write ${text}/${family === 'inet' ? 24 : 64}, or what yours has`)
  }
  if (cidr.prefix === 0) refuseWhole(cidr, at)
  return showCidr(cidr)
}

/** The samples of 2014 had 127.0.0.1/0, by which every address of IPv4 is this machine's own. */
function refuseWhole({ bytes }: Cidr, at: string): never {
  const address = formatIp(bytes)
  const remedy = bytes[0] === LOOPBACK ? `write ${address}/8` : `give the length of its network, ${address}/24`
  return refuse(at, `must not have /0, which makes every address there is one of this interface’s: ${remedy}`)
}

/** A gateway; the address that it is reached from must be in its network. @throws InvalidInputError */
export function readGateway(
  from: Section,
  key: string,
  { family, address }: { readonly family: Family; readonly address: string | undefined },
): string | undefined {
  const text = textOf(from, key)
  if (text === undefined) return undefined
  const at = pointerOf(from, key)
  const ip = parseIp(text, at)
  checkFamily(ip, family, at)
  const addressKey = key.replace('gateway', 'address')
  if (address === undefined) refuse(at, `cannot be reached from an interface without address: give ${addressKey} too`)
  return formatIp(ip.bytes)
}

function checkFamily({ family }: Ip, wanted: Family, at: string): void {
  if (family !== wanted) refuse(at, `must be an address of ${WORDS[wanted]}, not of ${WORDS[family]}`)
}

const showCidr = ({ bytes, prefix }: Cidr): string => `${formatIp(bytes)}/${prefix}`

const ROUTE = ['destination', 'source', 'gateway', 'interface_name'] as const

/** An entry of `routes`. @throws InvalidInputError */
export function readRoute(value: unknown, at: string): ContainerRoute {
  const entry = section(value, at, ROUTE)
  const [destination, source, gateway] = ['destination', 'source', 'gateway'].map((key) => textOf(entry, key))
  const interfaceName = textOf(entry, 'interface_name')
  if (interfaceName === undefined) {
    return refuse(pointerOf(entry, 'interface_name'), 'is missing: name an interface of the container, eth0')
  }
  if (destination === undefined && source === undefined && gateway === undefined) {
    return refuse(at, 'leads nowhere: give destination, gateway or source')
  }
  const network = destination === undefined ? undefined : parseNetwork(destination, pointerOf(entry, 'destination'))
  // 2014's documentation wanted a length here, its code an address: the address counts.
  const own = source === undefined ? undefined : parseCidr(source, pointerOf(entry, 'source'))
  const next = gateway === undefined ? undefined : parseIp(gateway, pointerOf(entry, 'gateway'))
  const families = new Set([network, own, next].flatMap((each) => each?.family ?? []))
  if (families.size > 1) refuse(at, 'has addresses of IPv4 and of IPv6: make two routes of it')
  return {
    ...(network && { destination: showCidr(network) }),
    ...(own && { source: formatIp(own.bytes) }),
    ...(next && { gateway: formatIp(next.bytes) }),
    interfaceName: checkLinkName(interfaceName, pointerOf(entry, 'interface_name')),
  }
}
