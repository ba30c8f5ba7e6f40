import { FAULTS, FILTER_BITS, FRAMES, GENERATION, LIMITS, SPECIALS, STRUCTS, VALUES, WIDTHS } from './wire.ts'

const FNV_OFFSET = 0xcbf29ce484222325n
const FNV_PRIME = 0x100000001b3n

/** 64-bit FNV-1a of the UTF-8 bytes of `text`. */
export function fnv1a64(text: string): bigint {
  let hash = FNV_OFFSET
  for (const byte of new TextEncoder().encode(text)) hash = BigInt.asUintN(64, (hash ^ BigInt(byte)) * FNV_PRIME)
  return hash
}

let known: bigint | undefined

/**
 * Hash of everything both sides must agree on: the first thing each connection carries. The order of keys counts on purpose,
 * for the order of a struct's fields is its layout.
 */
export function protocolHash(): bigint {
  known ??= fnv1a64(
    JSON.stringify({ GENERATION, LIMITS, FRAMES, VALUES, WIDTHS, SPECIALS, FILTER_BITS, FAULTS, STRUCTS }),
  )
  return known
}
