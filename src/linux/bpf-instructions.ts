import { InvalidInputError } from '../base/errors.ts'

/** One instruction of classic BPF, `struct sock_filter` of linux/filter.h. */
export interface BpfInstruction {
  readonly code: number
  /** Instructions to skip when a conditional jump's test holds, 0 to 255 */
  readonly jt: number
  /** Instructions to skip when it does not */
  readonly jf: number
  /** 32-bit operand */
  readonly k: number
}

/**
 * The opcodes of filters that are compiled here; all are among those that the kernel evaluates for its cache of always-allowed calls
 * (Linux 5.11).
 */
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

/** Longest program that the kernel takes (linux/bpf_common.h). */
export const BPF_MAXINSNS = 4096

/** Farthest that a conditional jump reaches: `jt` and `jf` are bytes. */
export const BPF_MAX_BRANCH = 255

const SIZE = 8

/** Instructions as an array of `struct sock_filter`: 8 bytes each, little-endian as both architectures. */
export function encodeBpf(instructions: readonly BpfInstruction[]): Uint8Array {
  const bytes = new Uint8Array(instructions.length * SIZE)
  const view = new DataView(bytes.buffer)
  instructions.forEach(({ code, jt, jf, k }, index) => {
    view.setUint16(index * SIZE, code, true)
    view.setUint8(index * SIZE + 2, jt)
    view.setUint8(index * SIZE + 3, jf)
    view.setUint32(index * SIZE + 4, k, true)
  })
  return bytes
}

/** Undoes `encodeBpf`. @throws InvalidInputError when the length is no multiple of 8 */
export function decodeBpf(bytes: Uint8Array): readonly BpfInstruction[] {
  if (bytes.length % SIZE !== 0)
    throw new InvalidInputError(
      `A BPF program of ${bytes.length} bytes is cut short: 8 for each instruction are wanted`,
      {
        field: 'bytes',
      },
    )
  const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.length)
  return Array.from({ length: bytes.length / SIZE }, (_, index) => ({
    code: view.getUint16(index * SIZE, true),
    jt: view.getUint8(index * SIZE + 2),
    jf: view.getUint8(index * SIZE + 3),
    k: view.getUint32(index * SIZE + 4, true),
  }))
}
