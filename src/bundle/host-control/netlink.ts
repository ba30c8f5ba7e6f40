/** Messages of rtnetlink(7); all numbers are those of linux/netlink.h and linux/rtnetlink.h. */
export const RTM = { NEWLINK: 16, GETLINK: 18, SETLINK: 19, NEWADDR: 20, GETADDR: 22 } as const
export const NLMSG = { ERROR: 2, DONE: 3 } as const
export const NLM_F = { REQUEST: 1, ACK: 4, DUMP: 0x300, EXCL: 0x200, CREATE: 0x400 } as const
export const IFLA = { IFNAME: 3, NET_NS_PID: 19 } as const
export const IFA = { ADDRESS: 1, LOCAL: 2, BROADCAST: 4, FLAGS: 8 } as const

const HEADER = 16
const ATTRIBUTE = 4
const align = (size: number): number => (size + 3) & ~3

/** One attribute: its type, and its bytes. */
export type Attribute = readonly [type: number, data: Uint8Array]

/** A message that came. */
export interface NetlinkMessage {
  readonly type: number
  /** What follows the header */
  readonly body: Uint8Array
}

/** A request: header, the family's own struct, attributes. */
export function encodeMessage(
  type: number,
  flags: number,
  body: Uint8Array,
  attributes: readonly Attribute[] = [],
): Uint8Array {
  const size = attributes.reduce((sum, [, data]) => sum + align(ATTRIBUTE + data.length), HEADER + align(body.length))
  const bytes = new Uint8Array(size)
  const view = new DataView(bytes.buffer)
  view.setUint32(0, size, true)
  view.setUint16(4, type, true)
  view.setUint16(6, flags, true)
  bytes.set(body, HEADER)
  let at = HEADER + align(body.length)
  for (const [kind, data] of attributes) {
    view.setUint16(at, ATTRIBUTE + data.length, true)
    view.setUint16(at + 2, kind, true)
    bytes.set(data, at + ATTRIBUTE)
    at += align(ATTRIBUTE + data.length)
  }
  return bytes
}

/** The messages of one datagram; one that does not fit ends the list. */
export function decodeMessages(bytes: Uint8Array): readonly NetlinkMessage[] {
  const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength)
  const messages: NetlinkMessage[] = []
  for (let at = 0; at + HEADER <= bytes.length;) {
    const size = view.getUint32(at, true)
    if (size < HEADER || at + size > bytes.length) break
    messages.push({ type: view.getUint16(at + 4, true), body: bytes.subarray(at + HEADER, at + size) })
    at += align(size)
  }
  return messages
}

/** The attributes behind the `size` bytes of a family's own struct. */
export function decodeAttributes(body: Uint8Array, size: number): ReadonlyMap<number, Uint8Array> {
  const view = new DataView(body.buffer, body.byteOffset, body.byteLength)
  const attributes = new Map<number, Uint8Array>()
  for (let at = align(size); at + ATTRIBUTE <= body.length;) {
    const length = view.getUint16(at, true)
    if (length < ATTRIBUTE || at + length > body.length) break
    attributes.set(view.getUint16(at + 2, true) & 0x3fff, body.subarray(at + ATTRIBUTE, at + length))
    at += align(length)
  }
  return attributes
}

/** A 32-bit number as an attribute's bytes. */
export function u32(value: number): Uint8Array {
  const bytes = new Uint8Array(4)
  new DataView(bytes.buffer).setUint32(0, value, true)
  return bytes
}

/** Text with its NUL. */
export const text = (value: string): Uint8Array => new TextEncoder().encode(`${value}\0`)

/** Text of an attribute, without its NUL. */
export const textOf = (bytes: Uint8Array | undefined): string =>
  bytes === undefined ? '' : new TextDecoder().decode(bytes).replace(/\0.*$/s, '')

/** `struct ifinfomsg`: family, type, index, flags, and which flags change. */
export function ifinfomsg({ index = 0, flags = 0, change = 0 } = {}): Uint8Array {
  const bytes = new Uint8Array(16)
  const view = new DataView(bytes.buffer)
  view.setInt32(4, index, true)
  view.setUint32(8, flags, true)
  view.setUint32(12, change, true)
  return bytes
}

/** An address of an interface, as it is asked for again elsewhere. */
export interface InterfaceAddress {
  readonly family: number
  readonly prefix: number
  readonly scope: number
  readonly index: number
  readonly flags: number
  readonly attributes: ReadonlyMap<number, Uint8Array>
}

/** Size of `struct ifaddrmsg` */
const IFADDRMSG = 8

/** Reads an RTM_NEWADDR. */
export function decodeAddress(body: Uint8Array): InterfaceAddress {
  const view = new DataView(body.buffer, body.byteOffset, body.byteLength)
  const attributes = decodeAttributes(body, IFADDRMSG)
  const wide = attributes.get(IFA.FLAGS)
  return {
    family: view.getUint8(0),
    prefix: view.getUint8(1),
    flags: wide ? new DataView(wide.buffer, wide.byteOffset).getUint32(0, true) : view.getUint8(2),
    scope: view.getUint8(3),
    index: view.getUint32(4, true),
    attributes,
  }
}

/** `struct ifaddrmsg` of an address on another interface. */
export function ifaddrmsg({ family, prefix, scope }: InterfaceAddress, index: number): Uint8Array {
  const bytes = new Uint8Array(IFADDRMSG)
  const view = new DataView(bytes.buffer)
  bytes.set([family, prefix, 0, scope])
  view.setUint32(4, index, true)
  return bytes
}
