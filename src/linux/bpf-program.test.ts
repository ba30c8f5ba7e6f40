import assert from 'node:assert/strict'
import { test } from 'node:test'
import { InvalidInputError } from '../base/errors.ts'
import { decodeBpf, encodeBpf } from './bpf-instructions.ts'
import { auditArch, BpfProgram, disassembleBpf } from './bpf-program.ts'
import { SYSCALLS, type SyscallName } from './syscalls.ts'

/** The first lines of the example of Documentation/userspace-api/seccomp_filter.rst, as cc lays them out on x86-64. */
const DOCUMENTED = Uint8Array.of(
  ...[0x20, 0, 0, 0, 4, 0, 0, 0],
  ...[0x15, 0, 1, 0, 0x3e, 0, 0, 0xc0],
  ...[0x06, 0, 0, 0, 0, 0, 0, 0],
  ...[0x06, 0, 0, 0, 0, 0, 0xff, 0x7f],
)

test('A71: a program of stmt() and jump() is what the macros of linux/filter.h make', () => {
  const program = new BpfProgram('x64')
  program.stmt(['BPF_LD', 'BPF_W', 'BPF_ABS'], 4)
  program.jump(['BPF_JMP', 'BPF_JEQ', 'BPF_K'], 0xc000003e, 1, 0)
  program.ret('SECCOMP_RET_KILL').ret('SECCOMP_RET_ALLOW')
  assert.deepEqual(program.encode(), DOCUMENTED)
  const short = new BpfProgram('x64').validateArchitecture('SECCOMP_RET_KILL').ret('SECCOMP_RET_ALLOW')
  assert.deepEqual(short.encode(), DOCUMENTED)
})

test('A71: instructions become bytes and bytes instructions, also inside of a larger buffer', () => {
  const instructions = decodeBpf(Uint8Array.of(1, ...DOCUMENTED).subarray(1))
  assert.deepEqual(instructions[1], { code: 0x15, jt: 1, jf: 0, k: 0xc000003e })
  assert.deepEqual(encodeBpf(instructions), DOCUMENTED)
  assert.throws(() => decodeBpf(DOCUMENTED.subarray(1)), InvalidInputError)
})

/** Runs a filter as the kernel does, for the instructions that the conveniences use. */
function judge(filter: BpfProgram, nr: number, arch: number): number {
  const { instructions } = filter
  let accumulator = 0
  for (let at = 0; ; at++) {
    const instruction = instructions[at]
    assert.ok(instruction, 'the filter runs past its end')
    const { code, jt, jf, k } = instruction
    if (code === 0x06) return k
    if (code === 0x20) accumulator = k === 0 ? nr : arch
    else if (code === 0x05) at += k
    else if (code === 0x15) at += accumulator === k ? jt : jf
    else if (code === 0x35) at += accumulator >= k ? jt : jf
    else assert.fail(`opcode ${code}`)
  }
}

const ALLOW = 0x7fff_0000
const KILL = 0x8000_0000

test('A71: a list of calls is let through, others and other architectures are answered as said', () => {
  for (const arch of ['x64', 'arm64'] as const) {
    const filter = new BpfProgram(arch).validateArchitecture().examineSyscall()
    filter.allow(['read', 'openat']).answer('getcwd', ['SECCOMP_RET_ERRNO', 'EPERM']).ret('SECCOMP_RET_TRAP')
    const numbers = SYSCALLS[arch]
    const answer = (name: SyscallName): number => judge(filter, numbers[name] ?? -1, auditArch(arch))
    assert.deepEqual(
      [answer('read'), answer('openat'), answer('getcwd'), answer('write'), answer('socket')],
      [ALLOW, ALLOW, 0x50001, 0x30000, 0x30000],
    )
    const other = auditArch(arch === 'x64' ? 'arm64' : 'x64')
    assert.equal(judge(filter, numbers['read'] ?? -1, other), KILL)
  }
})

test('BpfProgram answers the x32 numbers of x86-64, which have the same architecture', () => {
  const filter = new BpfProgram('x64').validateArchitecture().examineSyscall().allow('read').ret('SECCOMP_RET_ALLOW')
  assert.equal(judge(filter, 0x4000_0000, auditArch('x64')), KILL)
  assert.equal(judge(filter, 0, auditArch('x64')), ALLOW)
})

test('BpfProgram passes over a call that only another architecture has, and refuses one that none has', () => {
  const filter = new BpfProgram('arm64').examineSyscall().allow('open')
  assert.equal(filter.ret('SECCOMP_RET_KILL').instructions.length, 2)
  const unknown = 'opanat' as SyscallName
  assert.throws(() => new BpfProgram('x64').allow(unknown), /opanat.*did you mean openat/)
})

test('a label stands for the distance to it, for jumps with a test and without', () => {
  const filter = new BpfProgram('x64').stmt(['BPF_LD', 'BPF_W', 'BPF_ABS'], 0)
  filter.jump(['BPF_JMP', 'BPF_JEQ', 'BPF_K'], 0, 'good', 'bad')
  filter.jump(['BPF_JMP', 'BPF_JA'], 0, 'bad')
  filter.label('good').ret('SECCOMP_RET_ALLOW').label('bad').ret('SECCOMP_RET_KILL_PROCESS')
  assert.deepEqual(
    filter.instructions.map(({ jt, jf, k }) => [jt, jf, k]),
    [
      [0, 0, 0],
      [1, 2, 0],
      [0, 0, 1],
      [0, 0, ALLOW],
      [0, 0, KILL],
    ],
  )
  assert.deepEqual([judge(filter, 0, 0), judge(filter, 1, 0)], [ALLOW, KILL])
})

test('BpfProgram refuses what the kernel would: jumps back, out and too far, no return, too many instructions', () => {
  const bad: Record<string, (p: BpfProgram) => unknown> = {
    'unknown label': (p) => p.jump(['BPF_JMP', 'BPF_JA'], 0, 'nowhere').ret(0).instructions,
    'jump back': (p) => p.label('here').jump(['BPF_JMP', 'BPF_JEQ'], 0, 'here').ret(0).instructions,
    'jump out': (p) => p.jump(['BPF_JMP', 'BPF_JEQ'], 0, 1).ret(0).instructions,
    'too far': (p) => {
      p.jump(['BPF_JMP', 'BPF_JEQ'], 0, 'end')
      for (let i = 0; i < 256; i++) p.stmt(['BPF_LD', 'BPF_W', 'BPF_ABS'], 0)
      return p.label('end').ret(0).instructions
    },
    'no return': (p) => p.stmt(['BPF_LD', 'BPF_W', 'BPF_ABS'], 0).instructions,
    empty: (p) => p.instructions,
    'too long': (p) => {
      for (let i = 0; i < 4097; i++) p.ret(0)
      return p.instructions
    },
    'same label': (p) => p.label('a').ret(0).label('a'),
    'operand of 33 bits': (p) => p.stmt(['BPF_LD'], 2 ** 32),
    'errno of 17 bits': (p) => p.ret(['SECCOMP_RET_ERRNO', 65536]),
    'unknown errno': (p) => p.ret(['SECCOMP_RET_ERRNO', 'ENONSENSE']),
  }
  for (const [what, make] of Object.entries(bad))
    assert.throws(() => make(new BpfProgram('x64')), InvalidInputError, what)
})

test('disassembleBpf() prints the macros and what they mean', () => {
  const filter = new BpfProgram('x64').validateArchitecture().examineSyscall()
  filter.answer('getcwd', ['SECCOMP_RET_ERRNO', 'EPERM']).ret('SECCOMP_RET_ALLOW')
  assert.deepEqual(String(filter).split('\n'), [
    '   0: BPF_STMT(BPF_LD|BPF_W|BPF_ABS, 0x4) /* arch */',
    '   1: BPF_JUMP(BPF_JMP|BPF_JEQ|BPF_K, 0xc000003e, 1, 0) /* AUDIT_ARCH_X86_64 */',
    '   2: BPF_STMT(BPF_RET|BPF_K, 0x80000000) /* SECCOMP_RET_KILL_PROCESS */',
    '   3: BPF_STMT(BPF_LD|BPF_W|BPF_ABS, 0x0) /* nr */',
    '   4: BPF_JUMP(BPF_JMP|BPF_JGE|BPF_K, 0x40000000, 0, 1)',
    '   5: BPF_STMT(BPF_RET|BPF_K, 0x80000000) /* SECCOMP_RET_KILL_PROCESS */',
    '   6: BPF_JUMP(BPF_JMP|BPF_JEQ|BPF_K, 0x4f, 0, 1) /* getcwd */',
    '   7: BPF_STMT(BPF_RET|BPF_K, 0x50001) /* SECCOMP_RET_ERRNO + EPERM */',
    '   8: BPF_STMT(BPF_RET|BPF_K, 0x7fff0000) /* SECCOMP_RET_ALLOW */',
  ])
  const others = [0x00, 0xb1, 0x02, 0x54, 0x1c, 0x16, 0x87, 0xff].map((code) => ({ code, jt: 0, jf: 0, k: 1 }))
  assert.deepEqual(disassembleBpf(others).match(/\(.*(?=, 0x1\))/g), [
    '(BPF_LD|BPF_W|BPF_IMM',
    '(BPF_LDX|BPF_B|BPF_MSH',
    '(BPF_ST',
    '(BPF_ALU|BPF_AND|BPF_K',
    '(BPF_ALU|BPF_SUB|BPF_X',
    '(BPF_RET|BPF_A',
    '(BPF_MISC|BPF_TXA',
    '(0xff',
  ])
})
