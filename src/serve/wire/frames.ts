// After the hello both directions are frames: one byte of type, four bytes of length (big-endian), the payload.
//
//   client                                         server
//     | \0carrel/1 {"tty":true,"columns":80,…}\n      |
//     |---------------------------------------------->|  what the command for plain clients wrote so far may come first
//     |        \0carrel/1 {"connection":7}\n          |
//     |<----------------------------------------------|
//     |        credit(bytes)                          |
//     |<----------------------------------------------|  so many bytes of data may be sent
//     | data, resize, signal, eof                     |
//     |---------------------------------------------->|
//     |        stdout, stderr, credit                 |
//     |<----------------------------------------------|
//     |        exit {code, signal, outcome} or error  |
//     |<----------------------------------------------|  then the end of the stream
//
// Without credit a command that does not read would stop the frames behind its input too: signals and sizes.
import { InvalidInputError } from '../../base/errors.ts'

/** Most bytes of a frame of data; others are shorter. */
export const LARGEST_DATA = 64 * 1024

/** Bytes of data that a client may be ahead of the command. */
export const WINDOW_BYTES = 256 * 1024

interface FrameKind {
  readonly type: number
  readonly least: number
  readonly most: number
}

type FrameTable = Readonly<Record<string, FrameKind>>

/** What a client sends. */
export const CLIENT_FRAMES = {
  data: { type: 1, least: 1, most: LARGEST_DATA },
  /** Two 16-bit numbers: columns, rows */
  resize: { type: 2, least: 4, most: 4 },
  eof: { type: 3, least: 0, most: 0 },
  /** Kernel name of a signal for the command's process group */
  signal: { type: 4, least: 4, most: 16 },
} as const satisfies FrameTable

/** What a server sends. */
export const SERVER_FRAMES = {
  stdout: { type: 17, least: 1, most: LARGEST_DATA },
  stderr: { type: 18, least: 1, most: LARGEST_DATA },
  /** A 32-bit number: bytes of data that may be sent beyond those before */
  credit: { type: 19, least: 4, most: 4 },
  /** JSON: `Ending` */
  exit: { type: 20, least: 2, most: 1024 },
  /** Text: why there is, or goes on, no container */
  error: { type: 21, least: 1, most: 1024 },
} as const satisfies FrameTable

/** One frame as it came: its kind by name, its payload unread. */
export interface Frame<Kind extends string> {
  readonly kind: Kind
  readonly payload: Uint8Array
}

const HEADER_BYTES = 5

/** A frame as bytes. @throws InvalidInputError when the payload is not as long as its kind allows */
export function encodeFrame({ type, least, most }: FrameKind, payload: Uint8Array): Uint8Array {
  assertLength(payload.length, least, most)
  const bytes = new Uint8Array(HEADER_BYTES + payload.length)
  const view = new DataView(bytes.buffer)
  view.setUint8(0, type)
  view.setUint32(1, payload.length)
  bytes.set(payload, HEADER_BYTES)
  return bytes
}

/** Data as frames of at most `LARGEST_DATA` bytes. */
export function* encodeData(kind: FrameKind, data: Uint8Array): Generator<Uint8Array> {
  for (let at = 0; at < data.length; at += kind.most) yield encodeFrame(kind, data.subarray(at, at + kind.most))
}

/** Payload of `credit`. */
export function encodeCredit(bytes: number): Uint8Array {
  const payload = new Uint8Array(4)
  new DataView(payload.buffer).setUint32(0, bytes)
  return payload
}

export const decodeCredit = (payload: Uint8Array): number => viewOf(payload).getUint32(0)

/** Payload of `resize`. */
export function encodeSize({ columns, rows }: { readonly columns: number; readonly rows: number }): Uint8Array {
  const payload = new Uint8Array(4)
  const view = new DataView(payload.buffer)
  view.setUint16(0, columns)
  view.setUint16(2, rows)
  return payload
}

/** @throws InvalidInputError for a size of nothing */
export function decodeSize(payload: Uint8Array): { readonly columns: number; readonly rows: number } {
  const view = viewOf(payload)
  const size = { columns: view.getUint16(0), rows: view.getUint16(2) }
  if (size.columns > 0 && size.rows > 0) return size
  throw malformed(`a terminal of ${size.columns} x ${size.rows}`)
}

const viewOf = (bytes: Uint8Array): DataView => new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength)

/**
 * Cuts what comes from the other side into frames. What is kept of an incomplete one is bounded by the longest of the table; a type or a
 * length that is not in it is refused as soon as it is seen.
 */
export class FrameReader<Table extends FrameTable> {
  readonly #kinds: ReadonlyMap<number, readonly [keyof Table & string, FrameKind]>
  #rest: Uint8Array = new Uint8Array(0)

  constructor(table: Table) {
    this.#kinds = new Map(Object.entries(table).map(([name, kind]) => [kind.type, [name, kind]]))
  }

  /** The frames that are complete now. @throws InvalidInputError, and the reader is of no use afterwards */
  *push(chunk: Uint8Array): Generator<Frame<keyof Table & string>> {
    const bytes = this.#rest.length === 0 ? chunk : Buffer.concat([this.#rest, chunk])
    let at = 0
    while (bytes.length - at >= HEADER_BYTES) {
      const header = viewOf(bytes.subarray(at, at + HEADER_BYTES))
      const kind = this.#kindOf(header.getUint8(0), header.getUint32(1))
      const end = at + HEADER_BYTES + header.getUint32(1)
      if (bytes.length < end) break
      const payload = bytes.subarray(at + HEADER_BYTES, end)
      at = end
      yield { kind, payload }
    }
    // A copy: a small rest would keep the whole chunk that it came in.
    this.#rest = bytes.slice(at)
  }

  /** Whether the stream ended, or would end, inside of a frame. */
  get isInside(): boolean {
    return this.#rest.length > 0
  }

  #kindOf(type: number, length: number): keyof Table & string {
    const found = this.#kinds.get(type)
    if (!found) throw malformed(`type ${type}`)
    const [name, { least, most }] = found
    assertLength(length, least, most)
    return name
  }
}

function assertLength(length: number, least: number, most: number): void {
  if (length < least || length > most) throw malformed(`${length} bytes where ${least} to ${most} are wanted`)
}

/** What the other side sent cannot be meant. */
export const malformed = (what: string): InvalidInputError =>
  new InvalidInputError(`Frame has ${what}: the other side does not speak carrel/1`, { field: 'frame' })
