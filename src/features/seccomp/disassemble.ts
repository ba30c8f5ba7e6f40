import { printActionValue } from './action-value.ts'
import { BPF_OP, type SockFilter } from './bpf.ts'
import { SECCOMP_DATA } from './seccomp-data.ts'

const TESTS: Readonly<Record<number, string>> = {
  [BPF_OP.JEQ_K]: '==',
  [BPF_OP.JGT_K]: '>',
  [BPF_OP.JGE_K]: '>=',
  [BPF_OP.JSET_K]: '&',
}

/** Prints a program, one line per instruction with absolute jump targets: `0005: if (A >= 0x3b) goto 12 else goto 6`. */
export function disassemble(program: readonly SockFilter[]): string {
  return program.map((instruction, at) => `${label(at)}: ${printInstruction(instruction, at)}`).join('\n')
}

function printInstruction({ code, jt, jf, k }: SockFilter, at: number): string {
  const test = TESTS[code]
  if (test !== undefined) return `if (A ${test} ${hex(k)}) goto ${label(at + 1 + jt)} else goto ${label(at + 1 + jf)}`
  if (code === BPF_OP.LD_W_ABS) return `A = ${wordName(k)}`
  if (code === BPF_OP.AND_K) return `A &= ${hex(k)}`
  if (code === BPF_OP.JA) return `goto ${label(at + 1 + k)}`
  if (code === BPF_OP.RET_K) return `return ${printActionValue(k)}`
  return `.code ${hex(code)} ${jt} ${jf} ${hex(k)}`
}

function wordName(offset: number): string {
  if (offset === SECCOMP_DATA.nr) return 'nr'
  if (offset === SECCOMP_DATA.arch) return 'arch'
  if (offset < SECCOMP_DATA.args) return `instruction_pointer${offset % 8 === 0 ? '' : ' >> 32'}`
  const index = Math.floor((offset - SECCOMP_DATA.args) / 8)
  return `args[${index}]${offset % 8 === 0 ? '' : ' >> 32'}`
}

function label(at: number): string {
  return String(at).padStart(4, '0')
}

function hex(value: number): string {
  return `0x${value.toString(16)}`
}
