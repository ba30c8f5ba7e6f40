import { InvalidInputError } from '../base/errors.ts'
import { type Arch, machineArch } from './arch.ts'
import { BPF_MAX_BRANCH, BPF_MAXINSNS, BPF_OP, type BpfInstruction, encodeBpf } from './bpf-instructions.ts'
import { flagSet, nameOf, type NameOf, valueOf } from './constant-set.ts'
import { errnoName, errnoNumber } from './errno.ts'
import { type Flags, flagsValue } from './flags.ts'
import { didYouMean } from './nearest.ts'
import { describeValue } from './show-value.ts'
import { SECCOMP_DATA } from './structs/process.ts'
import { SYSCALLS, type SyscallName, syscallName, syscallNumber } from './syscalls.ts'
import { AUDIT_ARCH, SECCOMP_ACTIONS, type SeccompAction } from './tables/seccomp.ts'

/** Parts of an opcode of classic BPF: class, size and mode of loads, operation, source. */
export const BPF_CODE = flagSet('BpfCode', 'linux/bpf_common.h', () => ({
  BPF_LD: 0x00,
  BPF_LDX: 0x01,
  BPF_ST: 0x02,
  BPF_STX: 0x03,
  BPF_ALU: 0x04,
  BPF_JMP: 0x05,
  BPF_RET: 0x06,
  BPF_MISC: 0x07,
  BPF_W: 0x00,
  BPF_H: 0x08,
  BPF_B: 0x10,
  BPF_IMM: 0x00,
  BPF_ABS: 0x20,
  BPF_IND: 0x40,
  BPF_MEM: 0x60,
  BPF_LEN: 0x80,
  BPF_MSH: 0xa0,
  BPF_ADD: 0x00,
  BPF_SUB: 0x10,
  BPF_MUL: 0x20,
  BPF_DIV: 0x30,
  BPF_OR: 0x40,
  BPF_AND: 0x50,
  BPF_LSH: 0x60,
  BPF_RSH: 0x70,
  BPF_NEG: 0x80,
  BPF_MOD: 0x90,
  BPF_XOR: 0xa0,
  BPF_JA: 0x00,
  BPF_JEQ: 0x10,
  BPF_JGT: 0x20,
  BPF_JGE: 0x30,
  BPF_JSET: 0x40,
  BPF_K: 0x00,
  BPF_X: 0x08,
  BPF_A: 0x10,
  BPF_TAX: 0x00,
  BPF_TXA: 0x80,
}))
export type BpfCode = NameOf<typeof BPF_CODE>

/** What a filter answers: an action, with an errno or a tracer's number in its low 16 bits where the action takes one, or the word itself. */
export type BpfAnswer = SeccompAction | readonly [action: SeccompAction, data: string | number] | number

/** Where a jump goes: a label, or a number of instructions to skip. */
export type BpfTarget = string | number

/** Offsets in what the kernel shows a filter */
const NR = SECCOMP_DATA.offset('nr')
const ARCH = SECCOMP_DATA.offset('arch')
const ARGUMENTS = SECCOMP_DATA.offset('args')

/** System calls of the x32 ABI have this bit; the architecture that a filter sees is x86-64's (asm/unistd.h). */
const X32_BIT = 0x4000_0000

const ARCH_NAMES = { x64: 'AUDIT_ARCH_X86_64', arm64: 'AUDIT_ARCH_AARCH64' } as const

/** The architecture of a machine as a filter sees it, `AUDIT_ARCH_*`. */
export const auditArch = (arch: Arch = machineArch()): number =>
  valueOf(AUDIT_ARCH, ARCH_NAMES[arch], arch, 'auditArch')

type Line = {
  readonly code: number
  readonly k: number
  readonly yes: BpfTarget
  readonly no: BpfTarget
}

/**
 * A filter for seccomp(2) in the making, in the instructions of classic BPF. Labels stand for what follows them.
 * @example
 * const filter = new BpfProgram().validateArchitecture().examineSyscall()
 * filter.answer(['getcwd', 'uname'], ['SECCOMP_RET_ERRNO', 'EPERM']).ret('SECCOMP_RET_ALLOW')
 * await child.sys.prctl('PR_SET_NO_NEW_PRIVS', 1)
 * await child.sys.seccomp('SECCOMP_SET_MODE_FILTER', 0, { filter: filter.instructions })
 */
export class BpfProgram {
  readonly #arch: Arch
  readonly #lines: Line[] = []
  readonly #labels = new Map<string, number>()

  constructor(arch: Arch = machineArch()) {
    this.#arch = arch
  }

  /** BPF_STMT of linux/filter.h. @throws InvalidInputError for an unknown part of an opcode, an operand beyond 32 bits */
  stmt(code: Flags<BpfCode>, k: number): this {
    return this.jump(code, k, 0, 0)
  }

  /** BPF_JUMP of linux/filter.h, with labels too. @throws InvalidInputError as `stmt` */
  jump(code: Flags<BpfCode>, k: number, yes: BpfTarget, no: BpfTarget = 0): this {
    if (!Number.isInteger(k) || k < 0 || k > 0xffff_ffff)
      throw new InvalidInputError(`Operand of a BPF instruction is ${k}: 0 to 4294967295 is wanted`, { field: 'k' })
    this.#lines.push({ code: Number(flagsValue(BPF_CODE, code, this.#arch, 'code')), k, yes, no })
    return this
  }

  /** Names the place of the next instruction. @throws InvalidInputError for a name that is taken */
  label(name: string): this {
    if (this.#labels.has(name))
      throw new InvalidInputError(`Label ${JSON.stringify(name)} stands at two places: give each a name of its own`, {
        field: 'label',
      })
    this.#labels.set(name, this.#lines.length)
    return this
  }

  /** Ends the filter with an answer. @throws InvalidInputError for an unknown action or errno */
  ret(answer: BpfAnswer): this {
    return this.stmt(['BPF_RET', 'BPF_K'], answerValue(answer, this.#arch))
  }

  /** Answers calls of any other architecture: their numbers mean other calls (seccomp(2), "Caveats"). */
  validateArchitecture(otherwise: BpfAnswer = 'SECCOMP_RET_KILL_PROCESS'): this {
    this.stmt(['BPF_LD', 'BPF_W', 'BPF_ABS'], ARCH)
    this.jump(['BPF_JMP', 'BPF_JEQ', 'BPF_K'], auditArch(this.#arch), 1, 0)
    return this.ret(otherwise)
  }

  /** Loads the number of the call, for `answer`; on x86-64 the numbers of x32 are answered at once. */
  examineSyscall(x32: BpfAnswer = 'SECCOMP_RET_KILL_PROCESS'): this {
    this.stmt(['BPF_LD', 'BPF_W', 'BPF_ABS'], NR)
    if (this.#arch !== 'x64') return this
    this.jump(['BPF_JMP', 'BPF_JGE', 'BPF_K'], X32_BIT, 0, 1)
    return this.ret(x32)
  }

  /**
   * Answers these calls; others go on. A name that this architecture does not have, but another one has, is passed over.
   * Preconditions: `examineSyscall()` came before.
   * @throws InvalidInputError for a name that no architecture has
   */
  answer(calls: SyscallName | readonly SyscallName[], answer: BpfAnswer): this {
    for (const name of typeof calls === 'string' ? [calls] : calls) {
      const number = callNumber(name, this.#arch)
      if (number === undefined) continue
      this.jump(['BPF_JMP', 'BPF_JEQ', 'BPF_K'], number, 0, 1)
      this.ret(answer)
    }
    return this
  }

  /** Lets these calls through. */
  allow(calls: SyscallName | readonly SyscallName[]): this {
    return this.answer(calls, 'SECCOMP_RET_ALLOW')
  }

  /**
   * The instructions, labels resolved.
   * @throws InvalidInputError for an unknown label, a jump back or beyond what a byte counts, an end that is no return
   */
  get instructions(): readonly BpfInstruction[] {
    const end = this.#lines.at(-1)
    if (this.#lines.length > BPF_MAXINSNS || end === undefined || (end.code & CLASS) !== RET) {
      throw new InvalidInputError(
        `A BPF program of ${this.#lines.length} instructions is not taken: 1 to ${BPF_MAXINSNS} are wanted, the last of them a return`,
        { field: 'instructions' },
      )
    }
    return this.#lines.map((line, at) => this.#resolve(line, at))
  }

  /** The program as an array of `struct sock_filter`. @throws InvalidInputError as `instructions` */
  encode(): Uint8Array {
    return encodeBpf(this.instructions)
  }

  toString(): string {
    return disassembleBpf(this.instructions, this.#arch)
  }

  #resolve({ code, k, yes, no }: Line, at: number): BpfInstruction {
    if ((code & CLASS) !== JMP) return { code, jt: 0, jf: 0, k }
    // A jump without a test has its distance in the operand, 32 bits of it.
    if (code === BPF_OP.JA)
      return { code, jt: 0, jf: 0, k: typeof yes === 'string' ? this.#distance(yes, at, BPF_MAXINSNS) : k }
    return { code, jt: this.#distance(yes, at, BPF_MAX_BRANCH), jf: this.#distance(no, at, BPF_MAX_BRANCH), k }
  }

  #distance(target: BpfTarget, at: number, most: number): number {
    const place = typeof target === 'number' ? at + 1 + target : this.#labels.get(target)
    if (place === undefined) {
      const guess = didYouMean(String(target), this.#labels.keys())
      throw new InvalidInputError(`There is no label ${JSON.stringify(target)}${guess}`, { field: 'label' })
    }
    const distance = place - at - 1
    if (Number.isInteger(distance) && distance >= 0 && distance <= most && place < this.#lines.length) return distance
    throw new InvalidInputError(
      `Jump of instruction ${at} to ${JSON.stringify(target)} skips ${distance}: 0 to ${most}, inside of the program, is wanted`,
      { field: 'jump' },
    )
  }
}

/** Bits of an opcode that hold its class, and two of the classes */
const CLASS = 7
const JMP = 5
const RET = 6

function callNumber(name: string, arch: Arch): number | undefined {
  const number = syscallNumber(arch, name)
  if (number !== undefined || Object.values(SYSCALLS).some((table) => Object.hasOwn(table, name))) return number
  const guess = didYouMean(name, Object.keys(SYSCALLS[arch]))
  throw new InvalidInputError(`There is no system call ${JSON.stringify(name)}${guess}`, { field: 'calls' })
}

function answerValue(answer: BpfAnswer, arch: Arch): number {
  if (typeof answer === 'number') return answer
  if (typeof answer !== 'string' && !Array.isArray(answer)) {
    throw new InvalidInputError(`answer must be an action, [action, data] or a number, not ${describeValue(answer)}`, {
      field: 'answer',
    })
  }
  const [action, data] = typeof answer === 'string' ? [answer, 0] : answer
  const number = typeof data === 'string' ? errnoNumber(data) : data
  if (!Number.isInteger(number) || number < 0 || number > 0xffff)
    throw new InvalidInputError(`Data of ${action} is ${data}: 0 to 65535 is wanted`, { field: 'answer' })
  return valueOf(SECCOMP_ACTIONS, action, arch, 'answer') + number
}

/** Instructions in the notation of linux/filter.h, one a line, with what they mean to seccomp. */
export function disassembleBpf(instructions: readonly BpfInstruction[], arch: Arch = machineArch()): string {
  let loaded: number | undefined
  return instructions
    .map((instruction, at) => {
      const { code, jt, jf, k } = instruction
      if (code === BPF_OP.LD_W_ABS) loaded = k
      const number = String(at).padStart(4)
      const operand = `0x${k.toString(16)}`
      const text =
        (code & CLASS) === JMP
          ? `BPF_JUMP(${printCode(code)}, ${operand}, ${jt}, ${jf})`
          : `BPF_STMT(${printCode(code)}, ${operand})`
      const meaning = meaningOf(instruction, loaded, arch)
      return `${number}: ${text}${meaning === undefined ? '' : ` /* ${meaning} */`}`
    })
    .join('\n')
}

function meaningOf({ code, k }: BpfInstruction, loaded: number | undefined, arch: Arch): string | undefined {
  if (code === BPF_OP.LD_W_ABS) return wordName(k)
  if (code === BPF_OP.RET_K) return printAnswer(k)
  if ((code & CLASS) !== JMP || code === BPF_OP.JA) return undefined
  if (loaded === ARCH) return nameOf(AUDIT_ARCH, k)
  return loaded === NR ? syscallName(arch, k) : undefined
}

/** The 32-bit word at an offset of `struct seccomp_data`. */
function wordName(offset: number): string | undefined {
  if (offset >= SECCOMP_DATA.size()) return undefined
  const { fields } = SECCOMP_DATA.layout()
  const { name, at } = fields.findLast((field) => field.at <= offset) ?? { name: '', at: 0 }
  const element = at === ARGUMENTS ? `[${(offset - at) >> 3}]` : ''
  return `${name}${element}${(offset - at) % 8 === 0 ? '' : ' >> 32'}`
}

function printAnswer(value: number): string | undefined {
  const data = value & 0xffff
  const action = nameOf(SECCOMP_ACTIONS, (value & 0xffff_0000) >>> 0)
  if (action === undefined || data === 0) return action
  return `${action} + ${action === 'SECCOMP_RET_ERRNO' ? errnoName(data) : data}`
}

const CLASSES = ['LD', 'LDX', 'ST', 'STX', 'ALU', 'JMP', 'RET', 'MISC'] as const
const SIZES: Readonly<Record<number, string>> = { 0x00: 'W', 0x08: 'H', 0x10: 'B' }
const MODES = ['IMM', 'ABS', 'IND', 'MEM', 'LEN', 'MSH'] as const
const OPERATIONS = ['ADD', 'SUB', 'MUL', 'DIV', 'OR', 'AND', 'LSH', 'RSH', 'NEG', 'MOD', 'XOR'] as const
const TESTS = ['JA', 'JEQ', 'JGT', 'JGE', 'JSET'] as const

/** An opcode as the parts that it is made of; one that has none in hexadecimal. */
function printCode(code: number): string {
  const parts = partsOf(code)
  return parts.includes(undefined) ? `0x${code.toString(16)}` : parts.map((part) => `BPF_${part}`).join('|')
}

function partsOf(code: number): readonly (string | undefined)[] {
  const kind = CLASSES[code & CLASS]
  const high = code >> 4
  const source = code & 8 ? 'X' : 'K'
  if (kind === 'LD' || kind === 'LDX') return [kind, SIZES[code & 0x18], MODES[code >> 5]]
  if (kind === 'ALU') return [kind, OPERATIONS[high], source]
  if (kind === 'JMP') return [kind, TESTS[high], source]
  if (kind === 'RET') return [kind, { 0x00: 'K', 0x08: 'X', 0x10: 'A' }[code & 0xf8]]
  if (kind === 'MISC') return [kind, { 0x00: 'TAX', 0x80: 'TXA' }[code & 0xf8]]
  return code === 2 || code === 3 ? [kind] : [undefined]
}
