import { InvalidInputError } from '../base/errors.ts'

/** One instruction of extended BPF, `struct bpf_insn` of linux/bpf.h. */
export interface EbpfInstruction {
  readonly code: number
  /** Register that is written or tested, 0 to 10 */
  readonly dst: number
  /** Register that is read */
  readonly src: number
  /** Instructions to skip, or offset of a load */
  readonly off: number
  /** 32-bit operand */
  readonly imm: number
}

/** The opcodes of programs that are made here: none is younger than Linux 4.15. */
export const EBPF_OP = {
  /** dst = the 32-bit word at src + off */
  LDX_W: 0x61,
  MOV_K: 0xb7,
  MOV_X: 0xbf,
  AND_K: 0x57,
  RSH_K: 0x77,
  JA: 0x05,
  JEQ_K: 0x15,
  JNE_K: 0x55,
  JSET_K: 0x45,
  EXIT: 0x95,
} as const satisfies Record<string, number>

/** Longest program that every kernel since 4.15 takes (linux/bpf_common.h). */
export const EBPF_MAXINSNS = 4096

const SIZE = 8

/** Instructions as an array of `struct bpf_insn`: 8 bytes each, little-endian as both architectures. */
export function encodeEbpf(instructions: readonly EbpfInstruction[]): Uint8Array {
  const bytes = new Uint8Array(instructions.length * SIZE)
  const view = new DataView(bytes.buffer)
  instructions.forEach(({ code, dst, src, off, imm }, index) => {
    view.setUint8(index * SIZE, code)
    view.setUint8(index * SIZE + 1, (src << 4) | dst)
    view.setInt16(index * SIZE + 2, off, true)
    view.setInt32(index * SIZE + 4, imm, true)
  })
  return bytes
}

const hex = (value: number): string => `0x${(value >>> 0).toString(16)}`
const signed = (value: number): string => (value < 0 ? String(value) : `+${value}`)

function textOf({ code, dst, src, off, imm }: EbpfInstruction): string {
  const jump = `goto pc${signed(off)}`
  if (code === EBPF_OP.LDX_W) return `r${dst} = *(u32 *)(r${src} ${signed(off)})`
  if (code === EBPF_OP.MOV_K) return `r${dst} = ${imm}`
  if (code === EBPF_OP.MOV_X) return `r${dst} = r${src}`
  if (code === EBPF_OP.AND_K) return `r${dst} &= ${imm}`
  if (code === EBPF_OP.RSH_K) return `r${dst} >>= ${imm}`
  if (code === EBPF_OP.JA) return jump
  if (code === EBPF_OP.JEQ_K) return `if r${dst} == ${hex(imm)} ${jump}`
  if (code === EBPF_OP.JNE_K) return `if r${dst} != ${hex(imm)} ${jump}`
  if (code === EBPF_OP.JSET_K) return `if r${dst} & ${hex(imm)} ${jump}`
  if (code === EBPF_OP.EXIT) return 'exit'
  throw new InvalidInputError(`Opcode ${hex(code)} is none of those that are made here`, { field: 'code' })
}

/** An instruction in the notation of the kernel's verifier and of bpftool(8): `(55) if r2 != 0x2 goto pc+5`. */
export const printEbpfInstruction = (instruction: EbpfInstruction): string =>
  `(${instruction.code.toString(16).padStart(2, '0')}) ${textOf(instruction)}`

/** A program as `bpftool prog dump xlated` prints it, one instruction a line. */
export const printEbpf = (instructions: readonly EbpfInstruction[]): string =>
  instructions
    .map((instruction, index) => `${String(index).padStart(4)}: ${printEbpfInstruction(instruction)}`)
    .join('\n')
