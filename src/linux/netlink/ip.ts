import { InvalidInputError } from '../../base/errors.ts'

/** Families of addresses that rtnetlink is asked about here. */
export type Family = 'inet' | 'inet6'

/** Numbers of the families, and sizes of their addresses in bytes */
export const FAMILIES = { inet: { number: 2, size: 4 }, inet6: { number: 10, size: 16 } } as const

/** An address as the kernel has it, in network order. */
export interface Ip {
  readonly family: Family
  readonly bytes: Uint8Array
}

/** An address and the bits that name its network. */
export interface Cidr extends Ip {
  readonly prefix: number
}

/** The family of a number, undefined for one that is neither. */
export const familyOf = (number: number): Family | undefined =>
  number === FAMILIES.inet.number ? 'inet' : number === FAMILIES.inet6.number ? 'inet6' : undefined

/** An address of IPv4, four decimal numbers, or of IPv6 (RFC 4291 2.2), without a zone. @throws InvalidInputError */
export function parseIp(text: unknown, field: string): Ip {
  const found = typeof text === 'string' ? findIp(text) : undefined
  if (found) return found
  const example = 'write it as 192.0.2.1 or 2001:db8::1'
  throw new InvalidInputError(`${field} must be an IPv4 or IPv6 address, not ${shown(text)}: ${example}`, { field })
}

/** An address with `/` and the length of its prefix; without one a single address. @throws InvalidInputError */
export function parseCidr(text: unknown, field: string): Cidr {
  if (typeof text !== 'string') return { ...parseIp(text, field), prefix: 0 }
  const slash = text.indexOf('/')
  const ip = parseIp(slash < 0 ? text : text.slice(0, slash), field)
  const most = 8 * ip.bytes.length
  if (slash < 0) return { ...ip, prefix: most }
  const length = text.slice(slash + 1)
  if (/^(0|[1-9]\d{0,2})$/.test(length) && Number(length) <= most) return { ...ip, prefix: Number(length) }
  throw new InvalidInputError(`${field} must have a prefix from /0 to /${most}, not ${shown(text)}`, { field })
}

/** The same, of a network: no bit behind the prefix is set. @throws InvalidInputError */
export function parseNetwork(text: unknown, field: string): Cidr {
  const cidr = parseCidr(text, field)
  const network = maskedBytes(cidr.bytes, cidr.prefix, 0)
  if (network.every((byte, i) => byte === cidr.bytes[i])) return cidr
  const remedy = `write ${formatIp(network)}/${cidr.prefix}`
  throw new InvalidInputError(`${field} ${shown(text)} has bits behind its prefix, and is no network: ${remedy}`, {
    field,
  })
}

/** The last address of a network of IPv4, which reaches all of it; undefined where there is none (RFC 3021). */
export const broadcastOf = ({ bytes, prefix, family }: Cidr): Uint8Array | undefined =>
  family === 'inet' && prefix < 31 ? maskedBytes(bytes, prefix, 0xff) : undefined

/** An address in bytes as text: IPv6 as RFC 5952 has it. Bytes of another size as hexadecimal numbers. */
export function formatIp(bytes: Uint8Array): string {
  if (bytes.length === 4) return bytes.join('.')
  if (bytes.length === 16) return formatIpv6(bytes)
  return formatMac(bytes)
}

/** A hardware address of Ethernet: six hexadecimal numbers. @throws InvalidInputError */
export function parseMac(text: unknown, field: string): Uint8Array {
  if (typeof text === 'string' && /^[0-9a-f]{2}(:[0-9a-f]{2}){5}$/i.test(text)) {
    return Uint8Array.from(text.split(':'), (part) => parseInt(part, 16))
  }
  const example = 'write six hexadecimal numbers, 02:00:00:00:00:01'
  throw new InvalidInputError(`${field} must be a hardware address, not ${shown(text)}: ${example}`, { field })
}

/** A hardware address as text, of any length. */
export const formatMac = (bytes: Uint8Array): string =>
  Array.from(bytes, (byte) => byte.toString(16).padStart(2, '0')).join(':')

const shown = (value: unknown): string =>
  typeof value === 'string' ? JSON.stringify(value) : value === null ? 'null' : typeof value

function maskedBytes(bytes: Uint8Array, prefix: number, rest: 0 | 0xff): Uint8Array {
  return bytes.map((byte, i) => {
    const mask = (0xff00 >> Math.min(8, Math.max(0, prefix - 8 * i))) & 0xff
    return (byte & mask) | (rest & ~mask)
  })
}

function findIp(text: string): Ip | undefined {
  const v4 = ipv4Bytes(text)
  if (v4) return { family: 'inet', bytes: v4 }
  const v6 = text.includes(':') ? ipv6Bytes(text) : undefined
  return v6 && { family: 'inet6', bytes: v6 }
}

function ipv4Bytes(text: string): Uint8Array | undefined {
  const parts = text.split('.')
  if (parts.length !== 4 || !parts.every((part) => /^(0|[1-9]\d{0,2})$/.test(part) && Number(part) < 256)) {
    return undefined
  }
  return Uint8Array.from(parts, Number)
}

function ipv6Bytes(text: string): Uint8Array | undefined {
  const halves = text.split('::')
  if (halves.length > 2) return undefined
  const parts = halves.map((half, i) => wordBytes(half, i === halves.length - 1))
  const [head, tail] = parts
  if (!head || (halves.length === 2 && !tail)) return undefined
  const known = head.length + (tail?.length ?? 0)
  if (halves.length === 1 ? known !== 16 : known > 14) return undefined
  const bytes = new Uint8Array(16)
  bytes.set(head)
  if (tail) bytes.set(tail, 16 - tail.length)
  return bytes
}

/** The bytes of words between colons; the last part may be an IPv4 address. */
function wordBytes(half: string, isLast: boolean): number[] | undefined {
  if (half === '') return []
  const bytes: number[] = []
  const words = half.split(':')
  for (const [i, word] of words.entries()) {
    const v4 = isLast && i === words.length - 1 ? ipv4Bytes(word) : undefined
    if (v4) bytes.push(...v4)
    else if (/^[0-9a-f]{1,4}$/i.test(word)) bytes.push(parseInt(word, 16) >> 8, parseInt(word, 16) & 0xff)
    else return undefined
  }
  return bytes
}

function formatIpv6(bytes: Uint8Array): string {
  const words = Array.from({ length: 8 }, (_, i) => ((bytes[2 * i] ?? 0) << 8) | (bytes[2 * i + 1] ?? 0))
  const { at, length } = longestZeros(words)
  const show = (part: readonly number[]): string => part.map((word) => word.toString(16)).join(':')
  if (length < 2) return show(words)
  return `${show(words.slice(0, at))}::${show(words.slice(at + length))}`
}

function longestZeros(words: readonly number[]): { at: number; length: number } {
  let best = { at: 0, length: 0 }
  for (let at = 0; at < words.length; at++) {
    let length = 0
    while (words[at + length] === 0) length++
    if (length > best.length) best = { at, length }
  }
  return best
}
