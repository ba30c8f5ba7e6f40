import assert from 'node:assert/strict'
import { test } from 'node:test'
import { BPF_OP, type BpfInstruction } from '../../linux/bpf-instructions.ts'
import { checkProgram, simulate } from './simulate.ts'

const RETURN_ALLOW: BpfInstruction = { code: BPF_OP.RET_K, jt: 0, jf: 0, k: 0x7fff0000 }

test('checkProgram() refuses what the kernel refuses', () => {
  const bad: Record<string, BpfInstruction[]> = {
    empty: [],
    'too long': Array.from({ length: 4097 }, () => RETURN_ALLOW),
    'no return at the end': [RETURN_ALLOW, { code: BPF_OP.LD_W_ABS, jt: 0, jf: 0, k: 0 }],
    'jump past the end': [{ code: BPF_OP.JA, jt: 0, jf: 0, k: 1 }, RETURN_ALLOW],
    'branch past the end': [{ code: BPF_OP.JEQ_K, jt: 0, jf: 1, k: 1 }, RETURN_ALLOW],
    'load past seccomp_data': [{ code: BPF_OP.LD_W_ABS, jt: 0, jf: 0, k: 64 }, RETURN_ALLOW],
    'unaligned load': [{ code: BPF_OP.LD_W_ABS, jt: 0, jf: 0, k: 2 }, RETURN_ALLOW],
    'half-word load': [{ code: 0x28, jt: 0, jf: 0, k: 0 }, RETURN_ALLOW],
  }
  for (const [what, program] of Object.entries(bad)) assert.throws(() => checkProgram(program), RangeError, what)
  checkProgram([{ code: BPF_OP.JEQ_K, jt: 0, jf: 1, k: 1 }, RETURN_ALLOW, RETURN_ALLOW])
})

test('simulate() loads both halves of every argument from their places in seccomp_data', () => {
  const args = [1n, 2n, 3n, 4n, 5n, 6n].map((n) => n | ((n + 16n) << 32n))
  for (let offset = 16; offset < 64; offset += 4) {
    const k = offset % 8 === 0 ? (offset - 8) / 8 : (offset - 12) / 8 + 16
    const program = [
      { code: BPF_OP.LD_W_ABS, jt: 0, jf: 0, k: offset },
      { code: BPF_OP.JEQ_K, jt: 0, jf: 1, k },
      { code: BPF_OP.RET_K, jt: 0, jf: 0, k: 1 },
      { code: BPF_OP.RET_K, jt: 0, jf: 0, k: 0 },
    ]
    assert.deepEqual(simulate(program, { nr: 0, arch: 0, args }), { value: 1, steps: 3 }, `offset ${offset}`)
  }
})
