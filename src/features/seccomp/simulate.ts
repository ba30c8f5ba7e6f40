import { BPF_MAXINSNS, BPF_OP, type BpfInstruction } from '../../linux/bpf-instructions.ts'
import { encodeSeccompData, SECCOMP_DATA, type SeccompData } from './seccomp-data.ts'

/** What a program did with one call. */
export interface Simulation {
  /** Value that the filter returned */
  readonly value: number
  /** Instructions that were executed */
  readonly steps: number
}

/**
 * Runs a filter on a call as the kernel's interpreter does, so that rules are tested without a kernel.
 * Preconditions: `checkProgram(program)` did not throw.
 */
export function simulate(program: readonly BpfInstruction[], data: SeccompData): Simulation {
  const words = new DataView(encodeSeccompData(data).buffer)
  let accumulator = 0
  for (let at = 0, steps = 1; ; at++, steps++) {
    const instruction = program[at]
    if (instruction === undefined) throw new RangeError(`The program runs past its end at ${at}`)
    const { code, jt, jf, k } = instruction
    if (code === BPF_OP.RET_K) return { value: k, steps }
    if (code === BPF_OP.LD_W_ABS) accumulator = words.getUint32(k, true)
    else if (code === BPF_OP.AND_K) accumulator = (accumulator & k) >>> 0
    else if (code === BPF_OP.JA) at += k
    else at += passes(code, accumulator, k) ? jt : jf
  }
}

function passes(code: number, accumulator: number, k: number): boolean {
  if (code === BPF_OP.JEQ_K) return accumulator === k
  if (code === BPF_OP.JGT_K) return accumulator > k
  if (code === BPF_OP.JGE_K) return accumulator >= k
  if (code === BPF_OP.JSET_K) return (accumulator & k) !== 0
  throw new RangeError(`Opcode 0x${code.toString(16)} is not one that filters use`)
}

/**
 * Checks what the kernel checks before it loads a filter (bpf_check_classic and seccomp_check_filter), for the opcodes that we emit.
 * @throws RangeError naming the instruction.
 */
export function checkProgram(program: readonly BpfInstruction[]): void {
  if (program.length === 0 || program.length > BPF_MAXINSNS)
    throw new RangeError(`A program of ${program.length} instructions`)
  program.forEach((instruction, at) => checkInstruction(instruction, at, program.length))
  if (program.at(-1)?.code !== BPF_OP.RET_K) throw new RangeError('The last instruction is no return')
}

function checkInstruction({ code, jt, jf, k }: BpfInstruction, at: number, length: number): void {
  const known: readonly number[] = Object.values(BPF_OP)
  if (!known.includes(code)) throw new RangeError(`Unknown opcode at ${at}`)
  if (!Number.isInteger(k) || k < 0 || k > 0xffff_ffff) throw new RangeError(`Operand out of range at ${at}`)
  if (code === BPF_OP.LD_W_ABS && (k % 4 !== 0 || k >= SECCOMP_DATA.size))
    throw new RangeError(`Load out of bounds at ${at}`)
  if (code === BPF_OP.JA && at + 1 + k >= length) throw new RangeError(`Jump out of bounds at ${at}`)
  for (const skip of [jt, jf]) {
    if (skip < 0 || skip > 255 || at + 1 + skip >= length + (skip === 0 ? 1 : 0))
      throw new RangeError(`Branch out of bounds at ${at}`)
  }
}
