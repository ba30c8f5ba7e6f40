import { type Call, decodeOuts, type EncodedOut } from '../linux/call.ts'
import type { Outcome, Word } from '../linux/encoder.ts'
import { Ref } from '../linux/ref.ts'
import type { Reason, Step } from './step.ts'

/** What a builder keeps of a step: a list, which is made in a fraction of the time that an object with names takes. */
export type StepRecord = readonly [
  call: Call,
  args: readonly unknown[],
  reason: Reason,
  tolerated: readonly string[],
  outs: readonly EncodedOut[],
  also: readonly string[] | undefined,
]

/** A step as listings, failures and results look at it: everything is worked out when it is asked for. */
export class RecordedStep implements Step {
  readonly feature: string | undefined
  readonly because: string | undefined
  readonly tolerated: readonly string[]
  readonly outs: readonly EncodedOut[]
  readonly also: readonly string[] | undefined
  readonly #call: Call
  readonly #args: readonly unknown[]
  readonly #index: number

  constructor([call, args, reason, tolerated, outs, also]: StepRecord, index: number) {
    this.#call = call
    this.#args = args
    this.feature = reason.feature
    this.because = reason.because
    this.tolerated = tolerated
    this.outs = outs
    this.also = also
    this.#index = index
  }

  get name(): string {
    return this.#call.name
  }

  get kind(): Step['kind'] {
    return this.#call.result.kind
  }

  get label(): string | undefined {
    return this.kind === 'void' ? undefined : `r${this.#index}`
  }

  get opens(): readonly Word[] {
    if ((this.kind === 'fd' || this.#call.result.opens) && !this.outs.some((out) => out.loads))
      return [{ kind: 'result', value: this.#index }]
    return this.outs.flatMap((out) => Object.values(out.loads ?? {}).map((value) => ({ kind: 'load', value }) as const))
  }

  get closes(): Word | undefined {
    const closed = this.#call.closes === undefined ? undefined : this.#args[this.#call.closes]
    return closed instanceof Ref ? closed.word : undefined
  }

  decode(outcome: Outcome): unknown {
    return decodeOuts(this.#call.result, this.outs, outcome)
  }

  printArgs(): string {
    let next = 0
    const texts = this.#call.params.map((param) =>
      param.print(param.implied ? undefined : this.#args[next++], undefined, this.#args),
    )
    return texts.filter((text) => text !== '').join(', ')
  }
}
