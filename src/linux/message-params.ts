import { bytesBetween } from './bytes-between.ts'
import { InvalidInputError } from '../base/errors.ts'
import { decodeAddress, encodeAddress, printAddress, type SocketAddress } from './address.ts'
import { quote } from './c-string.ts'
import type { EncodedOut, Param } from './call.ts'
import { encodeRights, rightsOffset, rightsSpace } from './control-messages.ts'
import type { Encoder } from './encoder.ts'
import { flagNames } from './flags.ts'
import { Memory } from './memory.ts'
import { type Fd, Ref } from './ref.ts'
import { pushLength, pushShared } from './in-out-params.ts'
import { checkInteger } from './scalar-fields.ts'
import { describeValue } from './show-value.ts'
import { IOVEC, MSGHDR } from './structs/sockets.ts'
import { MSG, type MsgFlag } from './tables/sockets.ts'

/** A message to send: its bytes, an address unless connected, and descriptors or control messages beside it. */
export interface OutMessage {
  readonly data: string | Uint8Array
  readonly to?: SocketAddress
  /** Descriptors that travel with the message (SCM_RIGHTS) */
  readonly rights?: readonly (number | Ref<Fd>)[]
  /** Encoded control messages, instead of `rights` */
  readonly control?: Uint8Array
}

/** Room for a message to receive, in bytes. */
export interface MessageRoom {
  readonly size: number
  /** Most descriptors that may come with it */
  readonly rights?: number
  /** Room for control messages, instead of `rights` */
  readonly control?: number
}

/** A received message. Control messages are undecoded: `decodeRights` and `decodeControl` read them. */
export interface InMessage {
  readonly data: Uint8Array
  /** As much as came */
  readonly control: Uint8Array
  /** Who sent it, when the socket is not connected and the sender has an address */
  readonly from?: SocketAddress
  /** What the kernel says of it: MSG_TRUNC when there was no room for all of it, MSG_CTRUNC for the control messages */
  readonly flags: readonly (MsgFlag | number | bigint)[]
}

const utf8 = new TextEncoder()

/** An address and its length: two words. */
export const address = (name = 'addr'): Param => ({
  name,
  type: 'SocketAddress | Memory',
  encode(value, to, call) {
    if (value instanceof Memory) {
      const out = value.encode(to)
      to.pushNumber(value.bytes.length)
      return out
    }
    const bytes = encodeAddress(value as SocketAddress, `${call}.${name}`)
    to.pushData(to.place(bytes))
    to.pushNumber(bytes.length)
  },
  print: (value) =>
    value instanceof Memory
      ? `${value.toString()}, ${value.bytes.length}`
      : `${printAddress(value as SocketAddress)}, ${encodeAddress(value as SocketAddress).length}`,
})

/** sizeof(struct sockaddr_storage): an address of any family */
const ADDRESS_ROOM = 128

/** Room for an address, and a pointer to its length, which the kernel sets: two words. */
export const outAddress = (name = 'addr'): Param => ({
  name,
  type: 'SocketAddress',
  implied: true,
  encode(_value, to): EncodedOut {
    const at = to.reserve(ADDRESS_ROOM)
    to.push({ kind: 'reply', value: at })
    const lengthIn = pushLength(to, ADDRESS_ROOM)
    return {
      at,
      decode: ({ reply, data }) => decodeAddress(bytesBetween(reply, at, at + Math.min(ADDRESS_ROOM, lengthIn(data)))),
    }
  },
  print: () => `…, [${ADDRESS_ROOM}]`,
})

/** Room for a socket option of a size that the caller gives, and a pointer to that size, which the kernel sets: two words. */
export const outOption = (name = 'optlen'): Param => ({
  name,
  type: 'number',
  encode(value, to, call): EncodedOut {
    if (typeof value !== 'number' || !Number.isInteger(value) || value < 0 || value > 65536) {
      throw new InvalidInputError(`${call}.${name} must be a size from 0 to 65536`, { field: `${call}.${name}` })
    }
    const at = to.reserve(value)
    to.push({ kind: 'reply', value: at })
    const lengthIn = pushLength(to, value)
    return { at, decode: ({ reply, data }) => bytesBetween(reply, at, at + Math.min(value, lengthIn(data))) }
  },
  print: (value) => `…, [${String(value)}]`,
})

/** A socket option: a 32-bit number, bytes or text, and its size: two words. */
export const option = (name = 'optval'): Param => ({
  name,
  type: 'number | string | Uint8Array',
  ref: 'Fd',
  encode(value, to, call) {
    const bytes = optionBytes(value, `${call}.${name}`)
    const at = to.place(bytes)
    if (value instanceof Ref) to.relocate(at, to.wordOf(value), 4)
    to.pushData(at)
    to.pushNumber(bytes.length)
  },
  print: (value) =>
    value instanceof Ref || typeof value === 'number'
      ? `[${value instanceof Ref ? value.label : value}], 4`
      : `${quote(value as string | Uint8Array)}, ${optionBytes(value, name).length}`,
})

function optionBytes(value: unknown, where: string): Uint8Array {
  if (value instanceof Uint8Array) return value
  if (typeof value === 'string') return utf8.encode(value)
  const bytes = new Uint8Array(4)
  if (value instanceof Ref) return bytes
  if (typeof value !== 'number') {
    throw new InvalidInputError(`${where} must be a number, text or bytes, not ${describeValue(value)}`, {
      field: where,
    })
  }
  new DataView(bytes.buffer).setInt32(0, Number(checkInteger(value, 4, where)), true)
  return bytes
}

/** A message to send: the address of its msghdr, one word. */
export const outMessage = (name = 'msg'): Param => ({
  name,
  type: 'OutMessage',
  encode(value, to, call) {
    const where = `${call}.${name}`
    const message = checkMessage(value, where)
    const data = typeof message.data === 'string' ? utf8.encode(message.data) : message.data
    const at = MSGHDR.encode(
      {
        msg_iov: [{ iov_base: data }],
        ...(message.to === undefined ? {} : { msg_name: encodeAddress(message.to, `${where}.to`) }),
        ...(message.control === undefined ? {} : { msg_control: message.control }),
      },
      to,
      where,
    )
    if (message.rights?.length) attachRights(at, message.rights, to)
    to.pushData(at)
  },
  print: (value) => printMessage(value as OutMessage),
})

/** @throws InvalidInputError */
function checkMessage(value: unknown, where: string): OutMessage {
  if (typeof value !== 'object' || value === null || !('data' in value)) {
    throw new InvalidInputError(`${where} must be an object with data`, { field: where })
  }
  const { data, rights, control } = value as Record<keyof OutMessage, unknown>
  const refuse = (key: string, rule: string): never => {
    throw new InvalidInputError(`${where}.${key} must be ${rule}`, { field: `${where}.${key}` })
  }
  const isBytes = (part: unknown): boolean => part instanceof Uint8Array
  if (typeof data !== 'string' && !isBytes(data)) refuse('data', 'text or bytes')
  if (control !== undefined && !isBytes(control)) refuse('control', 'bytes, as encodeControl makes them')
  if (rights === undefined) return value as OutMessage
  if (control !== undefined) refuse('rights', 'left out where control is given: put encodeRights into it')
  if (!Array.isArray(rights)) return refuse('rights', 'a list of descriptors')
  Array.from(rights as unknown[]).forEach((fd, i) => {
    const isFd = fd instanceof Ref || (typeof fd === 'number' && Number.isInteger(fd) && fd >= 0 && fd < 2 ** 31)
    if (!isFd) refuse(`rights[${i}]`, `a descriptor, not ${describeValue(fd)}`)
  })
  return value as OutMessage
}

function attachRights(header: number, rights: readonly (number | Ref<Fd>)[], to: Encoder): void {
  const block = encodeRights(rights.map((fd) => (fd instanceof Ref ? -1 : fd)))
  const control = to.place(block)
  rights.forEach((fd, i) => {
    if (fd instanceof Ref) to.relocate(control + rightsOffset(i), to.wordOf(fd), 4)
  })
  to.relocate(header + MSGHDR.offset('msg_control'), { kind: 'data', value: control }, 8)
  to.relocate(header + MSGHDR.offset('msg_controllen'), { kind: 'immediate', value: block.length }, 8)
}

function printMessage(message: OutMessage): string {
  const data = typeof message.data === 'string' ? utf8.encode(message.data) : message.data
  const to = message.to === undefined ? 'NULL, msg_namelen=0' : printAddress(message.to)
  const rights = message.rights?.map(String).join(', ')
  const control =
    rights === undefined ? '' : `, msg_control=[{cmsg_level=SOL_SOCKET, cmsg_type=SCM_RIGHTS, cmsg_data=[${rights}]}]`
  return `{msg_name=${to}, msg_iov=[{iov_base=${quote(data)}, iov_len=${data.length}}], msg_iovlen=1${control}, msg_flags=0}`
}

/** Room for a message: the address of its msghdr, one word. */
export const inMessage = (name = 'msg'): Param => ({
  name,
  type: 'MessageRoom',
  encode(value, to, call): EncodedOut {
    const where = `${call}.${name}`
    const { size, rights = 0, control = rights ? rightsSpace(rights) : 0 } = room(value, where)
    const at = to.reserve(size)
    const nameAt = to.reserve(ADDRESS_ROOM)
    const controlAt = to.reserve(control)
    const iov = to.place(IOVEC.pack({ iov_len: size }))
    to.relocate(iov, { kind: 'reply', value: at }, 8)
    const header = pushShared(to, MSGHDR.pack({ msg_namelen: ADDRESS_ROOM, msg_iovlen: 1, msg_controllen: control }))
    to.relocate(header + MSGHDR.offset('msg_name'), { kind: 'reply', value: nameAt }, 8)
    to.relocate(header + MSGHDR.offset('msg_iov'), { kind: 'data', value: iov }, 8)
    if (control) to.relocate(header + MSGHDR.offset('msg_control'), { kind: 'reply', value: controlAt }, 8)
    return {
      at,
      decode({ result, reply, data }): InMessage {
        const { msg_namelen, msg_controllen, msg_flags } = MSGHDR.decode(data, header)
        const nameLength = Math.min(ADDRESS_ROOM, Number(msg_namelen))
        return {
          data: bytesBetween(reply, at, at + Math.min(size, Number(result))),
          control: bytesBetween(reply, controlAt, controlAt + Math.min(control, Number(msg_controllen))),
          ...(nameLength > 0 ? { from: decodeAddress(bytesBetween(reply, nameAt, nameAt + nameLength)) } : {}),
          flags: flagNames(MSG, Number(msg_flags) >>> 0) as MsgFlag[],
        }
      },
    }
  },
  print: (value) => `{msg_iov=[{iov_base=…, iov_len=${(value as MessageRoom).size}}], msg_iovlen=1}`,
})

function room(value: unknown, where: string): MessageRoom {
  const given = value as MessageRoom | null
  const isSize = (n: unknown): boolean => typeof n === 'number' && Number.isInteger(n) && n >= 0 && n <= 8 * 1024 * 1024
  if (
    typeof given === 'object' &&
    given !== null &&
    [given.size, given.rights ?? 0, given.control ?? 0].every(isSize)
  ) {
    return given
  }
  throw new InvalidInputError(`${where} must be an object with size, and rights or control, in bytes`, { field: where })
}
