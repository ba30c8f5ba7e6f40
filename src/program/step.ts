import type { EncodedOut } from '../linux/call.ts'
import type { Outcome, Word } from '../linux/encoder.ts'

/** Which part of a plan a step belongs to, and why it is there. */
export interface Reason {
  /** Feature, as the folders under `features` name them */
  readonly feature?: string | undefined
  /** Why the step exists, and why here */
  readonly because?: string | undefined
}

/** What is kept of a step beside its bytes: for listings, for errors, for reading its outcome. */
export interface Step extends Reason {
  /** Name in the kernel's table */
  readonly name: string
  /** Names of the errors that do not stop the program */
  readonly tolerated: readonly string[]
  /** Arguments as `strace` prints them */
  printArgs(): string
  /** Label of the result when a later step may use it, `r3` */
  readonly label: string | undefined
  /** Further calls that the agent makes for this step, as listing lines */
  readonly also?: readonly string[] | undefined
  readonly outs: readonly EncodedOut[]
  /** The value of an `out` step */
  decode(outcome: Outcome): unknown
  /** How the outcome is read: `out` when the caller wants what the kernel wrote */
  readonly kind: 'void' | 'value' | 'fd' | 'pid' | 'out' | 'bigint'
  /** Words of the descriptors that exist after this step */
  readonly opens: readonly Word[]
  /** Word of the descriptor that this step closes */
  readonly closes: Word | undefined
}
