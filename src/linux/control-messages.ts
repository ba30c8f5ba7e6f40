import { bytesBetween } from './bytes-between.ts'
import { CMSGHDR } from './structs/sockets.ts'
import { SCM, SOL } from './tables/sockets.ts'

/** One control message: its level and type, and its data. */
export interface ControlMessage {
  readonly level: number
  readonly type: number
  readonly data: Uint8Array
}

const HEADER = 16
const align = (size: number): number => (size + 7) & ~7

/** Control messages as sendmsg(2) takes them (cmsg(3)). */
export function encodeControl(messages: readonly ControlMessage[]): Uint8Array {
  const bytes = new Uint8Array(messages.reduce((sum, { data }) => sum + HEADER + align(data.length), 0))
  let at = 0
  for (const { level, type, data } of messages) {
    bytes.set(CMSGHDR.pack({ cmsg_len: HEADER + data.length, cmsg_level: level, cmsg_type: type }), at)
    bytes.set(data, at + HEADER)
    at += HEADER + align(data.length)
  }
  return bytes
}

/** Control messages in what recvmsg(2) wrote; a message that does not fit ends the list. */
export function decodeControl(bytes: Uint8Array): ControlMessage[] {
  const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength)
  const messages: ControlMessage[] = []
  for (let at = 0; at + HEADER <= bytes.length;) {
    const length = Number(view.getBigUint64(at, true))
    if (length < HEADER || at + length > bytes.length) break
    const data = bytesBetween(bytes, at + HEADER, at + length)
    messages.push({ level: view.getInt32(at + 8, true), type: view.getInt32(at + 12, true), data })
    at += align(length)
  }
  return messages
}

/** Room for the control message that carries `count` descriptors. */
export const rightsSpace = (count: number): number => HEADER + align(4 * count)

/** The offset of the n-th descriptor in a control buffer whose first message carries descriptors. */
export const rightsOffset = (index: number): number => HEADER + 4 * index

/** The control message that carries descriptors (SCM_RIGHTS). */
export function encodeRights(descriptors: readonly number[]): Uint8Array {
  const data = new Uint8Array(4 * descriptors.length)
  const view = new DataView(data.buffer)
  descriptors.forEach((fd, i) => view.setInt32(4 * i, fd, true))
  return encodeControl([{ level: SOL.values.SOL_SOCKET, type: SCM.values.SCM_RIGHTS, data }])
}

/** The descriptors that control messages carry. */
export function decodeRights(bytes: Uint8Array): number[] {
  return decodeControl(bytes)
    .filter(({ level, type }) => level === SOL.values.SOL_SOCKET && type === SCM.values.SCM_RIGHTS)
    .flatMap(({ data }) => {
      const view = new DataView(data.buffer, data.byteOffset, data.byteLength)
      return Array.from({ length: data.length >> 2 }, (_, i) => view.getInt32(4 * i, true))
    })
}
