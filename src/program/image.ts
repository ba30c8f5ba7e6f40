import type { Arch } from '../linux/arch.ts'
import type { Encoder, Width, Word } from '../linux/encoder.ts'
import type { AnyRef } from '../linux/ref.ts'
import { InvalidInputError } from '../base/errors.ts'
import { FRAME, PROGRAM, RELOCATION, SEND, STEP } from '../protocol/layout.ts'
import { VALUES, WIDTHS } from '../protocol/wire.ts'
import { GrowingBuffer } from './buffer.ts'

const KINDS = {
  immediate: VALUES.IMMEDIATE,
  data: VALUES.DATA,
  reply: VALUES.REPLY,
  result: VALUES.RESULT,
  attached: VALUES.ATTACHED,
  load: VALUES.LOAD,
} as const

const WIDTH_NUMBERS = { 4: WIDTHS.WORD32, 8: WIDTHS.WORD64, text: WIDTHS.TEXT } as const

/** Most words of a step: the kernel's system calls take no more than six. */
const WORDS = 6

/** The bytes of a program while it is built; what an agent is sent. */
export class Image implements Encoder {
  readonly arch: Arch
  readonly #owner: object
  readonly #steps = new GrowingBuffer(4096)
  readonly #relocations = new GrowingBuffer(256)
  readonly #sends = new GrowingBuffer(32)
  readonly #data = new GrowingBuffer(4096)
  #reply = 0
  #returns = 0
  #step = -1
  #at = 0
  #kinds = 0
  #word = 0

  /** @param owner the program whose references are accepted */
  constructor(arch: Arch, owner: object) {
    this.arch = arch
    this.#owner = owner
  }

  /** Begins a step; its words follow by `push`. `tolerated` are errno numbers. */
  begin(number: number, tolerated: readonly number[]): void {
    this.#at = this.#steps.extend(STEP.size)
    this.#step++
    this.#word = 0
    this.#kinds = 0
    this.#steps.u32(this.#at + STEP.number, number)
    if (tolerated.length === 0) return
    const bits = [0, 0, 0, 0, 0, 0]
    for (const errno of tolerated) bits[errno >> 5] = (bits[errno >> 5] ?? 0) | (1 << (errno & 31))
    bits.forEach((word, i) => this.#steps.u32(this.#at + STEP.tolerated + 4 * i, word >>> 0))
  }

  push(word: Word): void {
    if (word.kind === 'immediate') return this.pushNumber(word.value)
    this.#put(KINDS[word.kind], word.value)
  }

  pushNumber(value: number | bigint): void {
    this.#put(VALUES.IMMEDIATE, value)
  }

  #put(kind: number, value: number | bigint): void {
    if (this.#word >= WORDS) {
      throw new InvalidInputError('A system call takes at most six arguments', { field: 'arguments' })
    }
    this.#steps.u64(this.#at + STEP.arguments + 8 * this.#word, value)
    if (kind !== VALUES.IMMEDIATE) {
      this.#kinds |= kind << (4 * this.#word)
      this.#steps.u32(this.#at + STEP.kinds, this.#kinds)
    }
    this.#word++
  }

  get replySize(): number {
    return this.#reply
  }

  place(bytes: Uint8Array): number {
    const at = this.#data.append(bytes)
    this.#data.extend(-bytes.length & 7)
    return at
  }

  share(bytes: Uint8Array): number {
    this.#returns = 1
    return this.place(bytes)
  }

  /** Bytes of data that come back with the reply */
  get returned(): number {
    return this.#returns ? this.#data.length : 0
  }

  reserve(size: number): number {
    const at = this.#reply
    this.#reply += (size + 7) & ~7
    return at
  }

  relocate(at: number, word: Word, width: Width): void {
    const row = this.#relocations.extend(RELOCATION.size)
    this.#relocations.u32(row + RELOCATION.step, this.#step)
    this.#relocations.u32(row + RELOCATION.at, at)
    this.#relocations.u16(row + RELOCATION.kind, KINDS[word.kind])
    this.#relocations.u16(row + RELOCATION.width, WIDTH_NUMBERS[width])
    this.#relocations.u32(row + RELOCATION.value, Number(word.value))
  }

  wordOf(ref: AnyRef): Word {
    if (ref.owner !== this.#owner) {
      throw new InvalidInputError(
        `Reference ${ref.label} belongs to another program: references live within one program`,
        {
          field: ref.label,
        },
      )
    }
    return ref.word
  }

  /** Has the descriptor that `word` yields go to Node with the reply. */
  send(word: Word): void {
    const row = this.#sends.extend(SEND.size)
    this.#sends.u32(row, KINDS[word.kind])
    this.#sends.u32(row + SEND.value, Number(word.value))
  }

  /** The payload of a RUN frame, with room for the frame's header in front (`FRAME.size` bytes). */
  finish(): Uint8Array {
    const parts = [this.#steps, this.#relocations, this.#sends, this.#data]
    const frame = new Uint8Array(FRAME.size + PROGRAM.size + parts.reduce((sum, part) => sum + part.length, 0))
    const view = new DataView(frame.buffer, FRAME.size)
    view.setUint32(PROGRAM.steps, this.#step + 1, true)
    view.setUint32(PROGRAM.relocations, this.#relocations.length / RELOCATION.size, true)
    view.setUint32(PROGRAM.sends, this.#sends.length / SEND.size, true)
    view.setUint32(PROGRAM.data, this.#data.length, true)
    view.setUint32(PROGRAM.reply, this.#reply, true)
    view.setUint32(PROGRAM.returns, this.#returns, true)
    let at = FRAME.size + PROGRAM.size
    for (const part of parts) {
      frame.set(part.bytes, at)
      at += part.length
    }
    return frame
  }
}
