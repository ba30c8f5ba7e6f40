import { InvalidInputError } from '../base/errors.ts'
import { EBPF_MAXINSNS, EBPF_OP, type EbpfInstruction } from './ebpf-instructions.ts'

/** Farthest that a jump reaches: `off` has 16 bits and a sign. */
const MOST_SKIPPED = 0x7fff

interface Line extends Omit<EbpfInstruction, 'off'> {
  readonly off: number | string
}

/** A program of extended BPF in the making. Labels stand for what follows them; registers are numbers. */
export class EbpfAssembler {
  readonly #lines: Line[] = []
  readonly #labels = new Map<string, number>()

  #add(code: number, dst: number, fields: Partial<Line> = {}): this {
    this.#lines.push({ code, dst, src: 0, off: 0, imm: 0, ...fields })
    return this
  }

  /** dst = the 32-bit word at src + off */
  loadWord(dst: number, src: number, off: number): this {
    return this.#add(EBPF_OP.LDX_W, dst, { src, off })
  }

  copy(dst: number, src: number): this {
    return this.#add(EBPF_OP.MOV_X, dst, { src })
  }

  set(dst: number, imm: number): this {
    return this.#add(EBPF_OP.MOV_K, dst, { imm })
  }

  and(dst: number, imm: number): this {
    return this.#add(EBPF_OP.AND_K, dst, { imm })
  }

  shiftRight(dst: number, imm: number): this {
    return this.#add(EBPF_OP.RSH_K, dst, { imm })
  }

  goto(label: string): this {
    return this.#add(EBPF_OP.JA, 0, { off: label })
  }

  gotoIfEqual(dst: number, imm: number, label: string): this {
    return this.#add(EBPF_OP.JEQ_K, dst, { imm, off: label })
  }

  gotoIfNotEqual(dst: number, imm: number, label: string): this {
    return this.#add(EBPF_OP.JNE_K, dst, { imm, off: label })
  }

  /** Jumps when the register has any of these bits. */
  gotoIfAny(dst: number, imm: number, label: string): this {
    return this.#add(EBPF_OP.JSET_K, dst, { imm, off: label })
  }

  exit(): this {
    return this.#add(EBPF_OP.EXIT, 0)
  }

  /** Names the place of the next instruction. @throws InvalidInputError for a name that is taken */
  label(name: string): this {
    if (this.#labels.has(name)) {
      throw new InvalidInputError(`Label ${JSON.stringify(name)} stands at two places: give each a name of its own`, {
        field: 'label',
      })
    }
    this.#labels.set(name, this.#lines.length)
    return this
  }

  /** Number of instructions so far */
  get length(): number {
    return this.#lines.length
  }

  /** The instructions, labels resolved. @throws InvalidInputError for an unknown label, a jump back or too far, a program too long */
  get instructions(): readonly EbpfInstruction[] {
    if (this.#lines.length > EBPF_MAXINSNS) {
      throw new InvalidInputError(
        `A BPF program of ${this.#lines.length} instructions is not taken: at most ${EBPF_MAXINSNS} are`,
        { field: 'instructions' },
      )
    }
    return this.#lines.map((line, at) => ({
      ...line,
      off: typeof line.off === 'number' ? line.off : this.#distance(line.off, at),
    }))
  }

  #distance(label: string, at: number): number {
    const place = this.#labels.get(label)
    const skipped = place === undefined ? -1 : place - at - 1
    // Kernels before 5.3 take no loops, and what is made here needs none.
    if (place !== undefined && skipped >= 0 && skipped <= MOST_SKIPPED && place < this.#lines.length) return skipped
    throw new InvalidInputError(`Instruction ${at} jumps to ${JSON.stringify(label)}: a label behind it is wanted`, {
      field: 'label',
    })
  }
}
