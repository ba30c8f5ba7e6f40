import { InvalidInputError } from '../base/errors.ts'
import { bytesBetween } from './bytes-between.ts'
import { quote } from './c-string.ts'
import type { EncodedOut } from './call.ts'
import type { Encoder } from './encoder.ts'
import { describeValue } from './show-value.ts'

/** A part of memory: bytes, text as UTF-8 without a NUL, a number of zero bytes, or other memory: its address (8 bytes). */
export type MemoryPart = Uint8Array | string | number | Memory

interface Placed {
  readonly memory: Memory
  readonly at: number
}

/** Where memory was placed in a program, and what it held then. */
interface Home {
  readonly at: number
  readonly bytes: Uint8Array
}

/** Memory is one thing within one program, whichever steps and arguments point at it: a later step finds what an earlier one left. */
const homes = new WeakMap<Encoder, Map<Memory, Home>>()

function homesIn(to: Encoder): Map<Memory, Home> {
  const known = homes.get(to) ?? new Map<Memory, Home>()
  homes.set(to, known)
  return known
}

/** Largest size: what a frame can carry. */
const MOST = 8 * 1024 * 1024
const POINTER = 8
const utf8 = new TextEncoder()

/**
 * Memory that an argument points at, for structs that have no type here. The kernel may write to it: `bytes` and `parts` are then
 * what it left, in the same shape. No address is ever among them: a pointer's bytes are zero. Steps of one program that name it share
 * it; programs that run at the same time each have a copy, and the last answer stays: give each its own.
 */
export class Memory {
  readonly #parts: readonly (Uint8Array | Memory)[]
  #bytes: Uint8Array

  /** @throws InvalidInputError naming the part */
  constructor(parts: readonly MemoryPart[]) {
    if (!Array.isArray(parts)) {
      throw new InvalidInputError(`memory takes a list of parts, not ${describeValue(parts)}`, { field: 'memory' })
    }
    this.#parts = Array.from(parts as readonly MemoryPart[], checkPart)
    const size = this.#parts.reduce((sum, part) => sum + sizeOf(part), 0)
    if (size > MOST) {
      throw new InvalidInputError(`memory has at most ${MOST} bytes, not ${size}`, { field: 'memory' })
    }
    this.#bytes = new Uint8Array(size)
    this.#each((part, at) => {
      if (part instanceof Uint8Array) this.#bytes.set(part, at)
    })
  }

  /** All of it, one part after the other: as given, or as the kernel left it */
  get bytes(): Uint8Array {
    return this.#bytes
  }

  /** The same, part by part; memory that is pointed at is itself a part */
  get parts(): readonly (Uint8Array | Memory)[] {
    const parts: (Uint8Array | Memory)[] = []
    this.#each((part, at) => {
      parts.push(part instanceof Memory ? part : this.#bytes.subarray(at, at + part.length))
    })
    return parts
  }

  #each(visit: (part: Uint8Array | Memory, at: number) => void): void {
    let at = 0
    for (const part of this.#parts) {
      visit(part, at)
      at += sizeOf(part)
    }
  }

  /** Pushes its address as the next argument. What it starts with is what it holds now. */
  encode(to: Encoder): EncodedOut {
    const out = this.point(to)
    to.pushData(out.at)
    return out
  }

  /** Places it for a pointer inside of something else, which is to point at `at` of the data. */
  point(to: Encoder): EncodedOut {
    const placed: Placed[] = []
    const at = this.#place(to, placed)
    return {
      at,
      decode: () => undefined,
      settle: ({ data }) => placed.forEach((each) => each.memory.#settle(data, each.at)),
    }
  }

  #place(to: Encoder, placed: Placed[]): number {
    const known = placed.find(({ memory }) => memory === this)
    if (known) return known.at
    const at = this.#homeIn(to)
    placed.push({ memory: this, at })
    // Relocated again for each step: the one before may be skipped.
    this.#each((part, offset) => {
      if (part instanceof Memory) to.relocate(at + offset, { kind: 'data', value: part.#place(to, placed) }, POINTER)
    })
    return at
  }

  #homeIn(to: Encoder): number {
    const known = homesIn(to)
    const home = known.get(this)
    if (home?.bytes === this.#bytes) return home.at
    const at = to.share(this.#bytes)
    known.set(this, { at, bytes: this.#bytes })
    return at
  }

  #settle(data: Uint8Array, at: number): void {
    if (data.length < at + this.#bytes.length) return
    const bytes = bytesBetween(data, at, at + this.#bytes.length)
    this.#each((part, offset) => {
      if (part instanceof Memory) bytes.fill(0, offset, offset + POINTER)
    })
    this.#bytes = bytes
  }

  /** As a listing shows it: `{"lo", 14 x 0, &{"x"}}` has three parts */
  toString(): string {
    return `{${this.parts.map(printPart).join(', ')}}`
  }
}

const sizeOf = (part: Uint8Array | Memory): number => (part instanceof Memory ? POINTER : part.length)

function checkPart(part: MemoryPart, index: number): Uint8Array | Memory {
  if (part instanceof Memory) return part
  if (part instanceof Uint8Array) return Uint8Array.from(part)
  if (typeof part === 'string') return utf8.encode(part)
  if (Number.isInteger(part) && part >= 0 && part <= MOST) return new Uint8Array(part)
  const rule = `bytes, text, other memory, or a number of zero bytes from 0 to ${MOST}`
  throw new InvalidInputError(`memory[${index}] must be ${rule}, not ${describeValue(part)}`, {
    field: `memory[${index}]`,
  })
}

function printPart(part: Uint8Array | Memory): string {
  if (part instanceof Memory) return `&${part.toString()}`
  return part.length > 0 && part.every((byte) => byte === 0) ? `${part.length} x 0` : quote(part, SHOWN)
}

/** Bytes of a part that a listing shows */
const SHOWN = 64

/**
 * Memory for an argument without a type: `ioctl(fd, 'SIOCGIFINDEX', memory(['lo', 14, 24]))`. It goes wherever a raw argument goes.
 * @throws InvalidInputError for a part that is neither bytes, text, memory nor a size
 */
export const memory = (parts: readonly MemoryPart[]): Memory => new Memory(parts)
