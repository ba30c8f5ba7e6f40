/**
 * A value of D-Bus: numbers up to 32 bits as number, 64 bits as bigint, `ay` as bytes, arrays and structs as lists, dictionaries as lists of pairs.
 */
export type BusValue = number | bigint | boolean | string | Uint8Array | Variant | readonly BusValue[]

/** A value that brings its type along. */
export interface Variant {
  readonly signature: string
  readonly value: BusValue
}

export const variant = (signature: string, value: BusValue): Variant => ({ signature, value })

/** Whether a value is a variant, and not a list or bytes. */
export const isVariant = (value: unknown): value is Variant =>
  typeof value === 'object' && value !== null && 'signature' in value
