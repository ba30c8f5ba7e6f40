import { InvalidInputError } from '../base/errors.ts'
import { quote } from './c-string.ts'
import { textBytes, textIn } from './memory-fields.ts'
import { describeValue } from './show-value.ts'
import { SOCKADDR_IN, SOCKADDR_IN6, SOCKADDR_NL, SOCKADDR_UN } from './structs/sockets.ts'

/** An address of a socket: a unix path or abstract name, IPv4 or IPv6 with a port, a netlink port; or its bytes. */
export type SocketAddress =
  | { readonly path: string | Uint8Array }
  | { readonly abstract: string | Uint8Array }
  | { readonly address: string; readonly port: number }
  | { readonly netlink: number; readonly groups?: number }
  | Uint8Array

const utf8 = new TextEncoder()
const UNIX = 1
const INET = 2
const NETLINK = 16
const INET6 = 10

/**
 * The bytes of a socket address.
 * @throws InvalidInputError
 */
export function encodeAddress(address: SocketAddress, where = 'address'): Uint8Array {
  if (address instanceof Uint8Array) return address
  if (typeof address !== 'object' || address === null) throw noAddress(address, where)
  if ('path' in address) return unix(address.path, 0, where)
  if ('abstract' in address) return unix(address.abstract, 1, where)
  if ('netlink' in address) {
    return SOCKADDR_NL.pack(
      { nl_family: 'AF_NETLINK', nl_pid: address.netlink, nl_groups: address.groups ?? 0 },
      'x64',
      where,
    )
  }
  if (typeof address.address !== 'string') throw noAddress(address, where)
  const port = checkPort(address.port, `${where}.port`)
  const v4 = parseIpv4(address.address)
  if (v4) return SOCKADDR_IN.pack({ sin_family: 'AF_INET', sin_port: port, sin_addr: v4 }, 'x64', where)
  const v6 = parseIpv6(address.address)
  if (v6) return SOCKADDR_IN6.pack({ sin6_family: 'AF_INET6', sin6_port: port, sin6_addr: v6 }, 'x64', where)
  throw new InvalidInputError(`${where}.address must be an IPv4 or IPv6 address, not ${quote(address.address)}`, {
    field: `${where}.address`,
  })
}

const noAddress = (address: unknown, where: string): InvalidInputError =>
  new InvalidInputError(
    `${where} must be an object with path, abstract, address and port, or netlink, not ${describeValue(address)}`,
    { field: where },
  )

function checkPort(value: unknown, where: string): number {
  if (typeof value === 'number' && Number.isInteger(value) && value >= 0 && value < 65536) return value
  throw new InvalidInputError(`${where} must be a port from 0 to 65535, not ${describeValue(value)}`, { field: where })
}

/** A path of no bytes is no address at all, only its family: bind(2) then gives one (unix(7), "Autobind feature"). */
function unix(name: string | Uint8Array, leading: 0 | 1, where: string): Uint8Array {
  const bytes = leading ? abstractBytes(name, `${where}.abstract`) : textBytes(name, `${where}.path`)
  if (bytes.length + 1 > 108) {
    throw new InvalidInputError(`${where} must be at most 107 bytes: the kernel has room for no more`, { field: where })
  }
  const path = new Uint8Array(bytes.length + leading)
  path.set(bytes, leading)
  const packed = SOCKADDR_UN.pack({ sun_family: 'AF_UNIX', sun_path: path }, 'x64', where)
  return packed.subarray(0, bytes.length + leading === 0 ? 2 : 2 + bytes.length + 1)
}

/** The name of an abstract address has a length of its own: any byte may be in it. */
function abstractBytes(name: unknown, where: string): Uint8Array {
  if (typeof name === 'string') return utf8.encode(name)
  if (name instanceof Uint8Array) return name
  throw new InvalidInputError(`${where} must be text or bytes, not ${describeValue(name)}`, { field: where })
}

function parseIpv4(text: string): Uint8Array | undefined {
  const parts = text.split('.')
  if (parts.length !== 4 || !parts.every((part) => /^(0|[1-9]\d{0,2})$/.test(part) && Number(part) < 256))
    return undefined
  return Uint8Array.from(parts, Number)
}

function parseIpv6(text: string): Uint8Array | undefined {
  const halves = text.split('::')
  if (halves.length > 2) return undefined
  const words = halves.map((half) => (half === '' ? [] : half.split(':')))
  const [head = [], tail = []] = words
  if (![...head, ...tail].every((word) => /^[0-9a-f]{1,4}$/i.test(word))) return undefined
  const missing = 8 - head.length - tail.length
  if (halves.length === 1 ? missing !== 0 : missing < 1) return undefined
  const all = [...head, ...Array.from({ length: halves.length === 1 ? 0 : missing }, () => '0'), ...tail]
  return Uint8Array.from(all.flatMap((word) => [parseInt(word, 16) >> 8, parseInt(word, 16) & 255]))
}

/**
 * The address in bytes that the kernel wrote, exactly as many as it said: an abstract name may end in zeros. Bytes of a family that
 * is not known here stay bytes.
 */
export function decodeAddress(bytes: Uint8Array): SocketAddress {
  if (bytes.length < 2) return bytes
  const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength)
  const family = view.getUint16(0, true)
  if (family === UNIX) return unixIn(bytes.subarray(2))
  if (family === INET && bytes.length >= 8)
    return { address: bytes.subarray(4, 8).join('.'), port: view.getUint16(2, false) }
  if (family === INET6 && bytes.length >= 24) return { address: ipv6In(view), port: view.getUint16(2, false) }
  if (family === NETLINK && bytes.length >= 12)
    return { netlink: view.getUint32(4, true), groups: view.getUint32(8, true) }
  return bytes
}

function unixIn(path: Uint8Array): SocketAddress {
  if (path.length > 1 && path[0] === 0) return { abstract: new TextDecoder().decode(path.subarray(1)) }
  return { path: textIn(path) }
}

/** RFC 5952: the longest run of zeros becomes `::`. */
function ipv6In(view: DataView): string {
  const words = Array.from({ length: 8 }, (_, i) => view.getUint16(8 + 2 * i, false).toString(16)).join(':')
  const runs = words.match(/\b0(:0)+\b/g)?.toSorted((a, b) => b.length - a.length) ?? []
  const longest = runs[0]
  if (longest === undefined) return words
  return words.replace(new RegExp(`\\b${longest}\\b`), '::').replace(/:{3,}/, '::')
}

/** An address as listings show it. */
export function printAddress(address: SocketAddress): string {
  if (address instanceof Uint8Array) return quote(address)
  if ('path' in address) return `{sa_family=AF_UNIX, sun_path=${quote(address.path)}}`
  if ('abstract' in address) return `{sa_family=AF_UNIX, sun_path=@${quote(address.abstract)}}`
  if ('netlink' in address)
    return `{sa_family=AF_NETLINK, nl_pid=${address.netlink}, nl_groups=${(address.groups ?? 0).toString(16).padStart(8, '0')}}`
  if (address.address.includes(':')) {
    return `{sa_family=AF_INET6, sin6_port=htons(${address.port}), inet_pton(AF_INET6, "${address.address}")}`
  }
  return `{sa_family=AF_INET, sin_port=htons(${address.port}), sin_addr=inet_addr("${address.address}")}`
}
