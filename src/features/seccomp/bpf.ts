/** One classic BPF instruction, `struct sock_filter` of <linux/filter.h>. */
export interface SockFilter {
  /** Class, size, mode or operation */
  readonly code: number
  /** Instructions to skip if a conditional jump's test is true, 0 to 255 */
  readonly jt: number
  /** Instructions to skip if it is false, 0 to 255 */
  readonly jf: number
  /** 32-bit operand */
  readonly k: number
}

/** The opcodes that a filter uses; all are among those that the kernel evaluates for its cache of always-allowed calls (Linux 5.11). */
export const BPF_OP = {
  /** A = the 32-bit word at offset k of `struct seccomp_data` */
  LD_W_ABS: 0x20,
  /** A = A & k */
  AND_K: 0x54,
  /** Skip k instructions */
  JA: 0x05,
  JEQ_K: 0x15,
  JGT_K: 0x25,
  JGE_K: 0x35,
  JSET_K: 0x45,
  /** Return k */
  RET_K: 0x06,
} as const satisfies Record<string, number>

/** Longest program that the kernel loads (BPF_MAXINSNS). */
export const BPF_MAXINSNS = 4096

/** Farthest that a conditional jump reaches: `jt` and `jf` are bytes. */
export const BPF_MAX_BRANCH = 255

const INSTRUCTION_BYTES = 8

/** Encodes a program as an array of `struct sock_filter`: 8 bytes each, little-endian, as both supported architectures have it. */
export function encodeProgram(program: readonly SockFilter[]): Uint8Array {
  const bytes = new Uint8Array(program.length * INSTRUCTION_BYTES)
  const view = new DataView(bytes.buffer)
  program.forEach(({ code, jt, jf, k }, i) => {
    view.setUint16(i * INSTRUCTION_BYTES, code, true)
    view.setUint8(i * INSTRUCTION_BYTES + 2, jt)
    view.setUint8(i * INSTRUCTION_BYTES + 3, jf)
    view.setUint32(i * INSTRUCTION_BYTES + 4, k, true)
  })
  return bytes
}

/**
 * Decodes what `encodeProgram` made.
 * @throws RangeError if the length is no multiple of 8 bytes.
 */
export function decodeProgram(bytes: Uint8Array): SockFilter[] {
  if (bytes.length % INSTRUCTION_BYTES !== 0)
    throw new RangeError(`A BPF program of ${bytes.length} bytes is cut short`)
  const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength)
  return Array.from({ length: bytes.length / INSTRUCTION_BYTES }, (_, i) => ({
    code: view.getUint16(i * INSTRUCTION_BYTES, true),
    jt: view.getUint8(i * INSTRUCTION_BYTES + 2),
    jf: view.getUint8(i * INSTRUCTION_BYTES + 3),
    k: view.getUint32(i * INSTRUCTION_BYTES + 4, true),
  }))
}
