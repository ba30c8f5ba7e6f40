import { AgentError } from '../base/errors.ts'
import { FAULT, FRAME, HELLO } from './layout.ts'
import { protocolHash } from './hash.ts'
import { FAULTS, FRAMES, GENERATION, LIMITS } from './wire.ts'

/** A frame as it came from an agent. */
export interface Frame {
  readonly id: number
  readonly type: number
  readonly payload: Uint8Array
  readonly descriptors: readonly number[]
  /** Position among the frames of its connection */
  readonly sequence: number
}

/** Writes the header of a frame whose payload already stands behind it. */
export function stampHeader(frame: Uint8Array, id: number, type: number, descriptors: number): void {
  const view = new DataView(frame.buffer, frame.byteOffset)
  view.setUint32(FRAME.length, frame.length - FRAME.size, true)
  view.setUint32(FRAME.id, id, true)
  view.setUint16(FRAME.type, type, true)
  view.setUint16(FRAME.descriptors, descriptors, true)
}

/** A frame with this payload; the header's id, type and descriptor count are stamped when it is sent. */
export function frameOf(payload: Uint8Array): Uint8Array {
  const frame = new Uint8Array(FRAME.size + payload.length)
  frame.set(payload, FRAME.size)
  return frame
}

export function helloFrame(): Uint8Array {
  const payload = new Uint8Array(HELLO.size)
  const view = new DataView(payload.buffer)
  view.setUint32(HELLO.generation, GENERATION, true)
  view.setBigUint64(HELLO.hash, protocolHash(), true)
  return frameOf(payload)
}

/** Puts the frames of one connection together again; trusts nothing that the other side says about lengths. */
export class FrameReader {
  #rest: Uint8Array = new Uint8Array(0)
  #parts: Uint8Array[] = []
  #have = 0
  readonly #descriptors: number[] = []
  #sequence = 0

  /**
   * Adds what one read brought and returns the frames that are now whole.
   * @throws AgentError when the stream cannot be one of an agent
   */
  push(bytes: Uint8Array, descriptors: readonly number[]): Frame[] {
    this.#descriptors.push(...descriptors)
    this.#parts.push(bytes)
    this.#have += bytes.length
    const frames: Frame[] = []
    while (this.#have >= FRAME.size) {
      const header = this.#header()
      if (this.#have < header.length) break
      frames.push(this.#take(header))
    }
    return frames
  }

  #header(): { length: number; id: number; type: number; descriptors: number } {
    this.#join(FRAME.size)
    const view = new DataView(this.#rest.buffer, this.#rest.byteOffset)
    const length = view.getUint32(FRAME.length, true)
    if (length > LIMITS.FRAME)
      throw new AgentError(`Agent announced a frame of ${length} bytes, the limit is ${LIMITS.FRAME}`)
    return {
      length: FRAME.size + length,
      id: view.getUint32(FRAME.id, true),
      type: view.getUint16(FRAME.type, true),
      descriptors: view.getUint16(FRAME.descriptors, true),
    }
  }

  #take(header: { length: number; id: number; type: number; descriptors: number }): Frame {
    this.#join(header.length)
    if (header.descriptors > this.#descriptors.length) {
      throw new AgentError(`Agent announced ${header.descriptors} descriptors and sent ${this.#descriptors.length}`)
    }
    const payload = this.#rest.subarray(FRAME.size, header.length)
    this.#rest = this.#rest.subarray(header.length)
    this.#parts = this.#rest.length ? [this.#rest] : []
    this.#have = this.#rest.length
    return {
      id: header.id,
      type: header.type,
      payload,
      descriptors: this.#descriptors.splice(0, header.descriptors),
      sequence: this.#sequence++,
    }
  }

  /** Makes the first `length` bytes contiguous; joins only when they are not, so that a large frame is copied once. */
  #join(length: number): void {
    const [first] = this.#parts
    if (first && first.length >= length) {
      this.#rest = first
      if (this.#parts.length > 1) this.#joinAll()
      return
    }
    this.#joinAll()
  }

  #joinAll(): void {
    const all = new Uint8Array(this.#have)
    let at = 0
    for (const part of this.#parts) {
      all.set(part, at)
      at += part.length
    }
    this.#parts = [all]
    this.#rest = all
  }

  /** Descriptors that came but belong to no frame; the caller closes them. */
  leftOver(): readonly number[] {
    return this.#descriptors
  }
}

const FAULT_NAMES = new Map<number, string>(Object.entries(FAULTS).map(([name, code]) => [code, name]))

/** The error that a FAULT frame stands for. */
export function faultError(payload: Uint8Array): AgentError {
  if (payload.length < FAULT.size) return new AgentError('Agent refused a frame and did not say why')
  const view = new DataView(payload.buffer, payload.byteOffset)
  const code = view.getUint32(FAULT.code, true)
  const value = view.getBigUint64(FAULT.value, true)
  return new AgentError(`Agent refused a frame and ended: ${FAULT_NAMES.get(code) ?? `fault ${code}`} (${value})`)
}

/** @throws AgentError when the agent speaks another generation or was built from other tables */
export function checkHello(payload: Uint8Array): { pid: number } {
  if (payload.length < HELLO.size) throw new AgentError('Agent sent a short HELLO')
  const view = new DataView(payload.buffer, payload.byteOffset)
  const generation = view.getUint32(HELLO.generation, true)
  if (generation !== GENERATION || view.getBigUint64(HELLO.hash, true) !== protocolHash()) {
    throw new AgentError(
      `Agent speaks protocol generation ${generation} or other tables, wanted ${GENERATION}: rebuild with npm run build`,
    )
  }
  return { pid: view.getInt32(HELLO.pid, true) }
}

/** True for frame types that are answers to an order. */
export const isAnswer = (type: number): boolean => type === FRAMES.REPLY || type === FRAMES.ANSWER_HELLO
