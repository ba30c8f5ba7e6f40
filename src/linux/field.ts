import { InvalidInputError } from '../base/errors.ts'
import { type Arch, type PerArch } from './arch.ts'
import type { Encoder, Width, Word } from './encoder.ts'

/** A pointer, a descriptor or a length in a struct that only the agent knows. */
export interface Patch {
  readonly at: number
  readonly word: Word
  readonly width: Width
}

/** What a field writes itself into. */
export interface StructWriter {
  readonly arch: Arch
  readonly bytes: Uint8Array
  readonly view: DataView
  /** Where pointed-at data and references go; undefined when a struct is packed without a program */
  readonly encoder?: Encoder
  readonly patches: Patch[]
}

/** How one type of field is written, read and shown. */
export interface FieldKind {
  readonly size: PerArch
  readonly align: number
  /** TypeScript type of the value to encode, and of the decoded value */
  readonly input: string
  readonly decoded: string
  /** The value is computed from the whole input: a length, a fixed number */
  readonly derive?: (input: Readonly<Record<string, unknown>>) => unknown
  /** Has no decoded value: padding, pointers */
  readonly hidden?: true
  /** Takes its own name out of error messages: `call.struct.field` */
  write(value: unknown, to: StructWriter, at: number, where: string): void
  read(view: DataView, at: number, arch: Arch): unknown
  print(value: unknown, arch: Arch): string
}

/** @throws InvalidInputError when a field needs a program to live in */
export function encoderOf(to: StructWriter, where: string): Encoder {
  if (to.encoder) return to.encoder
  throw new InvalidInputError(`${where} points at other data: encode the struct as part of a program`, { field: where })
}
