import type { Arch } from './arch.ts'
import type { AnyRef } from './ref.ts'

/** Where a machine word of a step comes from; `value` is a number, an offset, a step index or a descriptor index. */
export type Word =
  | { readonly kind: 'immediate'; readonly value: number | bigint }
  | { readonly kind: 'data' | 'reply' | 'result' | 'attached' | 'load'; readonly value: number }

/** Bytes that a relocation writes: a 32-bit or 64-bit number, or decimal text of up to 20 digits and a NUL (21 bytes). */
export type Width = 4 | 8 | 'text'

/**
 * What the encoding of one call's arguments needs from the program it goes into. Arguments push words in the kernel's order;
 * what pointers point at is placed into the program's data or reserved in its reply buffer.
 */
export interface Encoder {
  readonly arch: Arch
  /** Adds the next argument word. */
  push(word: Word): void
  /** Adds a number as the next argument word: the cheap form of `push`. */
  pushNumber(value: number | bigint): void
  /** Adds the address of what was placed into the data at `at`. */
  pushData(at: number): void
  /** Copies bytes into the data, aligned to 8; returns their offset. */
  place(bytes: Uint8Array): number
  /** As `place`, for text without NUL: in UTF-8, with a NUL behind. */
  placeText(text: string): number
  /** Offset of what `keep` was told of before, or undefined. */
  kept(value: unknown, kind: object): number | undefined
  /** Remembers where a value lies as this kind of struct, unless somebody could change it: it is placed once then, however often it is read. */
  keep(value: unknown, kind: object, at: number): void
  /** As `place`, for bytes that the kernel reads and writes: the data comes back with the reply. */
  share(bytes: Uint8Array): number
  /** Reserves bytes in the reply buffer, aligned to 8; returns their offset. */
  reserve(size: number): number
  /** Has the agent write a word into the data at `at` just before the step runs. */
  relocate(at: number, word: Word, width: Width): void
  /** The word of a reference to an earlier result; refuses one of another program. */
  wordOf(ref: AnyRef): Word
}

/** What the decoding of one step's outcome needs. */
export interface Outcome {
  /** The kernel's return value: >= 0, or a tolerated -errno */
  readonly result: number | bigint
  /** The whole reply buffer of the program */
  readonly reply: Uint8Array
  /** The program's data as the kernel left it; empty unless something was shared */
  readonly data: Uint8Array
}
