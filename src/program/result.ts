import { AgentError, InvalidInputError, StateError, SyscallError, type SyscallFailure } from '../base/errors.ts'
import type { Word } from '../linux/encoder.ts'
import { errnoName } from '../linux/errno.ts'
import type { Ref } from '../linux/ref.ts'
import { REPLY } from '../protocol/layout.ts'
import { LIMITS } from '../protocol/wire.ts'
import type { ProgramBuilder } from './builder.ts'

/** Stands where the name of an error would, when the filter of the process forbids the call (no error of the kernel's). */
export const FILTERED = 'FILTERED'

/** What running a program gave: read it with the references that building it gave. */
export class ProgramResult {
  readonly #program: ProgramBuilder
  readonly #view: DataView
  readonly #count: number
  readonly #reply: Uint8Array
  readonly #data: Uint8Array
  /** Descriptors that the program sent, in order; they belong to whoever holds this result */
  readonly descriptors: readonly number[]
  /** Position of the reply among the frames of its connection */
  readonly sequence: number
  /** The step that stopped the program, or undefined */
  readonly failure: SyscallFailure | undefined

  /** @throws AgentError when the payload does not fit the program */
  constructor(program: ProgramBuilder, payload: Uint8Array, descriptors: readonly number[], sequence = 0) {
    this.#program = program
    this.sequence = sequence
    this.descriptors = descriptors
    if (payload.length < REPLY.size) throw new AgentError('Agent sent a short REPLY')
    const header = new DataView(payload.buffer, payload.byteOffset, payload.length)
    this.#count = header.getUint32(REPLY.results, true)
    const error = header.getInt32(REPLY.error, true)
    const replySize = header.getUint32(REPLY.reply, true)
    const dataSize = header.getUint32(REPLY.data, true)
    const steps = program.length
    if (
      REPLY.size + 8 * this.#count + replySize + dataSize !== payload.length ||
      (this.#count > 0 && (replySize !== program.replySize || dataSize !== program.returnedSize)) ||
      this.#count > steps ||
      (error === 0 && this.#count !== steps)
    ) {
      throw new AgentError('Agent sent a REPLY that does not fit its program')
    }
    this.#view = new DataView(payload.buffer, payload.byteOffset + REPLY.size, 8 * this.#count)
    const rest = payload.subarray(REPLY.size + 8 * this.#count)
    this.#reply = rest.subarray(0, replySize)
    this.#data = rest.subarray(replySize)
    this.failure = error === 0 ? undefined : this.#describe(this.#count - 1, error)
    if (dataSize > 0) this.#settle()
  }

  /**
   * The value of a reference: a number, or what the kernel wrote for it. A step that failed tolerably has its negative errno.
   * @throws StateError when the program stopped before that step
   */
  get<T>(ref: Ref<T>): T {
    if (ref.owner !== this.#program) {
      throw new InvalidInputError(`Reference ${ref.label} belongs to another program than the one that was run`, {
        field: ref.label,
      })
    }
    if (ref.word.kind === 'load') return this.#load(ref.word.value) as T
    return this.value(Number(ref.word.value)) as T
  }

  /** Whether the program got as far as the step that a reference stands for. */
  reached(ref: Ref<unknown> | Ref<number>): boolean {
    return ref.word.kind !== 'result' || Number(ref.word.value) < this.#count
  }

  /** How many steps were carried out */
  get count(): number {
    return this.#count
  }

  /** What step number `index` gave its caller. */
  value(index: number): unknown {
    const step = this.#program.step(index)
    const result = this.result(index)
    if (step?.kind === 'out' && result >= 0) return step.decode({ result, reply: this.#reply, data: this.#data })
    return result
  }

  /**
   * The kernel's return value of step number `index`: >= 0, or -errno.
   * @throws StateError when the program stopped before it
   */
  result(index: number): number | bigint {
    if (!(index >= 0 && index < this.#count)) {
      throw new StateError(`Step ${index} was not carried out`, {
        state: `${this.#count} of ${this.#program.length} steps`,
        wanted: `step ${index}`,
      })
    }
    const value = this.#view.getBigInt64(8 * index, true)
    const number = Number(value)
    return Number.isSafeInteger(number) ? number : value
  }

  /** Numbers that the kernel wrote at these offsets of the reply, by name. */
  loads(offsets: Readonly<Record<string, number>>): Record<string, number> {
    return Object.fromEntries(Object.entries(offsets).map(([name, at]) => [name, this.#load(at)]))
  }

  /** Whether a step met an error that it tolerates; its name is `errno`, which needs the table of all errors. */
  failed(index: number): boolean {
    return this.result(index) < 0
  }

  /** Name of the error that a tolerated step met, or undefined. */
  errno(index: number): string | undefined {
    const result = this.result(index)
    return result < 0 && result > -4096 ? errnoName(-Number(result)) : undefined
  }

  /** Descriptors that the steps made and did not close, in the process's numbers; for undoing a failed program. */
  leftOpen(): number[] {
    const open = new Set<string>()
    const words = new Map<string, Word>()
    const key = (word: Word) => `${word.kind}${word.value}`
    for (let index = 0; index < this.#count; index++) {
      const step = this.#program.step(index)
      if (!step || this.result(index) < 0) continue
      for (const word of step.opens) {
        open.add(key(word))
        words.set(key(word), word)
      }
      if (step.closes) open.delete(key(step.closes))
    }
    // The agent itself closes what a failed program was to send: the number may be another descriptor's by now.
    for (const { word } of this.#program.sent) open.delete(key(word))
    return [...open].map((name) => this.#wordValue(words.get(name) as Word))
  }

  #wordValue(word: Word): number {
    return word.kind === 'load' ? this.#load(word.value) : Number(this.result(Number(word.value)))
  }

  #load(at: number): number {
    return new DataView(this.#reply.buffer, this.#reply.byteOffset, this.#reply.length).getInt32(at, true)
  }

  /** Memory of the caller's that the kernel wrote into gets what it left, whether the program went through or not. */
  #settle(): void {
    const outcome = { result: 0, reply: this.#reply, data: this.#data }
    for (const step of this.#program.steps) for (const out of step.outs) out.settle?.(outcome)
  }

  #describe(index: number, error: number): SyscallFailure {
    const steps = this.#program.length
    if (index < 0)
      return { call: 'recvmsg', args: 'descriptors of the program', errno: errnoName(error), step: 0, steps }
    const step = this.#program.step(index)
    if (!step) throw new AgentError('Agent reported the failure of a step that the program does not have')
    return {
      call: step.name,
      args: step.printArgs(),
      errno: error === LIMITS.FILTERED ? FILTERED : errnoName(error),
      step: index,
      steps,
      ...(step.feature === undefined ? {} : { feature: step.feature }),
      ...(step.because === undefined ? {} : { because: step.because }),
    }
  }
}

/**
 * The result of a program that went through.
 * @throws SyscallError for its failure, StateError when the filter of the process forbade a step
 */
export function succeeded(result: ProgramResult): ProgramResult {
  const { failure } = result
  if (!failure) return result
  if (failure.errno !== FILTERED) throw new SyscallError(failure)
  const why = `The filter of this process forbids ${failure.call}(${failure.args}): a filter is for good, fork from a process without it`
  throw new StateError(why, { state: FILTERED, wanted: failure.call })
}
