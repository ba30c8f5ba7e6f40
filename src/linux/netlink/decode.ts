import { AgentError } from '../../base/errors.ts'
import { align } from './encode.ts'

/** Size of `struct nlmsghdr` */
export const HEADER = 16
const ATTRIBUTE = 4
/** Without NLA_F_NESTED and NLA_F_NET_BYTEORDER */
const TYPE_MASK = 0x3fff

/** A message that came. */
export interface NetlinkMessage {
  readonly type: number
  readonly flags: number
  readonly sequence: number
  /** Whose question it answers; 0 for an event */
  readonly port: number
  /** What follows the header */
  readonly body: Uint8Array
}

/** Attributes by type. */
export type Attributes = ReadonlyMap<number, Uint8Array>

const viewOf = (bytes: Uint8Array): DataView => new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength)

/** The messages of one datagram. @throws AgentError for what is none */
export function decodeMessages(bytes: Uint8Array): readonly NetlinkMessage[] {
  const view = viewOf(bytes)
  const messages: NetlinkMessage[] = []
  for (let at = 0; at < bytes.length;) {
    const size = at + HEADER <= bytes.length ? view.getUint32(at, true) : 0
    if (size < HEADER || at + size > bytes.length) throw malformed(`a message of ${size} bytes`, bytes.length - at)
    messages.push({
      type: view.getUint16(at + 4, true),
      flags: view.getUint16(at + 6, true),
      sequence: view.getUint32(at + 8, true),
      port: view.getUint32(at + 12, true),
      body: bytes.subarray(at + HEADER, at + size),
    })
    at += align(size)
  }
  return messages
}

/** The attributes behind the first `from` bytes. The last of a type counts, as in the kernel. @throws AgentError */
export function decodeAttributes(bytes: Uint8Array, from = 0): Attributes {
  return new Map(listAttributes(bytes, from))
}

/** The same in order, with repetitions. @throws AgentError */
export function listAttributes(bytes: Uint8Array, from = 0): readonly (readonly [number, Uint8Array])[] {
  const view = viewOf(bytes)
  const attributes: [number, Uint8Array][] = []
  for (let at = align(from); at + ATTRIBUTE <= bytes.length;) {
    const size = view.getUint16(at, true)
    if (size < ATTRIBUTE || at + size > bytes.length)
      throw malformed(`an attribute of ${size} bytes`, bytes.length - at)
    attributes.push([view.getUint16(at + 2, true) & TYPE_MASK, bytes.subarray(at + ATTRIBUTE, at + size)])
    at += align(size)
  }
  return attributes
}

/** The struct that a message of a family begins with. @throws AgentError for one that is shorter */
export function headOf(body: Uint8Array, size: number): DataView {
  if (body.length < size) throw malformed(`a struct of ${size} bytes`, body.length)
  return viewOf(body)
}

const malformed = (what: string, room: number): AgentError =>
  new AgentError(`rtnetlink(7) answered with ${what} where ${Math.max(0, room)} are left`)

/** A number; undefined when the attribute is not there, or has another size. */
export const u8Of = (bytes: Uint8Array | undefined): number | undefined => (bytes?.length === 1 ? bytes[0] : undefined)
export const u16Of = (bytes: Uint8Array | undefined): number | undefined =>
  bytes?.length === 2 ? viewOf(bytes).getUint16(0, true) : undefined
export const be16Of = (bytes: Uint8Array | undefined): number | undefined =>
  bytes?.length === 2 ? viewOf(bytes).getUint16(0, false) : undefined
export const u32Of = (bytes: Uint8Array | undefined): number | undefined =>
  bytes?.length === 4 ? viewOf(bytes).getUint32(0, true) : undefined
export const i32Of = (bytes: Uint8Array | undefined): number | undefined =>
  bytes?.length === 4 ? viewOf(bytes).getInt32(0, true) : undefined

/** Text without its NUL. */
export function textOf(bytes: Uint8Array | undefined): string | undefined {
  if (bytes === undefined) return undefined
  const end = bytes.indexOf(0)
  return new TextDecoder().decode(end < 0 ? bytes : bytes.subarray(0, end))
}

/** An object without the properties that are undefined. */
export function defined<T extends object>(value: T): { [K in keyof T]: Exclude<T[K], undefined> } {
  const entries = Object.entries(value).filter(([, each]) => each !== undefined)
  return Object.fromEntries(entries) as { [K in keyof T]: Exclude<T[K], undefined> }
}

/** The word of a number, or the number as text. */
export const wordOf = (words: Readonly<Record<string, number>>, value: number): string =>
  Object.keys(words).find((word) => words[word] === value) ?? String(value)
