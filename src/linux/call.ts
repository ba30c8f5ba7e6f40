import type { Arch } from './arch.ts'
import type { Encoder, Outcome } from './encoder.ts'

/**
 * One parameter of a system call: how a TypeScript value becomes the kernel's words, and how a listing shows it.
 * A parameter that takes no value from the caller (`implied`) is an out-buffer, a length or a constant.
 */
export interface Param {
  /** Kernel name from the man page, `pathname` */
  readonly name: string
  /** TypeScript type of the value, as text for the generated signatures; unused when implied */
  readonly type: string
  /** Type of the results that stand for it, `Fd`: programs take `TYPE | Ref<Fd>` where callers of `sys` pass TYPE */
  readonly ref?: string
  readonly optional?: true
  readonly implied?: true
  /**
   * Pushes this parameter's words.
   * @throws InvalidInputError with `field` = `CALL.PARAM`
   */
  encode(value: unknown, to: Encoder, call: string): EncodedOut | void
  /**
   * The parameter as `strace` prints it (may hold several arguments, joined by ", "); '' for an optional one left out. `all` are the values of
   * the call, for one whose meaning another one says.
   */
  print(value: unknown, arch?: Arch, all?: readonly unknown[]): string
}

/** What an encoded out-parameter leaves behind, so that its value can be decoded and referred to. */
export interface EncodedOut {
  /** Offset of its buffer in the reply, or in the data when the kernel both reads and writes it */
  readonly at: number
  /** Reads the value that the kernel wrote. */
  decode(outcome: Outcome): unknown
  /** References that this buffer offers: name to offset of a 32-bit number (`pipe2`: read, write) */
  readonly loads?: Readonly<Record<string, number>>
  /** Hands what the kernel left to the argument itself (`memory`), whatever the call gives; such an argument is no value of the call */
  settle?(outcome: Outcome): void
}

/** What a call returns. `type` is the TypeScript type for callers of `sys`, `ref` that for builders of programs. */
export interface Result {
  readonly type: string
  readonly ref: string
  /** `fd`: a descriptor is made, closed again when the program fails; `value`: the return value; `out`: the out-parameter(s); `void` */
  readonly kind: 'void' | 'value' | 'fd' | 'pid' | 'out' | 'bigint'
  /** How several out-parameters become the one value of an `out` result; without it that is the first one */
  readonly combine?: (outs: readonly unknown[], result: number | bigint) => unknown
  /** An `out` call whose return value is a descriptor, closed again when the program fails */
  readonly opens?: true
}

/** A system call with a typed signature. */
export interface Call {
  /** Name in the kernel's table */
  readonly name: string
  /** One line for the generated docstring: what it does, the errors that matter, the kernel version beyond 5.4 */
  readonly about?: string
  /** Man page, when it is not the call's own name in section 2 */
  readonly page?: string
  readonly params: readonly Param[]
  readonly result: Result
  /** Descriptors that the call closes: index of the parameter (`close`) */
  readonly closes?: number
  /** Waits for something outside the kernel: no time is too long for it unless the caller says so */
  readonly waits?: true
  /** Ends the process, or the agent in it: the end of the connection is its success */
  readonly ends?: true
}

/** The value of an `out` call, from what its parameters left behind when it was encoded. */
export function decodeOuts(result: Result, outs: readonly EncodedOut[], outcome: Outcome): unknown {
  const values = outs.filter((out) => !out.settle)
  if (result.combine)
    return result.combine(
      values.map((out) => out.decode(outcome)),
      outcome.result,
    )
  return values[0]?.decode(outcome)
}
