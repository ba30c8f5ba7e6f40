import type { Word } from './encoder.ts'

declare const brand: unique symbol

/** A descriptor number of the process that executed the call. */
export type Fd = number & { readonly [brand]?: 'fd' }
/** A process id as the executing process sees it. */
export type Pid = number & { readonly [brand]?: 'pid' }

/** A nice value of getpriority(2), which is not what the kernel returns: no later step can use it. */
export type Nice = number & { readonly [brand]?: 'nice' }

/** The result of a step that has not run yet: stands for a value of type `T` in later steps of the same program. */
export class Ref<T> {
  declare readonly type: (value: T) => T
  /** The program that this is a result of */
  readonly owner: object
  readonly word: Word
  /** When it is not the result of a step */
  declare readonly name?: string

  constructor(owner: object, word: Word, name?: string) {
    this.owner = owner
    this.word = word
    if (name !== undefined) this.name = name
  }

  /** How listings name it, `r3` */
  get label(): string {
    return this.name ?? `r${this.word.value}`
  }

  toString(): string {
    return this.label
  }
}

/** A result of any type: `Ref` is invariant, so `Ref<unknown>` would take none of them. */
export type AnyRef = Ref<Fd> | Ref<Pid> | Ref<number>
