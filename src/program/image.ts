import type { Arch } from '../linux/arch.ts'
import type { Encoder, Width, Word } from '../linux/encoder.ts'
import type { AnyRef } from '../linux/ref.ts'
import { InvalidInputError } from '../base/errors.ts'
import { FRAME, PROGRAM, RELOCATION, SEND, STEP } from '../protocol/layout.ts'
import { VALUES, WIDTHS } from '../protocol/wire.ts'

const KINDS = {
  data: VALUES.DATA,
  reply: VALUES.REPLY,
  result: VALUES.RESULT,
  attached: VALUES.ATTACHED,
  load: VALUES.LOAD,
  immediate: VALUES.IMMEDIATE,
} as const

const WIDTH_NUMBERS = { 4: WIDTHS.WORD32, 8: WIDTHS.WORD64, text: WIDTHS.TEXT } as const

/** Most words of a step: the kernel's system calls take no more than six. */
const WORDS = 6

/** Places in a step, in numbers of 32 bits. Both architectures are little-endian, as the wire is. */
const STEP_SIZE = STEP.size / 4
const STEP_KINDS = STEP.kinds / 4
const STEP_ARGUMENTS = STEP.arguments / 4
const STEP_TOLERATED = STEP.tolerated / 4

const FIRST_STEPS = 64
const FIRST_BYTES = 4096

const utf8 = new TextEncoder()

/** Nobody can change it, nor what it holds: names, numbers, and frozen lists of them. */
const isConstant = (value: unknown): boolean =>
  Object.isFrozen(value) &&
  Object.values(value as object).every((each) => typeof each !== 'object' || isConstantList(each))

const isConstantList = (value: unknown): boolean =>
  Array.isArray(value) && Object.isFrozen(value) && value.every((each) => typeof each !== 'object')

/**
 * The bytes of a program while it is built; what an agent is sent. An engine that starts for one command interprets all of this, and
 * calls of functions are what costs it most: numbers are written where they belong, at once.
 */
export class Image implements Encoder {
  readonly arch: Arch
  readonly #owner: object
  #steps = new Uint32Array(FIRST_STEPS * STEP_SIZE)
  readonly #relocations: number[] = []
  readonly #sends: number[] = []
  #data = new Uint8Array(FIRST_BYTES)
  /** Bytes of the data that are used, a multiple of 8; those behind are zero */
  #length = 0
  #reply = 0
  #returns = 0
  /** Where the last step begins in `#steps`, where its next argument goes, and where no further one does */
  #step = -STEP_SIZE
  #argument = 0
  #limit = 0
  #kept: Map<unknown, { readonly kind: object; readonly at: number }> | undefined

  /** @param owner the program whose references are accepted */
  constructor(arch: Arch, owner: object) {
    this.arch = arch
    this.#owner = owner
  }

  /** Begins a step; its words follow by `push`. */
  begin(number: number): void {
    const at = (this.#step += STEP_SIZE)
    if (at === this.#steps.length) this.#steps = doubled(this.#steps)
    this.#steps[at] = number
    this.#argument = at + STEP_ARGUMENTS
    this.#limit = at + STEP_ARGUMENTS + 2 * WORDS
  }

  /** Errors by their numbers that do not stop the program in this step. */
  tolerate(errors: readonly number[]): void {
    for (const errno of errors) this.#steps[this.#step + STEP_TOLERATED + (errno >> 5)]! |= 1 << (errno & 31)
  }

  push(word: Word): void {
    const at = this.#argument
    this.pushNumber(word.value)
    if (word.kind === 'immediate') return
    const step = this.#step
    // Four bits for each argument, which has two numbers.
    this.#steps[step + STEP_KINDS]! |= KINDS[word.kind] << (2 * (at - step - STEP_ARGUMENTS))
  }

  pushNumber(value: number | bigint): void {
    const at = this.#argument
    if (at >= this.#limit) tooMany()
    this.#argument = at + 2
    if (typeof value === 'bigint') {
      const bits = BigInt.asUintN(64, value)
      this.#steps[at] = Number(bits & 0xffff_ffffn)
      this.#steps[at + 1] = Number(bits >> 32n)
    } else {
      this.#steps[at] = value
      if (value < 0 || value > 0xffff_ffff) this.#steps[at + 1] = Math.floor(value / 0x1_0000_0000)
    }
  }

  pushData(offset: number): void {
    const at = this.#argument
    if (at >= this.#limit) tooMany()
    this.#argument = at + 2
    const steps = this.#steps
    const step = this.#step
    steps[at] = offset
    steps[step + STEP_KINDS]! |= VALUES.DATA << (2 * (at - step - STEP_ARGUMENTS))
  }

  kept(value: unknown, kind: object): number | undefined {
    const found = this.#kept?.get(value)
    return found?.kind === kind ? found.at : undefined
  }

  keep(value: unknown, kind: object, at: number): void {
    if (isConstant(value)) (this.#kept ??= new Map()).set(value, { kind, at })
  }

  get replySize(): number {
    return this.#reply
  }

  place(bytes: Uint8Array): number {
    const at = this.#length
    const end = at + bytes.length
    if (end > this.#data.length) this.#makeRoom(end)
    this.#data.set(bytes, at)
    this.#length = (end + 7) & ~7
    return at
  }

  placeText(text: string): number {
    const at = this.#length
    // UTF-8 has at most three bytes for each unit of a string.
    const most = at + 3 * text.length + 1
    if (most > this.#data.length) this.#makeRoom(most)
    const { written } = utf8.encodeInto(text, this.#data.subarray(at))
    this.#length = (at + written + 8) & ~7
    return at
  }

  #makeRoom(end: number): void {
    const larger = new Uint8Array(Math.max(2 * this.#data.length, (end + 7) & ~7))
    larger.set(this.#data)
    this.#data = larger
  }

  share(bytes: Uint8Array): number {
    this.#returns = 1
    return this.place(bytes)
  }

  /** Bytes of data that come back with the reply */
  get returned(): number {
    return this.#returns ? this.#length : 0
  }

  reserve(size: number): number {
    const at = this.#reply
    this.#reply += (size + 7) & ~7
    return at
  }

  relocate(at: number, word: Word, width: Width): void {
    // In the order of the wire, where kind and width have 16 bits each.
    const kindAndWidth = KINDS[word.kind] | (WIDTH_NUMBERS[width] << 16)
    this.#relocations.push(this.#step / STEP_SIZE, at, kindAndWidth, Number(word.value))
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
    this.#sends.push(KINDS[word.kind], Number(word.value))
  }

  /** The payload of a RUN frame, with room for the frame's header in front (`FRAME.size` bytes). */
  finish(): Uint8Array {
    const steps = this.#steps.subarray(0, this.#step + STEP_SIZE)
    const parts = [steps, new Uint32Array(this.#relocations), new Uint32Array(this.#sends)]
    const head = (FRAME.size + PROGRAM.size) / 4
    const data = parts.reduce((sum, part) => sum + part.length, head)
    const frame = new Uint8Array(4 * data + this.#length)
    const numbers = new Uint32Array(frame.buffer)
    const set = (field: number, value: number): void => {
      numbers[(FRAME.size + field) / 4] = value
    }
    set(PROGRAM.steps, steps.length / STEP_SIZE)
    set(PROGRAM.relocations, (4 * this.#relocations.length) / RELOCATION.size)
    set(PROGRAM.sends, (4 * this.#sends.length) / SEND.size)
    set(PROGRAM.data, this.#length)
    set(PROGRAM.reply, this.#reply)
    set(PROGRAM.returns, this.#returns)
    let at = head
    for (const part of parts) {
      numbers.set(part, at)
      at += part.length
    }
    frame.set(this.#data.subarray(0, this.#length), 4 * at)
    return frame
  }
}

function tooMany(): never {
  throw new InvalidInputError('A system call takes at most six arguments', { field: 'arguments' })
}

function doubled(numbers: Uint32Array): Uint32Array<ArrayBuffer> {
  const larger = new Uint32Array(2 * numbers.length)
  larger.set(numbers)
  return larger
}
