import { EBPF_OP, type EbpfInstruction } from '../../linux/ebpf-instructions.ts'
import { DEVICE_CONTEXT, DEVICE_KINDS } from './device-program.ts'
import { accessOf, type DeviceKind } from './device-pattern.ts'

/** What a process does with a device. */
export interface DeviceUse {
  readonly kind: DeviceKind
  readonly major: number
  readonly minor: number
  /** Letters of `rwm`; the kernel asks for `m` alone, or for `r`, `w` or both */
  readonly access: string
}

/** `struct bpf_cgroup_dev_ctx` as the kernel fills it. */
function contextOf({ kind, major, minor, access }: DeviceUse): DataView {
  const view = new DataView(new ArrayBuffer(DEVICE_CONTEXT.size))
  view.setUint32(DEVICE_CONTEXT.access_type, (accessOf(access) << 16) | DEVICE_KINDS[kind], true)
  view.setUint32(DEVICE_CONTEXT.major, major, true)
  view.setUint32(DEVICE_CONTEXT.minor, minor, true)
  return view
}

function jumps(code: number, value: bigint, operand: bigint): boolean {
  if (code === EBPF_OP.JA) return true
  if (code === EBPF_OP.JEQ_K) return value === operand
  if (code === EBPF_OP.JNE_K) return value !== operand
  if (code === EBPF_OP.JSET_K) return (value & operand) !== 0n
  throw new RangeError(`Opcode 0x${code.toString(16)} is not one that device filters use`)
}

/** Registers that were never written have no value: the verifier would refuse to read one. */
class Registers {
  readonly #values = new Map<number, bigint>()

  get(register: number): bigint {
    const value = this.#values.get(register)
    if (value === undefined) throw new RangeError(`R${register} is read before it is written`)
    return value
  }

  set(register: number, value: bigint): void {
    this.#values.set(register, BigInt.asUintN(64, value))
  }
}

/**
 * Runs a filter as the kernel's interpreter does, so that rules are tested without a kernel.
 * @returns what it leaves in R0: 1 allows, 0 denies
 * @throws RangeError for what the verifier would refuse
 */
export function simulateDeviceProgram(instructions: readonly EbpfInstruction[], use: DeviceUse): number {
  const context = contextOf(use)
  const registers = new Registers()
  for (let at = 0; ; at++) {
    const instruction = instructions[at]
    if (instruction === undefined) throw new RangeError(`The program runs past its end at ${at}`)
    const { code, dst, src, off, imm } = instruction
    // Immediate operands are extended to 64 bits with their sign.
    const operand = BigInt.asUintN(64, BigInt(imm))
    if (code === EBPF_OP.EXIT) return Number(registers.get(0))
    if (code === EBPF_OP.LDX_W && src === 1) registers.set(dst, BigInt(context.getUint32(off, true)))
    else if (code === EBPF_OP.MOV_K) registers.set(dst, operand)
    else if (code === EBPF_OP.MOV_X) registers.set(dst, registers.get(src))
    else if (code === EBPF_OP.AND_K) registers.set(dst, registers.get(dst) & operand)
    else if (code === EBPF_OP.RSH_K) registers.set(dst, registers.get(dst) >> operand)
    else if (jumps(code, code === EBPF_OP.JA ? 0n : registers.get(dst), operand)) at += off
  }
}
