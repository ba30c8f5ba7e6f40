/** A copy of part of a reply: a plain Uint8Array that keeps nothing else alive (a Buffer's own `slice` would). */
export const bytesBetween = (bytes: Uint8Array, from: number, to: number): Uint8Array =>
  new Uint8Array(bytes.subarray(from, to))
